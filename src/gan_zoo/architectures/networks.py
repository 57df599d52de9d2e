"""The two players around their bodies: priors and labels in, samples and scores out.

A family of networks (mlp.py, dcgan.py, ...) builds bodies; what every generator and every critic
has in common is here. Labels always flow: unlabeled data has one class, and y = 0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from gan_zoo.architectures.labels import LabelConditioning, concat_features, decode_label
from gan_zoo.schema import ConfigError

Prior = Literal["uniform", "normal"]
Output = Literal["linear", "log_softmax", "relu", "softplus"]

_CHUNK = 500  # samples generated at a time


class Generator(nn.Module):
    """G(z, y): a body fed with the latent vector and the label's features.

    Args:
        body: (N, z_dim + labels.dim) to samples (N, *shape).
        z_dim: length of the latent vector.
        prior: uniform on [-1, 1], or standard normal.
        labels: what it is told of the label; nothing where there is one class.
    """

    def __init__(self, body: nn.Module, z_dim: int, prior: Prior, labels: LabelConditioning):
        super().__init__()
        self.z_dim, self.prior, self.num_classes = z_dim, prior, labels.num_classes
        self.labels = labels
        self.body = body

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Latent vectors (N, z_dim) and labels (N,) to samples (N, *shape).

        A hidden label stands for the one that has been guessed in its place.
        """
        features = self.labels(decode_label(y)) if self.labels.dim else None
        return self.body(concat_features(z, features))

    def sample_z(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Latent vectors (n, z_dim) from the prior, on the generator network's device."""
        weight = next(self.parameters())
        z = torch.empty(n, self.z_dim, device=weight.device, dtype=weight.dtype)
        draws = {"uniform": z.uniform_, "normal": z.normal_}
        bounds = {"uniform": (-1, 1), "normal": (0, 1)}[self.prior]
        return draws[self.prior](*bounds, generator=generator)


def _linear(a: Tensor) -> Tensor:
    return a


def _log_softmax(a: Tensor) -> Tensor:
    return functional.log_softmax(a, dim=-1)


def _minus_relu(a: Tensor) -> Tensor:
    return -functional.relu(a)


def _minus_softplus(a: Tensor) -> Tensor:
    return -functional.softplus(a)


_OUTPUTS = {
    "linear": _linear,
    "log_softmax": _log_softmax,
    "relu": _minus_relu,
    "softplus": _minus_softplus,
}
_AMONG_CLASSES = {"log_softmax"}  # outputs that compare a sample's scores for several classes


class Critic(nn.Module):
    """D(x, y): a body that ends in raw values a, made scores by `output`; higher is more real.

    linear: the raw value. log_softmax: the class's log-probability, which is minus the loss
    L(x, y) of CLS-GAN. relu and softplus: minus a loss L = relu(a) or softplus(a) that is never
    negative, as the LS-GAN authors end their critic (the first can die: where all a < 0 it has no
    gradient; the second is their alternative).

    Args:
        body: (samples, features of the label) to (N, labels.heads); a `ConditionalSequential`.
        labels: how it takes the label.
        output: one of the four above.

    Raises ConfigError for log_softmax unless there is a head for each of several classes.
    """

    def __init__(self, body: nn.Module, labels: LabelConditioning, output: Output = "linear"):
        super().__init__()
        if output in _AMONG_CLASSES and labels.heads == 1:
            allowed = "needs a score for each of several classes: conditional=true and labels=heads"
            raise ConfigError("output", output, allowed)
        self.labels = labels
        self.body = body
        self.output = output
        self.num_classes = labels.num_classes

    @property
    def classifies(self) -> bool:
        """Whether the scores of a sample are log-probabilities of its classes."""
        return self.output in _AMONG_CLASSES

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Samples (N, *shape) and labels (N,) to scores (N,), higher for more real."""
        heads = self._heads(x, y)
        if self.labels.heads == 1:
            return heads.squeeze(-1)
        return heads.gather(-1, decode_label(y).unsqueeze(-1)).squeeze(-1)

    def scores(self, x: Tensor) -> Tensor:
        """Samples (N, *shape) to the scores of all K classes, (N, K).

        One pass where the critic has a head per class; a pass per class where the label's features
        join its input.
        """
        passes = range(self.num_classes // self.labels.heads)
        labels = (torch.full((len(x),), label, device=x.device) for label in passes)
        return torch.cat([self._heads(x, y) for y in labels], dim=-1)

    def _heads(self, x: Tensor, y: Tensor) -> Tensor:
        return _OUTPUTS[self.output](self.body(x, self.labels(y)))


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode inside the block, and restore its mode after it."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


@torch.no_grad()
def generate(generator: Generator, z: Tensor, y: Tensor) -> Tensor:
    """Generate samples (N, *shape) in evaluation mode, a chunk at a time to bound the memory."""
    chunks = zip(z.split(_CHUNK), y.split(_CHUNK), strict=True)
    with eval_mode(generator):
        return torch.cat([generator(*chunk) for chunk in chunks])
