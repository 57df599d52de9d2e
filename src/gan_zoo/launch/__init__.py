"""Between Hydra and the runner: check everything first, tell every mistake on one line.

The only package of the house that imports Hydra. It does not import torch.
"""

from gan_zoo.launch.errors import one_line_hydra_errors
from gan_zoo.launch.hydra_versions import initialize
from gan_zoo.launch.preflight import PreflightCallback
from gan_zoo.launch.resume import to_dict
from gan_zoo.launch.usage_errors import check_overrides

__all__ = [
    "PreflightCallback",
    "check_overrides",
    "initialize",
    "one_line_hydra_errors",
    "to_dict",
]
