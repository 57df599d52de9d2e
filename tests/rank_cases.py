"""Small runs in float64 that `test_ranks` trains in one process and in several."""

from pathlib import Path

import torch

from gan_zoo import losses, regularizers
from gan_zoo.architectures import dcgan, mlp
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.loader import BatchLoader
from gan_zoo.losses import f_divergences
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.ranks import Ranks
from gan_zoo.training.noise import NoiseSampler
from gan_zoo.training.schedule import CriticWarmup
from gan_zoo.training.step import GANState
from gan_zoo.training.trainer import Trainer

BATCH, CLASSES = 16, 3
LOSSES = {
    "gan": losses.GAN(),
    "minimax": losses.GAN(form="minimax"),
    "lsgan": losses.LeastSquares(),
    "wgan": losses.Wasserstein(),
    "hinge": losses.Hinge(),
    "f_gan": losses.FGAN(divergence=f_divergences.KL()),
    "ls_gan": losses.LossSensitive(),
    "glsgan": losses.GeneralizedLossSensitive(slope=-0.5),
    "elu": losses.GeneralizedLossSensitiveELU(),
    "pointwise": losses.PointwiseGeneralized(),
    "relativistic": losses.RelativisticPairing(),
    "relativistic_average": losses.RelativisticAverage(),
    "cls_gan": losses.ConditionalLossSensitive(confidence_power=0.5),
}
REGULARIZERS = {
    "none": regularizers.Regularizer(),
    "gradient_penalty": regularizers.GradientPenalty(),
    "r1": regularizers.R1(),
    "weight_clip": regularizers.WeightClip(bound=0.1),
    "spectral_norm": regularizers.SpectralNorm(),
    "dragan": regularizers.Dragan(),
    "augmentation": regularizers.Augmentation(noise=0.1),
}


class DoubleLoader(BatchLoader):
    """Batches in float64."""

    def next(self):
        x, y = super().next()
        return x.double(), y


def make_trainer(
    ranks: Ranks,
    loss: str | losses.Loss,
    regularizer: str | regularizers.Regularizer,
    images: bool = False,
    compiled: bool = False,
    device: str = "cpu",
    seed: int = 0,
    norm: str = "none",
    unlabeled: bool = True,
    precision: str = "fp64",
) -> Trainer:
    """A trainer of small networks on points, or on images; of several classes for CLS-GAN."""
    torch.manual_seed(seed)
    classes = CLASSES if loss == "cls_gan" else 1
    shape = (1, 16, 16) if images else (2,)
    x = torch.randint(256, (40, *shape), dtype=torch.uint8) if images else torch.randn(40, *shape)
    y = torch.arange(40) % classes
    unlabeled = unlabeled and classes > 1
    if unlabeled:
        y = y.where(torch.arange(40) < 13, -1 - y)
    if images:
        generator = dcgan.generator(shape, 1, z_dim=4, width=4, norm=norm)
        critic = dcgan.critic(shape, 1, width=4, norm=norm)
    else:
        heads = {"labels": "heads", "output": "log_softmax"} if classes > 1 else {}
        generator = mlp.generator(shape, classes, hidden=(16,), output="linear", z_dim=3)
        critic = mlp.critic(shape, classes, hidden=(16,), activation="leaky_relu", **heads)
    for network in (generator, critic):
        (network if precision == "bf16" else network.double()).to(
            device, memory_format=torch.channels_last
        )
    regularizer = REGULARIZERS[regularizer] if isinstance(regularizer, str) else regularizer
    regularizer.prepare(critic)
    adam, rmsprop = Adam(lr=1e-3), RMSprop(lr=1e-3)
    optimizers = (
        adam(generator.parameters()),
        (rmsprop if loss == "wgan" else adam)(critic.parameters()),
    )
    loader = BatchLoader if precision == "bf16" else DoubleLoader
    samples = InMemoryDataset(x.to(device), y.to(device), classes)
    gan = GANState(
        generator,
        critic,
        LOSSES[loss] if isinstance(loss, str) else loss,
        regularizer,
        *optimizers,
        precision="bf16" if precision == "bf16" else "fp32",
        ema_decay=0.9,
        use_pseudo_labels=unlabeled,
        ranks=ranks,
    )
    return Trainer(
        gan=gan,
        loader=loader(samples, BATCH, seed=1 + seed, ranks=ranks),
        noise=NoiseSampler(gan, shape, BATCH, 2 + seed, ranks),
        n_critic=2,
        warmup=CriticWarmup(),
        compiled=compiled,
    )


def result(trainer: Trainer) -> dict[str, torch.Tensor]:
    """Weights and mean metrics of a trainer, by name."""
    gan = trainer.gan
    found = trainer.metrics.compute(reset=False)
    for name, network in (
        ("generator", gan.generator),
        ("critic", gan.critic),
        ("ema", gan.ema.network),
    ):
        found |= {f"{name} {key}": value for key, value in network.state_dict().items()}
    return found


def assert_equal(one, two, tolerance=1e-9):
    """Compare all but the critic's last bias, which cancels in pairs: its gradient is rounding.

    Mean scores depend on it.
    """
    assert one.keys() == two.keys()
    last_bias = [name for name in one if name.startswith("critic") and name.endswith("bias")][-1]
    for name in {*one} - {last_bias}:
        error = (one[name] - two[name]).abs().max() / one[name].abs().max().clamp(min=1e-3)
        assert error <= max(tolerance, 1e-6 if name.startswith("score/") else 0), name


def train_cases(ranks: Ranks, cases: list, steps: int, folder: str) -> None:
    """Train several cases, and save what each process has in the end."""
    found = []
    if torch.cuda.device_count() >= ranks.count:
        torch.cuda.set_device(ranks.rank)
    for case in cases:
        trainer = make_trainer(ranks, *case)
        trainer.fit(steps, [])
        found.append(result(trainer))
    torch.save(found, f"{folder}/{ranks.count}-{ranks.rank}.pt")


def train_further(ranks: Ranks, case: tuple, steps: int, path: str) -> None:
    """Train a case up to a step, from the state in a file if there is one, and save it there."""
    trainer = make_trainer(ranks, *case)
    if Path(path).exists():
        trainer.load_state_dict(torch.load(path))
    trainer.fit(steps, [])
    if ranks.rank == 0:
        torch.save(trainer.state_dict(), path)


def stop_early(ranks: Ranks, way: str, folder: str) -> None:
    """Make one process want to stop at step 5, or fail there, and save where each one ends."""
    trainer = make_trainer(ranks, "gan", "none")

    def act() -> None:
        if (way, trainer.step, ranks.rank) == ("error", 5, 0):
            raise OSError("no space left")

    def wish() -> bool:
        return (way, ranks.rank) == ("wish", 1) and trainer.step >= 5

    try:
        trainer.fit(100, [(1, act)], wish)
    except OSError as error:
        assert (str(error), trainer.step) == ("no space left", 5)
        trainer.leave_ranks(100)
    Path(folder, f"{ranks.rank}.txt").write_text(str(trainer.step))
