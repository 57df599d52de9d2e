"""A configuration as checked objects, before any data is loaded."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gan_zoo.data.dataset import Dataset
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.losses import Loss
from gan_zoo.regularizers import Regularizer
from gan_zoo.schema import (
    AutoCount,
    ConfigError,
    CountInt,
    Fraction,
    LocalPath,
    NonNegativeFloat,
    PositiveInt,
    check,
    instantiate,
    settings,
    suggest,
)
from gan_zoo.training.schedule import CriticWarmup

if TYPE_CHECKING:
    import torch

    from gan_zoo.architectures.networks import Critic, Generator

_NETWORKS = ("generator", "critic")
_FROM_DATA = ("shape", "num_classes")
_OF_SEVERAL = ("auto", "cpu", "cuda")  # devices


@settings
class RunConfig:
    """Settings of a run besides its nouns.

    Attributes:
        seed: of initial weights, noise and data order.
        steps: generator updates; every x-axis counts these.
        batch_size: samples of each kind in a critic update, and of fakes in a generator update.
        n_critic: critic updates before each generator update.
        warmup: extra critic updates around some generator updates.
        conditional: whether the networks see the dataset's labels.
        ema: decay of the generator's moving average; 0 samples from the generator itself.
        device: any device of torch (cpu, cuda, cuda:1, mps, xpu); auto: CUDA, else another
            accelerator, else the CPU.
        devices: how many train the run together, each a part of every batch.
        threads: of the CPU; auto: all cores, fewer in steps while other programs are busy, where
            results do not depend on it. A resumed run keeps its number.
        precision: of the networks' passes; all else is fp32.
        compile: whether steps are compiled, or captured on a GPU; auto: where that is faster.
        deterministic: whether a GPU gives reproducible numbers, more slowly.
        log_every, sample_every, checkpoint_every: in generator updates; 0: never, except for the
            numbers of evaluations and the last values in the summary, and for checkpoints before
            evaluations and at the end.
        min_log_interval: seconds between two logged steps, at least; the last is always logged.
        evaluate_every: in generator updates, and at the end of every run. 0: never.
        evaluation: how samples are evaluated while training.
        resume: the folder of a run to resume, or a checkpoint in one; auto resumes the run in
            this run's folder, if any.
        allow_changes: let a resumed run have other settings than it began with.
        sweep: name of a sweep's folder; the same name again, or `resume` for the newest one,
            runs the remaining jobs there.
        retry_failed: whether that includes failed jobs.
        stack: how many jobs of a sweep are trained as one model, at most; off: each alone; auto:
            as many as is fast, where it is. They must be equal but for seed, learning rates, and
            numbers of loss and regularizer.
    """

    seed: CountInt
    steps: PositiveInt
    batch_size: PositiveInt
    n_critic: PositiveInt
    warmup: CriticWarmup
    conditional: bool
    ema: Fraction
    device: str
    devices: PositiveInt = 1
    threads: AutoCount = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: Literal["auto", True, False] = "auto"
    deterministic: bool = False
    log_every: CountInt
    min_log_interval: NonNegativeFloat = 0.0
    sample_every: CountInt
    checkpoint_every: CountInt
    evaluate_every: CountInt
    evaluation: Evaluation
    resume: LocalPath | None = None
    allow_changes: bool = False
    sweep: str
    retry_failed: bool = False
    stack: Literal["auto", "off"] | PositiveInt = "off"

    def check(self) -> None:
        """Raises ConfigError for a sweep's name that is no folder's name, and for wrong devices."""
        self._check_devices()
        if Path(self.sweep).name != self.sweep or self.sweep in ("", "..") or "\0" in self.sweep:
            raise ConfigError("sweep", self.sweep, "must be a name, not a path")

    def _check_devices(self) -> None:
        if self.devices == 1:
            return
        if self.batch_size % self.devices:
            allowed = f"must divide batch_size={self.batch_size}: each device has an equal part"
            raise ConfigError("devices", self.devices, allowed)
        if self.device not in _OF_SEVERAL:
            allowed = f"with devices={self.devices}, must be one of {', '.join(_OF_SEVERAL)}"
            raise ConfigError("device", self.device, allowed)

    def check_data(self, count: int | None, num_classes: int | None) -> None:
        """Raises ConfigError for too few samples or missing labels; None: not known yet."""
        if count is not None and self.batch_size > count:
            allowed = f"must be at most {count}, the size of the dataset"
            raise ConfigError("batch_size", self.batch_size, allowed)
        if self.conditional and num_classes == 1:
            allowed = "needs a dataset with labels, as loss=cls_gan does; glyphs has some"
            raise ConfigError("conditional", True, allowed)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The six nouns, checked; networks and optimizers are built once the data is known."""

    config: Mapping[str, Any]
    settings: RunConfig
    dataset: Dataset
    loss: Loss
    regularizer: Regularizer
    optimizers: Mapping[str, Any]

    def networks(self, shape: tuple[int, ...], num_classes: int) -> "tuple[Generator, Critic]":
        """Build both networks for samples of this shape. Raises ConfigError if that fails."""
        return build_networks(self.config, shape, num_classes)

    def on_device(self, name: str) -> "Experiment":
        """Return the part of this experiment that one of several devices trains."""
        settings = dataclasses.replace(self.settings, device=name, devices=1)
        return dataclasses.replace(self, settings=settings)

    def device(self) -> "torch.device":
        """Return the device to train on. Raises ConfigError if there is no such device."""
        from gan_zoo.devices import find_device  # imports torch

        return find_device(self.settings.device)


def build_networks(
    config: Mapping[str, Any], shape: tuple[int, ...], num_classes: int
) -> "tuple[Generator, Critic]":
    """Build generator and critic of a configuration for samples of this shape.

    Raises ConfigError for settings that are wrong, or wrong for this shape.
    """
    given = {"shape": shape, "num_classes": num_classes}
    try:
        generator, critic = (
            instantiate(config["architecture"][name], f"architecture.{name}", kind, **given)
            for name, kind in _network_types().items()
        )
    except ConfigError as error:
        if error.key.endswith(".shape"):
            raise _misfit(config["dataset"], error) from None
        raise
    return generator, critic


def _misfit(dataset: Mapping[str, Any], error: ConfigError) -> ConfigError:
    """Return the error of samples that do not fit the networks, by a setting of the dataset."""
    if "size" in dataset:
        return ConfigError("dataset.size", dataset["size"], error.allowed)
    if "root" in dataset:
        allowed = f"its images are {error.value}; {error.allowed}"
        return ConfigError("dataset.root", dataset["root"], allowed)
    return error


def load_experiment(config: Mapping[str, Any]) -> Experiment:
    """Check a whole configuration, a plain mapping, and build what needs no torch.

    Raises ConfigError for the first wrong setting, networks' settings included.
    """
    nouns = ("dataset", "architecture", "loss", "regularizer", "optimizer")
    missing = [noun for noun in nouns if noun not in config]
    if missing:
        raise ConfigError(missing[0], None, f"choose one with {missing[0]}=NAME")
    top = {key: value for key, value in config.items() if key not in nouns}
    experiment = Experiment(
        config=config,
        settings=instantiate({"_target_": f"{__name__}.RunConfig", **top}, "", RunConfig),
        dataset=instantiate(config["dataset"], "dataset", Dataset),
        loss=instantiate(config["loss"], "loss", Loss),
        regularizer=instantiate(config["regularizer"], "regularizer", Regularizer),
        optimizers=_optimizers(config["optimizer"]),
    )
    _check_labels(experiment)
    _check_keys(config["architecture"], "architecture", _NETWORKS)
    for name, kind in _network_types().items():
        check(config["architecture"][name], f"architecture.{name}", kind, _FROM_DATA)
    return experiment


def _network_types() -> dict[str, type]:
    """Return the classes of both networks; imports torch."""
    from gan_zoo.architectures.networks import Critic, Generator

    return dict(zip(_NETWORKS, (Generator, Critic), strict=True))


def _optimizers(node: Mapping[str, Any]) -> dict[str, Any]:
    """Build the optimizer of each network; other keys are settings that both share."""
    shared = {key for name in _NETWORKS for key in node[name]} - {"_target_"}
    _check_keys(node, "optimizer", (*_NETWORKS, *shared))
    return {name: instantiate(node[name], f"optimizer.{name}", Callable) for name in _NETWORKS}


def _check_labels(experiment: Experiment) -> None:
    if experiment.dataset.class_balanced and not experiment.settings.conditional:
        raise ConfigError(
            "dataset.class_balanced", True, "needs conditional=true: it is about labels"
        )
    per_class = experiment.dataset.labels_per_class
    if per_class is None:
        return
    if per_class > 1 and not per_class.is_integer():
        allowed = "must be a whole number, or a share below 1"
        raise ConfigError("dataset.labels_per_class", f"{per_class:g}", allowed)
    typed = experiment.config["dataset"]["labels_per_class"]
    if per_class == 1 and isinstance(typed, float):  # 1.0 looks like a share
        allowed = "type 1 for one label of each class, null for all labels"
        raise ConfigError("dataset.labels_per_class", typed, allowed)
    if not experiment.loss.semi_supervised:
        allowed = "this loss has no term for samples without a label; loss=cls_gan has"
        raise ConfigError("dataset.labels_per_class", f"{per_class:g}", allowed)
    if experiment.dataset.class_balanced:
        allowed = "has no effect with dataset.labels_per_class: a whole number there balances it"
        raise ConfigError("dataset.class_balanced", True, allowed)
    if experiment.settings.batch_size == 1:
        allowed = "must be at least 2 with dataset.labels_per_class: half of a batch has labels"
        raise ConfigError("batch_size", 1, allowed)


def _check_keys(node: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> None:
    for name, value in node.items():
        if name not in allowed:
            raise ConfigError(f"{key}.{name}", value, f"unknown key; {suggest(name, allowed)}")
