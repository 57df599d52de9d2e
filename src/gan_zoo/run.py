"""From a checked experiment to a trained model: the nouns, then the verb."""

import logging
from pathlib import Path
from typing import Any

import torch

from gan_zoo import checkpoints
from gan_zoo.data.residence import place
from gan_zoo.data.samples import Samples
from gan_zoo.experiment import Experiment
from gan_zoo.monitoring.album import Album
from gan_zoo.monitoring.header import header, table
from gan_zoo.monitoring.monitor import Monitor
from gan_zoo.provenance import provenance
from gan_zoo.schema import SettingError
from gan_zoo.training.ema import MovingAverage
from gan_zoo.training.loop import Training, train
from gan_zoo.training.step import Game
from gan_zoo.training.streams import stream, stream_seed

log = logging.getLogger(__name__)


def run(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Train one model in a folder of its own. Returns the summary that it also writes there.

    Raises SettingError, before anything is written, where the nouns do not fit together.
    """
    settings, device = experiment.settings, experiment.device()
    samples = place(load_samples(experiment), device, experiment.dataset)
    training = compose(experiment, samples)
    log.info("\n%s", header(experiment, training.game.generator, training.game.critic))

    def log_values() -> None:
        monitor.scalars(training.read_meters())

    def draw() -> None:
        monitor.picture(f"{training.step:06d}", "samples/fixed", album.fake())

    def save() -> None:
        content = {"config": experiment.config, "shape": samples.shape}
        content |= {"num_classes": samples.num_classes, **training.state_dict()}
        checkpoints.save(folder / "checkpoints" / f"{training.step:08d}.pt", content)
        checkpoints.keep_newest(folder / "checkpoints", count=2)

    album = Album(
        experiment.dataset, training.average.network, stream(settings.seed, "album", device)
    )
    with Monitor(folder, settings.steps) as monitor:
        monitor.events.text("config", table(experiment.config))
        monitor.picture("real", "samples/real", album.real(samples, stream(settings.seed, "real")))
        draw()
        cadence = [
            (1, lambda: monitor.tick(training.feed.position)),
            (settings.log_every, log_values),
            (settings.sample_every, draw),
            (settings.checkpoint_every, save),
        ]
        train(training, settings.steps, cadence)
        facts = {"dataset_fingerprint": samples.fingerprint(), **provenance(device)}
        summary = monitor.summary(facts)
    log.info("done: %s", folder)
    return summary


def load_samples(experiment: Experiment) -> Samples:
    """The training samples, labelled if the run is conditional. Raises SettingError if unfit."""
    samples, settings = experiment.dataset.load("train"), experiment.settings
    if settings.batch_size > len(samples):
        allowed = f"must be at most {len(samples)}, the size of the dataset"
        raise SettingError("batch_size", settings.batch_size, allowed)
    if settings.conditional and samples.num_classes == 1:
        raise SettingError("conditional", True, "needs a dataset with labels; this one has none")
    return samples if settings.conditional else samples.unlabelled()


def compose(experiment: Experiment, samples: Samples) -> Training:
    """A game ready to be played where the samples' batches are, its streams set by the seed."""
    settings, device = experiment.settings, samples.device
    torch.manual_seed(stream_seed(settings.seed, "weights"))
    generator, critic = experiment.networks(samples.shape, samples.num_classes)
    generator, critic = generator.to(device), critic.to(device)
    experiment.regularizer.prepare(critic)
    game = Game(
        generator=generator,
        critic=critic,
        loss=experiment.loss,
        regularizer=experiment.regularizer,
        generator_optimizer=experiment.optimizers["generator"](generator.parameters()),
        critic_optimizer=experiment.optimizers["critic"](critic.parameters()),
    )
    torch.manual_seed(stream_seed(settings.seed, "regularizer"))
    return Training(
        game=game,
        feed=samples.feed(settings.batch_size, stream_seed(settings.seed, "order")),
        average=MovingAverage(generator, settings.ema),
        noise=stream(settings.seed, "noise", device),
        n_critic=settings.n_critic,
        warmup=settings.warmup,
    )
