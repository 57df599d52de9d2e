"""Label conditioning: concatenated features, or one output per class.

Each is a module with `num_classes`, the width `dim` of its features, and the number of `heads`
(outputs) of a critic that uses it. With one class there are no features and one head.
"""

from typing import Literal

import torch
from torch import Tensor, nn

Features = Literal["embedding", "one_hot"]  # of a generator
Labels = Literal["heads", "embedding", "one_hot"]  # of a critic


class ClassHeads(nn.Module):
    """No features: a critic has a score per class, and the label selects one."""

    dim = 0

    def __init__(self, num_classes: int):
        super().__init__()
        self.num_classes = self.heads = num_classes

    def forward(self, y: Tensor) -> None:
        """Map labels (N,) to no features."""


class LabelEmbedding(nn.Module):
    """Linear map of one-hot labels, Mao et al. 2017 (arXiv:1611.04076): K -> dim, with bias.

    Implemented as a lookup: for thousands of classes, one-hot vectors would take most of the
    memory.
    """

    heads = 1

    def __init__(self, num_classes: int, label_dim: int):
        super().__init__()
        self.num_classes, self.dim = num_classes, label_dim
        self.rows = nn.Embedding(num_classes, label_dim)
        self.bias = nn.Parameter(torch.zeros(label_dim))
        nn.init.xavier_uniform_(self.rows.weight)

    def forward(self, y: Tensor) -> Tensor:
        """Map labels (N,) to features (N, dim)."""
        return self.rows(y) + self.bias


class OneHot(nn.Module):
    """The one-hot vector itself, of width K."""

    heads = 1

    def __init__(self, num_classes: int):
        super().__init__()
        self.num_classes = self.dim = num_classes

    def forward(self, y: Tensor) -> Tensor:
        """Map labels (N,) to booleans (N, K)."""
        return y.unsqueeze(-1) == torch.arange(self.dim, device=y.device)


LabelConditioning = ClassHeads | LabelEmbedding | OneHot


def label_module(labels: Labels, num_classes: int, label_dim: int) -> LabelConditioning:
    """Return the module of that name; `ClassHeads` for one class.

    label_dim: width of the embedding; the others ignore it.
    """
    if labels == "heads" or num_classes == 1:
        return ClassHeads(num_classes)
    if labels == "embedding":
        return LabelEmbedding(num_classes, label_dim)
    return OneHot(num_classes)


def encode_pseudo(y: Tensor) -> Tensor:
    """Encode labels (N,) as pseudo-labels, -1 - y."""
    return -1 - y


def decode_label(y: Tensor) -> Tensor:
    """Decode pseudo-labels among labels (N,); others are unchanged."""
    return torch.where(y < 0, encode_pseudo(y), y)  # encoding is its own inverse


def concat_features(x: Tensor, features: Tensor | None) -> Tensor:
    """Append features (N, d) to x (N, C), or as d constant maps to maps (N, C, H, W)."""
    if features is None:
        return x
    maps = features.to(x.dtype).reshape(*features.shape, *[1] * (x.dim() - 2))
    return torch.cat([x, maps.expand(*features.shape, *x.shape[2:])], dim=1)


class ConditionalSequential(nn.Module):
    """Stages of layers; label features are concatenated to the input of every stage but the first.

    As in the conditional critic of Mao et al. 2017.
    """

    def __init__(self, first: nn.Module, *rest: nn.Module):
        super().__init__()
        self.first = first
        self.rest = nn.ModuleList(rest)

    def forward(self, x: Tensor, features: Tensor | None = None) -> Tensor:
        """Map samples (N, *shape) and any features (N, d) to scores (N, heads)."""
        x = self.first(x)
        for stage in self.rest:
            x = stage(concat_features(x, features))
        return x
