"""Random generators of a run, each determined by the seed and its name.

The same seed gives the same initial weights, latent vectors and data order whatever the loss, so
that runs of different losses can be compared pair by pair.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def derive_seed(seed: int, name: str) -> int:
    """Derive the seed of the random generator `name` of a run."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8]) % 2**63


def make_rng(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Make the random generator `name` of a run, on a device."""
    return torch.Generator(device).manual_seed(derive_seed(seed, name))


def restore(rng: torch.Generator, state: Tensor) -> None:
    """Restore the state of a generator; another kind of device has other states.

    From one of those, a new sequence starts, which the state determines.
    """
    try:
        rng.set_state(state)
    except RuntimeError:
        digest = hashlib.sha256(state.numpy().tobytes()).digest()
        rng.manual_seed(int.from_bytes(digest[:8]) % 2**63)


@contextmanager
def default_rng(seed: int, name: str) -> Iterator[None]:
    """Seed torch's default generator on the CPU inside this block, and restore it after it.

    Initial weights are drawn from it; nothing else is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, name))
        yield
