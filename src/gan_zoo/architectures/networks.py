"""Generator and critic: priors and labels in, samples and scores out.

Each family (mlp.py, dcgan.py, ...) builds their bodies. Every call has labels: unlabeled data has
one class and y = 0.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from gan_zoo.architectures.labels import LabelConditioning, concat_features, decode_label
from gan_zoo.schema import ConfigError

Prior = Literal["uniform", "normal"]
Output = Literal["linear", "log_softmax", "relu", "softplus"]

SAMPLES_PER_PASS = 500  # samples generated at a time


class Generator(nn.Module):
    """G(z, y): a body whose input is the latent vector and the label's features.

    Args:
        body: (N, z_dim + labels.dim) to samples (N, *shape).
        z_dim: length of the latent vector.
        prior: uniform on [-1, 1], or standard normal.
        labels: features of the label; none for one class.
    """

    def __init__(self, body: nn.Module, z_dim: int, prior: Prior, labels: LabelConditioning):
        super().__init__()
        self.z_dim, self.prior, self.num_classes = z_dim, prior, labels.num_classes
        self.labels = labels
        self.body = body

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Map latent vectors (N, z_dim) and labels (N,) to samples (N, *shape).

        A pseudo-label counts as its label.
        """
        features = self.labels(decode_label(y)) if self.labels.dim else None
        return self.body(concat_features(z, features))

    def sample_z(self, n: int, rng: torch.Generator) -> Tensor:
        """Sample latent vectors (n, z_dim) from the prior, on the network's device.

        rng: on any device, where the vectors are sampled.
        """
        weight = next(self.parameters())
        z = torch.empty(n, self.z_dim, device=rng.device, dtype=weight.dtype)
        if self.prior == "uniform":
            return z.uniform_(-1, 1, generator=rng).to(weight.device)
        return z.normal_(generator=rng).to(weight.device)


class Critic(nn.Module):
    """D(x, y): a body with raw outputs a, mapped to scores by `output`; higher is more real.

    linear: a itself. log_softmax: the class's log-probability, which is minus the loss L(x, y) of
    CLS-GAN. relu and softplus: minus a nonnegative loss L = relu(a) or softplus(a), as in the
    LS-GAN authors' critics (relu has no gradient where all a < 0; softplus is their alternative).

    Args:
        body: (samples, features of the label) to (N, labels.heads); a `ConditionalSequential`.
        labels: features of the label, or a head per class.
        output: one of the four above.

    Raises ConfigError for log_softmax unless there is a head for each of several classes.
    """

    def __init__(self, body: nn.Module, labels: LabelConditioning, output: Output = "linear"):
        super().__init__()
        if output == "log_softmax" and labels.heads == 1:
            missing = "architecture.critic.labels=heads"
            typed = missing if labels.num_classes > 1 else f"conditional=true and {missing}"
            allowed = f"needs a score for each of several classes: {typed}"
            raise ConfigError("output", output, allowed)
        self.labels = labels
        self.body = body
        self.output = output
        self.num_classes = labels.num_classes

    @property
    def classifies(self) -> bool:
        """Whether the scores of a sample are log-probabilities of its classes."""
        return self.output == "log_softmax"

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Map samples (N, *shape) and labels (N,) to scores (N,), higher for more real."""
        heads = self._heads(x, y)
        if self.labels.heads == 1:
            return heads.squeeze(-1)
        return heads.gather(-1, decode_label(y).unsqueeze(-1)).squeeze(-1)

    def scores(self, x: Tensor) -> Tensor:
        """Map samples (N, *shape) to the scores of all K classes, (N, K).

        One forward pass with a head per class; a pass per class with label features.
        """
        passes = range(self.num_classes // self.labels.heads)
        labels = (torch.full((len(x),), label, device=x.device) for label in passes)
        return torch.cat([self._heads(x, y) for y in labels], dim=-1)

    def _heads(self, x: Tensor, y: Tensor) -> Tensor:
        raw = self.body(x, self.labels(y))
        match self.output:
            case "linear":
                return raw
            case "log_softmax":
                return functional.log_softmax(raw, dim=-1)
            case "relu":
                return -functional.relu(raw)
            case "softplus":
                return -functional.softplus(raw)


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
    with eval_mode(generator):
        return in_chunks(generator, z, y, SAMPLES_PER_PASS)


def in_chunks(
    function: Callable[[Tensor, Tensor], Tensor], z: Tensor, y: Tensor, size: int, dim: int = 0
) -> Tensor:
    """Call a function on `size` latent vectors or samples (N, ...) and labels (N,) at a time.

    dim: of the samples in what it returns.
    """
    chunks = zip(z.split(size), y.split(size), strict=True)
    return torch.cat([function(*chunk) for chunk in chunks], dim)


def has_convolutions(*networks: nn.Module) -> bool:
    """Return whether any of the networks has a convolution."""
    modules = (module for network in networks for module in network.modules())
    return any(isinstance(module, nn.modules.conv._ConvNd) for module in modules)
