"""The command line of train.py, from Hydra's composition to a job's or a sweep's end."""

import sys
from pathlib import Path

from hydra import compose
from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import run_job
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_zoo.imports import uncollected
from gan_zoo.launch import versions
from gan_zoo.launch.job import train
from gan_zoo.launch.mistakes import checked
from gan_zoo.launch.sweeps import with_sweep
from gan_zoo.launch.telling import in_one_line


def main(configs: Path) -> None:
    """Train what the command line says, in one run or in a sweep; configs is composed from."""
    configs = configs.resolve()
    in_one_line(lambda: _compose_and_train(configs), configs, lambda words: checked(words, configs))


def _compose_and_train(configs: Path) -> None:
    words = with_sweep(sys.argv[1:])
    sys.argv[1:] = words  # Hydra reads them there
    single = not any(word.startswith("-") or "hydra.mode" in word for word in words)
    if not (single and _run(configs, words)):
        versions.hydra_main(configs, _job)


def _run(configs: Path, words: list[str]) -> bool:
    """A single run, composed once: Hydra does so twice, to learn first if it sweeps.

    Returns whether it is one: a configuration may say by itself that it sweeps.
    """
    with versions.initialize(configs), versions.trusting():
        with uncollected():
            config = compose("train", words, return_hydra_config=True)
        if config.hydra.mode == RunMode.MULTIRUN:
            return False
        config.hydra.mode = RunMode.RUN
        callbacks = Callbacks(config)
        callbacks.on_run_start(config=config, config_name="train")
        ended = run_job(_job, config, "hydra.run.dir", None, versions.context(callbacks))
        callbacks.on_run_end(config=config, config_name="train", job_return=ended)
        _ = ended.return_value  # raises what ended the job
        return True


def _job(config: DictConfig) -> None:
    """Train in the folder that Hydra made for this job."""
    settings = HydraConfig.get()
    train(config, Path(settings.runtime.output_dir), alone=settings.mode == RunMode.RUN)
