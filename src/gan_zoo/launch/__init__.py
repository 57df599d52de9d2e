"""The command line of train.py: the only package that imports Hydra. It does not import torch."""

from gan_zoo.launch.errors import config_errors, one_line_hydra_errors
from gan_zoo.launch.hydra_config import initialize, load_config, own_hydra, to_dict
from gan_zoo.launch.job import check_jobs, compose_run, delete_unused, train_job
from gan_zoo.launch.job_folders import check_resumed_folder, check_run_folder
from gan_zoo.launch.overrides import parsed as parse_override
from gan_zoo.launch.overrides import quote
from gan_zoo.launch.preflight import PreflightCallback
from gan_zoo.launch.resume import prepare_overrides
from gan_zoo.launch.usage_errors import check_overrides

__all__ = [
    "PreflightCallback",
    "check_jobs",
    "check_overrides",
    "check_resumed_folder",
    "check_run_folder",
    "compose_run",
    "config_errors",
    "delete_unused",
    "initialize",
    "load_config",
    "one_line_hydra_errors",
    "own_hydra",
    "parse_override",
    "prepare_overrides",
    "quote",
    "to_dict",
    "train_job",
]
