"""Random generators of a run, each determined by the seed and its name, and latent vectors.

The same seed gives the same initial weights, latent vectors and data order whatever the loss, so
that runs of different losses can be compared pair by pair.
"""

import hashlib
import logging
from typing import Any

import torch
from torch import Tensor

from gan_zoo.architectures.networks import Generator

log = logging.getLogger(__name__)

_BLOCK = 16  # batches sampled together: for small networks a call costs more than its numbers


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


def load_rng_state(rng: torch.Generator, saved: dict[str, Any]) -> None:
    """Load an `rng_state`; one of another type of device becomes a seed, with a warning."""
    if saved["device"] == rng.device.type:
        rng.set_state(saved["state"])
        return
    rng.manual_seed(derive_seed(0, saved["state"].numpy().tobytes().hex()))
    log.warning(
        "%-13s random numbers are others than on %s, where the run was saved",
        "device",
        saved["device"],
    )


class LatentSampler:
    """Endless batches of latent vectors from the generator's prior, sampled in blocks.

    Args:
        generator: network with the prior.
        batch_size: vectors in a batch.
        rng: random generator, used by this sampler only.
    """

    def __init__(self, generator: Generator, batch_size: int, rng: torch.Generator):
        self._generator, self._batch_size, self._rng = generator, batch_size, rng
        self._before, self._left = rng_state(rng), []

    def next(self) -> Tensor:
        """Return the next latent vectors (batch_size, z_dim)."""
        if not self._left:
            self._before = rng_state(self._rng)
            block = self._generator.sample_z(_BLOCK * self._batch_size, self._rng)
            self._left = list(reversed(block.split(self._batch_size)))
        return self._left.pop()

    def state_dict(self) -> dict[str, Any]:
        """Return the rng's state before the last block, and the number of batches used of it."""
        if not self._left:
            return {"before": rng_state(self._rng), "taken": 0}
        return {"before": self._before, "taken": _BLOCK - len(self._left)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume exactly from a `state_dict`."""
        load_rng_state(self._rng, state["before"])
        self._left = []
        for _ in range(state["taken"]):
            self.next()
