"""The two players around their bodies: priors and labels in, samples and scores out.

A family of networks (mlp.py, dcgan.py, ...) builds bodies; what every generator and every critic
has in common is here. Labels always flow: unlabelled data has one class, and y = 0.
"""

from typing import Literal

import torch
from torch import Tensor, nn

Prior = Literal["uniform", "normal"]


def label_features(num_classes: int, label_dim: int) -> int:
    """Width of a label embedding: zero where there is one class, and nothing to tell apart."""
    return label_dim if num_classes > 1 else 0


class LabelEmbedding(nn.Module):
    """Linear map of one-hot labels, Mao et al. 2017 (arXiv:1611.04076): K -> dim, with bias.

    Looking up a row is the same map without the one-hot vector, which for thousands of classes
    would be most of the memory.
    """

    def __init__(self, num_classes: int, label_dim: int):
        super().__init__()
        self.dim = label_features(num_classes, label_dim)
        self.rows = nn.Embedding(num_classes, self.dim)
        self.bias = nn.Parameter(torch.zeros(self.dim))
        nn.init.xavier_uniform_(self.rows.weight)

    def forward(self, y: Tensor) -> Tensor:
        """Labels (N,) to features (N, dim)."""
        return self.rows(y) + self.bias


class Generator(nn.Module):
    """G(z, y): a body fed with the latent vector and the label's embedding.

    Args:
        body: (N, z_dim + label features) to samples (N, *shape).
        z_dim: length of the latent vector.
        prior: uniform on [-1, 1], or standard normal.
        num_classes, label_dim: size of the label embedding, absent for one class.
    """

    def __init__(self, body: nn.Module, z_dim: int, prior: Prior, num_classes: int, label_dim: int):
        super().__init__()
        self.z_dim, self.prior, self.num_classes = z_dim, prior, num_classes
        self.labels = LabelEmbedding(num_classes, label_dim)
        self.body = body

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Latent vectors (N, z_dim) and labels (N,) to samples (N, *shape)."""
        return self.body(torch.cat([z, self.labels(y)], dim=-1))

    def sample_z(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Latent vectors (n, z_dim) from the prior, on the generator network's device."""
        weight = self.labels.bias
        z = torch.empty(n, self.z_dim, device=weight.device, dtype=weight.dtype)
        draws = {"uniform": z.uniform_, "normal": z.normal_}
        bounds = {"uniform": (-1, 1), "normal": (0, 1)}[self.prior]
        return draws[self.prior](*bounds, generator=generator)


class Critic(nn.Module):
    """D(x, y): a body that ends in one raw score per class, of which the label's is taken."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body

    def scores(self, x: Tensor) -> Tensor:
        """Samples (N, *shape) to the scores of all classes, (N, K)."""
        return self.body(x)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Samples (N, *shape) and labels (N,) to scores (N,), higher for more real."""
        return self.scores(x).gather(-1, y.unsqueeze(-1)).squeeze(-1)
