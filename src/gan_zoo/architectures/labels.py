"""How a network is told the label: as features that join its input, or by a score per class.

Three ways, each a module that knows its `num_classes`, the width `dim` of the features it adds and
the number of `heads` that a critic with it ends in. With one class there is nothing to tell apart:
no features, one head.
"""

from typing import Literal

import torch
from torch import Tensor, nn

Features = Literal["embedding", "one_hot"]  # what a generator may be given
Labels = Literal["heads", "embedding", "one_hot"]  # how a critic may take them


class ClassHeads(nn.Module):
    """No features: a critic with these ends in a score per class, of which the label's is taken."""

    dim = 0

    def __init__(self, num_classes: int, label_dim: int = 0):
        super().__init__()
        self.num_classes = self.heads = num_classes

    def forward(self, y: Tensor) -> None:
        """Labels (N,) to nothing."""


class LabelEmbedding(nn.Module):
    """Linear map of one-hot labels, Mao et al. 2017 (arXiv:1611.04076): K -> dim, with bias.

    Looking up a row is the same map without the one-hot vector, which for thousands of classes
    would be most of the memory.
    """

    heads = 1

    def __init__(self, num_classes: int, label_dim: int):
        super().__init__()
        self.num_classes, self.dim = num_classes, label_dim
        self.rows = nn.Embedding(num_classes, label_dim)
        self.bias = nn.Parameter(torch.zeros(label_dim))
        nn.init.xavier_uniform_(self.rows.weight)

    def forward(self, y: Tensor) -> Tensor:
        """Labels (N,) to features (N, dim)."""
        return self.rows(y) + self.bias


class OneHot(nn.Module):
    """The one-hot vector itself, K wide: what the linear embedding is compared with."""

    heads = 1

    def __init__(self, num_classes: int, label_dim: int):
        super().__init__()
        self.num_classes = self.dim = num_classes

    def forward(self, y: Tensor) -> Tensor:
        """Labels (N,) to truth values (N, K), which take the type of what they are joined to."""
        return y.unsqueeze(-1) == torch.arange(self.dim, device=y.device)


LabelConditioning = ClassHeads | LabelEmbedding | OneHot
_KINDS = {"heads": ClassHeads, "embedding": LabelEmbedding, "one_hot": OneHot}


def label_module(labels: Labels, num_classes: int, label_dim: int) -> LabelConditioning:
    """The module of that name. label_dim is the width of the embedding; the others ignore it."""
    kind = _KINDS[labels] if num_classes > 1 else ClassHeads
    return kind(num_classes, label_dim)


def encode_pseudo(y: Tensor) -> Tensor:
    """Labels (N,) as guesses of what is not known, -1 - y."""
    return -1 - y


def decode_label(y: Tensor) -> Tensor:
    """Labels (N,), the guessed ones among them as if they were known."""
    return torch.where(y < 0, encode_pseudo(y), y)  # hiding twice gives back what was hidden


def concat_features(x: Tensor, features: Tensor | None) -> Tensor:
    """Features (N, d) appended to x: (N, C) to (N, C + d); to maps (N, C, H, W) as d even maps."""
    if features is None:
        return x
    maps = features.to(x.dtype).reshape(*features.shape, *[1] * (x.dim() - 2))
    return torch.cat([x, maps.expand(*features.shape, *x.shape[2:])], dim=1)


class ConditionalSequential(nn.Module):
    """Layers in stages: the label's features, if any, join the input of every stage but the first.

    The conditional critic of Mao et al. 2017 is of this kind.
    """

    def __init__(self, first: nn.Module, *rest: nn.Module):
        super().__init__()
        self.first = first
        self.rest = nn.ModuleList(rest)

    def forward(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        """Samples (N, *shape) and features (N, d) to scores (N, heads)."""
        x = self.first(x)
        for stage in self.rest:
            x = stage(concat_features(x, features))
        return x
