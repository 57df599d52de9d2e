"""The trainer of a checked experiment: its samples, networks, optimizers and loader, all seeded."""

import logging

import torch
from torch import nn

from gan_zoo.compatibility import batch_norm_warning, check_batch_norm, check_networks
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.devices import memory_format
from gan_zoo.experiment import Experiment
from gan_zoo.ranks import Ranks
from gan_zoo.training.cpu_threads import CPUThreads, is_adaptable
from gan_zoo.training.noise import NoiseSampler
from gan_zoo.training.numerics import check_precision, disable_tf32, precision_warning
from gan_zoo.training.rng import default_rng, derive_seed, make_rng
from gan_zoo.training.runner_choice import should_compile
from gan_zoo.training.step import GANState
from gan_zoo.training.trainer import Trainer

log = logging.getLogger(__name__)

_MARGIN_SAMPLES = 512  # real samples that estimate how large margins will be


def load_samples(experiment: Experiment) -> InMemoryDataset:
    """Return the training samples, labeled if the run is conditional. Raises ConfigError."""
    samples, settings = experiment.dataset.train, experiment.settings
    settings.check_data(len(samples), samples.num_classes)
    if not settings.conditional:
        return samples.unlabeled()
    per_class = experiment.dataset.labels_per_class
    if per_class is None:
        return samples
    order = torch.randperm(len(samples), generator=make_rng(settings.seed, "margin"))
    indices = order[:_MARGIN_SAMPLES]
    experiment.loss.check_unlabeled(samples.gather(indices)[0], samples.num_classes)
    return samples.drop_labels(per_class, make_rng(settings.seed, "labeled"))


def build_trainer(
    experiment: Experiment, samples: InMemoryDataset, ranks: Ranks | None = None
) -> Trainer:
    """Build networks, optimizers and loader, seeded, on the device of the samples' batches.

    ranks: the processes of the run; None for this one alone.

    Raises ConfigError for networks that do not fit data whose shape was unknown before.
    """
    ranks = ranks or Ranks()
    settings, device = experiment.settings, samples.device
    if experiment.dataset.spec().shape is None:
        check_networks(experiment, samples.shape, samples.num_classes)
    disable_tf32()
    check_precision(settings.precision, device)
    if warning := precision_warning(settings.precision, device):
        log.warning("%-13s %s", "precision", warning)
    with default_rng(settings.seed, "weights"):
        generator, critic = experiment.networks(samples.shape, samples.num_classes)
        experiment.regularizer.prepare(critic)
    if warning := batch_norm_warning(critic):
        log.warning("%-13s %s", "regularizer", warning)
    layout = memory_format(device)
    generator = generator.to(device, memory_format=layout)
    critic = critic.to(device, memory_format=layout)
    if ranks.count > 1:
        check_batch_norm(ranks.count, device.type, generator, critic)
        generator = nn.SyncBatchNorm.convert_sync_batchnorm(generator)
        critic = nn.SyncBatchNorm.convert_sync_batchnorm(critic)
    order, balanced = derive_seed(settings.seed, "order"), experiment.dataset.class_balanced
    loader = samples.loader(settings.batch_size, order, balanced, ranks)
    gan = GANState(
        generator=generator,
        critic=critic,
        loss=experiment.loss,
        regularizer=experiment.regularizer,
        generator_optimizer=experiment.optimizers["generator"](generator.parameters()),
        critic_optimizer=experiment.optimizers["critic"](critic.parameters()),
        precision=settings.precision,
        ema_decay=settings.ema,
        use_pseudo_labels=loader.has_unlabeled,
        ranks=ranks,
    )
    compiled = settings.compile
    if compiled == "auto":
        compiled = should_compile(gan, settings.steps)
    return Trainer(
        gan=gan,
        loader=loader,
        noise=NoiseSampler(gan, samples.shape, settings.batch_size, settings.seed, ranks),
        n_critic=settings.n_critic,
        warmup=settings.warmup,
        threads=CPUThreads(adaptable=settings.threads == "auto" and is_adaptable(gan)),
        compiled=compiled,
    )
