"""Train the model of a checked experiment."""

import contextlib
import logging
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from gan_zoo import checkpoints
from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.callbacks import RunCallbacks
from gan_zoo.data.placement import place_data
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.experiment import Experiment
from gan_zoo.latest_sweep import resolve
from gan_zoo.monitoring.console import plain
from gan_zoo.monitoring.header import run_header
from gan_zoo.monitoring.progress import JobDisplay, last_numbers
from gan_zoo.provenance import provenance
from gan_zoo.ranks import Ranks
from gan_zoo.resumed_run import check_step, check_unchanged, refuse_other_data
from gan_zoo.run_folder import diverged, finished_summary
from gan_zoo.schema import ConfigError, at_home
from gan_zoo.training.cpu_threads import use_threads
from gan_zoo.training.numerics import deterministic
from gan_zoo.training.signals import Interrupted, StopFlag, Stopped, catch_signals
from gan_zoo.training.trainer import Trainer

log = logging.getLogger(__name__)


def train(
    experiment: Experiment,
    folder: Path,
    *,
    job: JobDisplay | None = None,
    changed: Collection[str] = (),
    stop: Callable[[], int] = lambda: 0,
    ranks: Ranks | None = None,
) -> dict[str, Any]:
    """Train one model in a folder of its own. Returns the summary that it also writes there.

    Resumes the run that the folder already contains, exactly from its newest valid checkpoint;
    does not change a finished run.

    job: how a job of a sweep shows its progress; changed: dotted keys of settings that the header
    shows in bold; stop: returns the signal for which another process asks the run to stop, else 0;
    ranks: the processes that train this run, all of which call this; only rank 0 writes, and only
    its summary counts. None for this process alone.

    Raises ConfigError, before anything is written, for parts that do not fit together; Stopped
    for a run that stops early because it cannot be saved; and Interrupted for a signal, after the
    run is saved, or done if the signal came too late to stop it.
    """
    settings, ranks = experiment.settings, ranks or Ranks()
    summary = finished_summary(folder, settings.steps)
    if summary is not None and not is_checkpoint(settings.resume):
        less = f"; steps={settings.steps} is less" if settings.steps < summary["steps"] else ""
        log.info("finished at step %s already%s: %s", summary["steps"], less, folder)
        return summary
    state = find_checkpoint(settings.resume, folder) if ranks.rank == 0 else None
    state = ranks.broadcast_object(state)
    if state is not None:
        check_unchanged(state["config"], experiment.config)
        check_step(state["step"], settings.steps)
    # on another number of devices, each process has another share of the cores
    same = state is not None and state["config"].get("devices", 1) == ranks.count
    with (
        deterministic(settings.deterministic),
        use_threads(settings.threads, state if same else None),
    ):
        samples = place_data(load_samples(experiment), experiment.device(), experiment.dataset)
        trainer = build_trainer(experiment, samples, ranks)
        if state is not None:
            check_data(experiment, state)
            load_state(trainer, settings.compile, state, folder)
        ranks.broadcast(trainer.gan.tensors())
        if ranks.rank > 0:
            return _train_along(trainer, settings.steps, ranks, stop)
        networks = trainer.gan.generator, trainer.gan.critic
        threads = str(trainer.threads)
        if ranks.count > 1:
            threads += f" in each of {ranks.count} processes"
        header = run_header(experiment, *networks, changed, threads)
        log.info("\n%s", plain(header), extra={"styled": f"\n{header}"})
        callbacks = RunCallbacks(experiment, samples, trainer, folder, state, job)
        return _train(experiment, callbacks, ranks, stop)


def _train(
    experiment: Experiment,
    callbacks: RunCallbacks,
    ranks: Ranks,
    stop: Callable[[], int],
) -> dict[str, Any]:
    """Train, and write everything into the folder; see `train`."""
    with catch_signals() as flag:
        summary = _fit(experiment, callbacks, ranks, stop, flag)
        log.info("%s", last_numbers(summary))
        folder = callbacks.logger.folder
        log.info("%s: %s", "ended" if diverged(summary) else "done", folder)
    return summary


def _fit(
    experiment: Experiment,
    callbacks: RunCallbacks,
    ranks: Ranks,
    stop: Callable[[], int],
    flag: StopFlag,
) -> dict[str, Any]:
    settings, trainer = experiment.settings, callbacks.trainer
    origin = provenance(experiment.device(), callbacks.logger.folder)
    with contextlib.ExitStack() as at_end, callbacks.logger:
        at_end.callback(trainer.leave_ranks, settings.steps)
        try:
            callbacks.start()
            schedule = callbacks.schedule()
            ranks.broadcast_object([period for period, _ in schedule])

            def stop_signal() -> int:
                flag.call_outer(callbacks.saver.save)
                return flag.signal_number or stop()

            trainer.fit(settings.steps, schedule, lambda: bool(stop_signal()))
            if trainer.step < settings.steps:
                callbacks.saver.save()
                callbacks.saver.check()
                raise Interrupted(stop_signal() or signal.SIGTERM)  # that of another rank
        except DivergedError:
            callbacks.on_divergence()
        except Stopped:
            raise
        except BaseException as error:
            callbacks.saver.rescue()
            raise _stopped(error) from error
        return callbacks.on_end(origin)


def _train_along(
    trainer: Trainer, steps: int, ranks: Ranks, stop: Callable[[], int]
) -> dict[str, Any]:
    """Train as another rank than 0: the same steps, and nothing between them."""
    schedule = [(period, _do_nothing) for period in ranks.broadcast_object(None)]
    with catch_signals() as flag:
        trainer.fit(steps, schedule, lambda: bool(flag.signal_number or stop()))
    return {}


def _do_nothing() -> None:
    pass


def _stopped(error: BaseException) -> BaseException:
    """Return the exception to raise for one that stopped a run after its start."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(signal.SIGINT)
    return Stopped(str(error)) if isinstance(error, ConfigError) else error


def check_data(experiment: Experiment, state: dict[str, Any]) -> None:
    """Raise ConfigError if a checkpoint was trained on other data, unless that is allowed."""
    dataset = experiment.dataset
    if experiment.settings.allow_changes:
        return
    refuse_other_data(state, dataset.fingerprint, *dataset.source)


def load_state(trainer: Trainer, compiled: bool | str, state: dict[str, Any], folder: Path) -> None:
    """Load a checkpoint's state. Raises ConfigError for one that does not fit the run.

    compiled: the setting `compile`; auto: as in the checkpoint.
    """
    with checkpoints.must_fit(state["step"], folder / "checkpoints"):
        trainer.load_state_dict(state)
    if compiled != "auto":
        trainer.compiled = bool(compiled)
    log.info("resuming from step %s: %s", trainer.step, folder)


def find_checkpoint(resume: str | None, folder: Path) -> dict[str, Any] | None:
    """Read the checkpoint to resume: the one that `resume` names, or the folder's newest."""
    if resume is not None and is_checkpoint(resume):
        return checkpoints.load(resolve(Path(at_home(resume))))
    return checkpoints.latest_valid(folder / "checkpoints")


def is_checkpoint(resume: str | None) -> bool:
    """Return whether `resume` names a checkpoint rather than a folder."""
    return resume is not None and Path(resume).suffix == ".pt"
