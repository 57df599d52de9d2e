"""Check that the nouns of an experiment fit together, before any data is loaded.

Networks are built on the meta device: tensors have shapes but no data, so that this takes a moment.
"""

import math
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gan_zoo.architectures.networks import Critic, Generator
from gan_zoo.cpu_cores import available_cores
from gan_zoo.devices import find_device, machine_memory
from gan_zoo.evaluation.requirements import check_names
from gan_zoo.experiment import Experiment, RunConfig
from gan_zoo.regularizers.gradient_penalties import has_batch_norm
from gan_zoo.schema import ConfigError
from gan_zoo.spectral_norm import is_spectrally_normalized

_FEW_RANKS = 2  # that a CPU of one core may have, too, to try them


def check_compatibility(experiment: Experiment) -> None:
    """Build the networks for the samples as far as these are known.

    Raises ConfigError for what would fail later, once the data is loaded.
    """
    settings, spec = experiment.settings, experiment.dataset.spec()
    settings.check_data(spec.count, spec.num_classes)
    if settings.evaluate_every:
        check_names(experiment, settings.evaluation)
    if spec.shape is not None:  # else `build_trainer` checks them
        check_networks(experiment, spec.shape, _classes(experiment, spec.num_classes))


def check_networks(experiment: Experiment, shape: tuple[int, ...], num_classes: int) -> None:
    """Build the networks for samples of this shape, without values, and check that they fit.

    Raises ConfigError for what would fail in training or in evaluations.
    """
    settings = experiment.settings
    if settings.evaluate_every:
        _check_samples(settings.evaluation.num_samples, shape)
    with torch.device("meta"), _SkipInit():
        generator, critic = experiment.networks(shape, num_classes)
        for name, network in (("generator", generator), ("critic", critic)):
            _check_memory(name, network)
        experiment.regularizer.prepare(critic)
        if experiment.dataset.labels_per_class is not None and not critic.classifies:
            allowed = "must be log_softmax with dataset.labels_per_class: the critic guesses labels"
            raise ConfigError("architecture.critic.output", critic.output, allowed)
        # a sweep may be checked where there is no GPU
        if settings.devices > 1 and settings.device != "cuda":
            kind = find_device(settings.device).type
            check_batch_norm(settings.devices, kind, generator, critic)
        # only this size can be wrong, and a forward pass on the meta device imports torch.compile
        if settings.batch_size == 1:
            _check_single(generator, critic)


def networks_without_values(experiment: Experiment) -> "tuple[Generator, Critic] | None":
    """Return the networks of an experiment on the meta device; None for unknown shapes of data."""
    spec = experiment.dataset.spec()
    if spec.shape is None:
        return None
    with torch.device("meta"), _SkipInit():
        return experiment.networks(spec.shape, _classes(experiment, spec.num_classes))


def _classes(experiment: Experiment, num_classes: int | None) -> int:
    """Return the number of classes that the networks see, a plausible one where it is unknown."""
    return (num_classes or 2) if experiment.settings.conditional else 1


class _SkipInit(TorchFunctionMode):
    """Skip random initialization, which imports torch.compile on the meta device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is nn.init.normal_:
            return (*args, *kwargs.values())[0]
        return func(*args, **(kwargs or {}))


def device_of_ranks(settings: RunConfig) -> str:
    """Return the kind of devices on which several train one run, cpu or cuda.

    Raises ConfigError for more than there are.
    """
    kind, count = find_device(settings.device).type, torch.cuda.device_count()
    if kind not in ("cpu", "cuda"):
        allowed = f"several {kind} devices are not supported; type device=cpu, or devices=1"
        raise ConfigError("devices", settings.devices, allowed)
    if kind == "cuda" and settings.devices > count:
        allowed = f"must be at most {count}, the number of CUDA devices here, unless device=cpu"
        raise ConfigError("devices", settings.devices, allowed)
    cores = max(available_cores(), _FEW_RANKS)
    if kind == "cpu" and settings.devices > cores:
        allowed = f"must be at most {cores}: on a CPU each is a process with cores of its own"
        raise ConfigError("devices", settings.devices, allowed)
    return kind


def check_batch_norm(count: int, kind: str, generator: Generator, critic: Critic) -> None:
    """Raises ConfigError for batch norm on several devices that are not of the kind cuda.

    Torch computes its statistics over several devices there only.
    """
    for name, network in (("generator", generator), ("critic", critic)):
        if kind != "cuda" and has_batch_norm(network):
            allowed = f"the {name} has batch norm, whose statistics only CUDA devices share"
            raise ConfigError("devices", count, f"{allowed}; type device=cuda")


def batch_norm_warning(critic: Critic) -> str:
    """Return a warning about spectral normalization before batch norm; empty without both."""
    if is_spectrally_normalized(critic) and has_batch_norm(critic):
        return "spectral_norm before batch norm hardly learns: try architecture.critic.norm=none"
    return ""


def _check_single(generator: Generator, critic: Critic) -> None:
    """Raises ConfigError for networks that need several samples, as batch norm does."""
    z, y = torch.empty(1, generator.z_dim), torch.zeros(1, dtype=torch.int64)
    try:
        critic(generator(z, y), y)
    except (RuntimeError, ValueError) as error:
        allowed = f"the networks cannot take a batch of this size ({error})"
        raise ConfigError("batch_size", 1, allowed) from None


def _check_samples(count: int, shape: tuple[int, ...]) -> None:
    """Raises ConfigError for more samples (count, *shape) than the machine's memory holds."""
    size, memory = 4 * count * math.prod(shape), machine_memory()
    if size > memory:
        allowed = f"samples need {size / 1e9:,.0f} GB; this machine has {memory / 1e9:,.0f}"
        raise ConfigError("evaluation.num_samples", count, allowed)


def _check_memory(name: str, network: nn.Module) -> None:
    """Raises ConfigError for a network larger than the memory of the whole machine."""
    tensors = chain(network.parameters(), network.buffers())
    size, memory = sum(tensor.nbytes for tensor in tensors), machine_memory()
    if size > memory:
        allowed = f"needs {size / 1e9:,.0f} GB; this machine has {memory / 1e9:,.0f}"
        raise ConfigError(f"architecture.{name}", f"{size / 4:,.0f} parameters", allowed)
