"""Random generators of a run, each determined by the seed and its name.

The same seed gives the same initial weights, latent vectors and data order whatever the loss, so
that runs of different losses can be compared pair by pair.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def derive_seed(seed: int, name: str) -> int:
    """Derive the seed of the random generator `name` of a run."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8]) % 2**63


def make_rng(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Make the random generator `name` of a run, on a device, or on the CPU if that has none."""
    try:
        rng = torch.Generator(device)
    except RuntimeError:
        rng = torch.Generator()
    return rng.manual_seed(derive_seed(seed, name))


def rng_state(rng: torch.Generator) -> dict[str, Any]:
    """Return the state of a random generator, and the type of its device."""
    return {"device": rng.device.type, "state": rng.get_state()}


def load_rng_state(rng: torch.Generator, saved: dict[str, Any] | torch.Tensor) -> bool:
    """Load an `rng_state`, or the tensor that earlier versions saved, and return True.

    The state of another type of device becomes a seed; then this returns False.
    """
    if isinstance(saved, torch.Tensor) or saved["device"] == rng.device.type:
        rng.set_state(saved if isinstance(saved, torch.Tensor) else saved["state"])
        return True
    rng.manual_seed(derive_seed(0, saved["state"].numpy().tobytes().hex()))
    return False


@contextmanager
def default_rng(seed: int, name: str) -> Iterator[None]:
    """Seed torch's default generator on the CPU inside this block, and restore it after it.

    Initial weights are drawn from it; nothing else is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, name))
        yield
