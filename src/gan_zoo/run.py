"""From a checked experiment to a trained model: the nouns, then the verb."""

import logging
import signal
from pathlib import Path
from typing import Any

import torch

from gan_zoo import checkpoints
from gan_zoo.chronicle import Chronicle
from gan_zoo.data.residence import place
from gan_zoo.data.samples import Samples
from gan_zoo.experiment import Experiment
from gan_zoo.metrics.health import DivergedError
from gan_zoo.monitoring.header import header
from gan_zoo.provenance import provenance
from gan_zoo.resume import diverged, finished, refuse_changes, refuse_other_data
from gan_zoo.schema import SettingError
from gan_zoo.training.determinism import repeatable
from gan_zoo.training.interruption import Interrupted, Stopped, interruptible
from gan_zoo.training.loop import Training, train
from gan_zoo.training.precision import caution, strict
from gan_zoo.training.quick import pays
from gan_zoo.training.step import Game
from gan_zoo.training.streams import stream, stream_seed

log = logging.getLogger(__name__)

_COMPARED = 512  # real samples whose distances tell how large margins will be


def run(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Train one model in a folder of its own. Returns the summary that it also writes there.

    A folder that holds a run already is gone on with, exactly from its newest sound checkpoint; one
    that holds a finished run is left as it is.

    Raises SettingError, before anything is written, where the nouns do not fit together, and
    Stopped where the run ended before its time: after a signal, once it is saved, or where it could
    not be saved.
    """
    settings = experiment.settings
    state = saved_state(settings.resume, folder)
    if state is not None:
        refuse_changes(state["config"], experiment.config)
    summary = finished(folder, settings.steps)
    if summary is not None and not names_checkpoint(settings.resume):
        log.info("finished at step %s already: %s", summary["steps"], folder)
        return summary
    with repeatable(settings.deterministic):
        return play(experiment, folder, state)


def play(experiment: Experiment, folder: Path, state: dict[str, Any] | None) -> dict[str, Any]:
    """Train from a checkpoint's state, or from the start; see `run`."""
    settings, device = experiment.settings, experiment.device()
    samples = place(load_samples(experiment), device, experiment.dataset)
    training = compose(experiment, samples)
    if state is not None:
        check_data(experiment, state)
        go_on(training, state, folder)
    log.info("\n%s", header(experiment, training.game.generator, training.game.critic))

    chronicle = Chronicle(experiment, samples, training, folder, state)
    checkpoints.forget_after(folder / "checkpoints", training.step)
    origin = provenance(device, folder)
    with chronicle.monitor, interruptible() as request:
        try:
            chronicle.start()
            train(
                training, settings.steps, chronicle.cadence(), lambda: bool(request.signal_number)
            )
            if request.signal_number is not None and training.step < settings.steps:
                chronicle.keeper.save()
                chronicle.keeper.check()
                raise Interrupted(request.signal_number)
        except DivergedError:
            chronicle.give_up()
        except Stopped:
            raise
        except BaseException as error:
            chronicle.keeper.rescue()
            raise _ended(error) from error
        summary = chronicle.end(origin)
    log.info("%s: %s", "ended" if diverged(summary) else "done", folder)
    return summary


def _ended(error: BaseException) -> BaseException:
    """What ends a run that has begun, instead of an exception that training came across."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(signal.SIGINT)
    return Stopped(str(error)) if isinstance(error, SettingError) else error


def check_data(experiment: Experiment, state: dict[str, Any]) -> None:
    """Raises SettingError where a checkpoint was trained on other data, unless that is allowed."""
    dataset = experiment.dataset
    if experiment.settings.allow_changes:
        return
    key = "dataset.root" if hasattr(dataset, "root") else "dataset"
    value = getattr(dataset, "root", type(dataset).__name__)
    refuse_other_data(state, dataset.fingerprint, key, value)


def go_on(training: Training, state: dict[str, Any], folder: Path) -> None:
    """Take over a checkpoint's state. Raises SettingError for one that does not fit the run."""
    try:
        training.load_state_dict(state)
    except Exception:  # sound as a file, but of other networks, or written by a stranger
        allowed = f"the state of step {state['step']} does not fit the settings"
        raise SettingError("checkpoint", folder / "checkpoints", allowed) from None
    log.info("going on from step %s: %s", training.step, folder)


def saved_state(resume: str | None, folder: Path) -> dict[str, Any] | None:
    """What there is to go on from: a checkpoint named by the user, or the newest of the folder."""
    if resume is not None and names_checkpoint(resume):
        return checkpoints.load(Path(resume))
    return checkpoints.newest_sound(folder / "checkpoints")


def names_checkpoint(resume: str | None) -> bool:
    """Whether a checkpoint is named to go on from, rather than a folder."""
    return resume is not None and Path(resume).suffix == ".pt"


def load_samples(experiment: Experiment) -> Samples:
    """The training samples, labelled if the run is conditional. Raises SettingError if unfit."""
    samples, settings = experiment.dataset.train, experiment.settings
    settings.check_data(len(samples), samples.num_classes)
    if not settings.conditional:
        return samples.unlabelled()
    per_class = experiment.dataset.labels_per_class
    if per_class is None:
        return samples
    places = torch.randperm(len(samples), generator=stream(settings.seed, "margin"))[:_COMPARED]
    experiment.loss.check_hidden(samples.take(places)[0], samples.num_classes)
    return samples.hide_labels(per_class, stream(settings.seed, "labelled"))


def compose(experiment: Experiment, samples: Samples) -> Training:
    """A game ready to be played where the samples' batches are, its streams set by the seed."""
    settings, device = experiment.settings, samples.device
    strict()
    if told := caution(settings.precision, device):
        log.warning("%-13s %s", "precision", told)
    torch.manual_seed(stream_seed(settings.seed, "weights"))
    generator, critic = experiment.networks(samples.shape, samples.num_classes)
    layout = torch.channels_last  # convolutions are faster in it
    generator = generator.to(device, memory_format=layout)
    critic = critic.to(device, memory_format=layout)
    experiment.regularizer.prepare(critic)
    feed = samples.feed(
        settings.batch_size, stream_seed(settings.seed, "order"), experiment.dataset.balanced
    )
    game = Game(
        generator=generator,
        critic=critic,
        loss=experiment.loss,
        regularizer=experiment.regularizer,
        generator_optimizer=experiment.optimizers["generator"](generator.parameters()),
        critic_optimizer=experiment.optimizers["critic"](critic.parameters()),
        precision=settings.precision,
        ema=settings.ema,
        guesses=feed.hides_labels,
    )
    torch.manual_seed(stream_seed(settings.seed, "regularizer"))
    return Training(
        game=game,
        feed=feed,
        noise=stream(settings.seed, "noise", device),
        n_critic=settings.n_critic,
        warmup=settings.warmup,
        quick={"auto": pays(game, settings.steps)}.get(settings.compile, settings.compile),
    )
