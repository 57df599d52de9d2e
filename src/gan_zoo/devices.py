"""The device that a setting names."""

import torch

from gan_zoo.schema import ConfigError

_KINDS = ("cpu", "cuda")


def find_device(name: str) -> torch.device:
    """The device of a name; auto is CUDA where there is one. Raises ConfigError if unavailable."""
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.empty(0, device=chosen).device
    except (RuntimeError, AssertionError):
        device = None
    if device is None or device.type not in _KINDS:
        allowed = "is not available here; use auto, cpu" + (
            f", cuda or cuda:N with N below {torch.cuda.device_count()}"
            if torch.cuda.is_available()
            else " (torch sees no CUDA device)"
        )
        raise ConfigError("device", name, allowed)
    return torch.device(chosen)
