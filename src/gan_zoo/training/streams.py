"""Random streams of a run: each named, each a function of the seed and its name alone.

The same seed gives the same initial weights, latent vectors and data order whatever the loss, so
that runs of different losses can be compared pair by pair.
"""

import hashlib

import torch


def stream_seed(seed: int, name: str) -> int:
    """Seed of the stream `name` of a run."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8]) % 2**63


def stream(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Generator of the stream `name` of a run, on a device."""
    return torch.Generator(device).manual_seed(stream_seed(seed, name))
