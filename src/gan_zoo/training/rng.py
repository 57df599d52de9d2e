"""Random generators of a run, each determined by the seed and its name alone.

The same seed gives the same initial weights, latent vectors and data order whatever the loss, so
that runs of different losses can be compared pair by pair.
"""

import hashlib

import torch


def derive_seed(seed: int, name: str) -> int:
    """Seed of the generator `name` of a run."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8]) % 2**63


def make_rng(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Random generator `name` of a run, on a device."""
    return torch.Generator(device).manual_seed(derive_seed(seed, name))
