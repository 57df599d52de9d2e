"""Train several runs as one stack; each is otherwise a run like any other (`run.py`)."""

import contextlib
import dataclasses
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.callbacks import RunCallbacks
from gan_zoo.data.in_memory import InMemoryDataset
from gan_zoo.data.placement import place_data
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.experiment import Experiment
from gan_zoo.monitoring.background import writer_thread
from gan_zoo.monitoring.console import plain
from gan_zoo.monitoring.header import run_header
from gan_zoo.monitoring.progress import JobDisplay, StackProgress, last_numbers
from gan_zoo.monitoring.run_logs import RunLogs
from gan_zoo.provenance import provenance
from gan_zoo.run import check_data, load_state
from gan_zoo.run_folder import diverged
from gan_zoo.training.cpu_threads import use_threads
from gan_zoo.training.numerics import deterministic
from gan_zoo.training.signals import Interrupted, catch_signals
from gan_zoo.training.stack.cost import compiles, is_small
from gan_zoo.training.stack.trainer import StackedTrainer
from gan_zoo.training.trainer import Trainer, steps_at_once

log = logging.getLogger(__name__)


@dataclasses.dataclass
class StackMember:
    """One run of a stack.

    Attributes:
        experiment: checked; equal to that of the other runs but for seed and numbers of loss and
            regularizer.
        folder: of the run.
        state: content of the checkpoint that it resumes from; None for a new run.
    """

    experiment: Experiment
    folder: Path
    state: dict[str, Any] | None = None


class NotStackable(Exception):  # noqa: N818
    """Runs that cannot be trained as one model."""


OnEnd = Callable[[StackMember, "dict[str, Any] | Exception"], None]


def train_stack(
    members: Sequence[StackMember],
    logs: RunLogs,
    on_end: OnEnd,
    job: JobDisplay | None = None,
    stop: Callable[[], int] = lambda: 0,
) -> None:
    """Train runs in lockstep, all from the same step, each into its own folder.

    logs: the runs' log files; on_end: called for each run that ends, with its summary or with why
    it failed: the others go on; job: how all of them show their progress; stop: returns the signal
    for which another process asks all runs to stop, else 0.

    Raises Interrupted once all runs are saved after a signal, and NotStackable, before anything is
    written, for runs that cannot be stacked.
    """
    first = members[0].experiment
    with (
        deterministic(first.settings.deterministic),
        use_threads(first.settings.threads, members[0].state),
    ):
        samples = place_data(load_samples(first), first.device(), first.dataset)
        stack = _Stack(members, samples, logs, on_end)
        with contextlib.closing(stack), catch_signals() as flag:
            try:
                stack.fit(job or _SILENT, lambda: flag.signal_number or stop(), flag.call_outer)
            except Interrupted:
                raise
            except BaseException:
                stack.rescue()
                raise


_SILENT = JobDisplay("", lambda made, left: "", bar=False, lines=False)


class _Run:
    """A run of a stack while it trains."""

    def __init__(
        self,
        member: StackMember,
        trainer: Trainer,
        samples: InMemoryDataset,
        like: "_Run | None",
        thread: ThreadPoolExecutor,
    ):
        self.member, self.trainer = member, trainer
        experiment, folder, state = member.experiment, member.folder, member.state
        others = like and like.callbacks
        given = (experiment, samples, trainer, folder, state, _SILENT, others, thread)
        self.callbacks = RunCallbacks(*given)
        self.origin = provenance(experiment.device(), folder)
        self.schedule = self.callbacks.schedule()
        self._entered = contextlib.ExitStack()
        self._entered.enter_context(self.callbacks.logger)

    def act(self) -> None:
        """Call the actions that are due at the present step."""
        for period, action in self.schedule:
            if self.trainer.is_due(period, self.member.experiment.settings.steps):
                action()

    def finish(self, stacked: int) -> dict[str, Any]:
        """Write the summary and return it. stacked: runs of the stack at its start."""
        summary = self.callbacks.on_end({**self.origin, "stacked": stacked})
        self.close()
        log.info("%s", last_numbers(summary))
        log.info("%s: %s", "ended" if diverged(summary) else "done", self.member.folder)
        return summary

    def close(self) -> None:
        """Close the run's files."""
        self._entered.close()


class _Stack:
    """The runs of a stack, and what they share."""

    def __init__(
        self,
        members: Sequence[StackMember],
        samples: InMemoryDataset,
        logs: RunLogs,
        on_end: OnEnd,
    ):
        first = members[0].experiment
        shared = {"dataset": first.dataset}  # loaded once
        members = [
            dataclasses.replace(each, experiment=dataclasses.replace(each.experiment, **shared))
            for each in members
        ]
        self._logs, self._on_end = logs, on_end
        self._steps, self._count = first.settings.steps, len(members)
        trainers = [self._build(member, samples) for member in members]
        compiled, gan = trainers[0].compiled, trainers[0].gan
        choose = members[0].state is None and first.settings.compile == "auto"
        if choose and gan.device.type == "cpu":
            small = is_small(gan.generator, gan.critic, first.settings.batch_size, "cpu")
            compiled = small and compiles("auto", self._count, self._steps)
        for trainer in trainers:
            trainer.compiled = compiled
        try:
            self._trainer = StackedTrainer(trainers, first.optimizers, compiled)
        except TypeError as error:
            raise NotStackable(str(error)) from None
        self._runs: list[_Run] = []
        # with one for each run, training would wait for all of them to give Python back
        self._thread = writer_thread()
        for member, trainer in zip(members, trainers, strict=True):
            like = self._runs[0] if self._runs else None
            with logs.only(member.folder):
                self._log_header(member, trainer)
                self._runs.append(_Run(member, trainer, samples, like, self._thread))
        if evaluation := self._runs[0].callbacks.evaluation:
            evaluation.evaluator.sampler = self._trainer.sampler  # the evaluator of all runs

    def _build(self, member: StackMember, samples: InMemoryDataset) -> Trainer:
        compiled = member.experiment.settings.compile
        with self._logs.only(member.folder):
            trainer = build_trainer(member.experiment, samples)
            if member.state is not None:
                check_data(member.experiment, member.state)
                load_state(trainer, compiled, member.state, member.folder)
        return trainer

    def _log_header(self, member: StackMember, trainer: Trainer) -> None:
        networks, threads = (trainer.gan.generator, trainer.gan.critic), str(trainer.threads)
        header = run_header(member.experiment, *networks, (), threads)
        log.info("\n%s", plain(header))
        log.info("%-13s one of %s runs that are trained as one model", "stack", self._count)

    def fit(self, job: JobDisplay, stop_signal: Callable[[], int], call_outer: Callable) -> None:
        """Train until all runs have ended; raise Interrupted after a signal."""
        self._each(lambda run: run.callbacks.start())
        step = self._runs[0].trainer.step if self._runs else 0
        with contextlib.closing(StackProgress(self._steps, step, job)) as progress:
            self._train(progress, stop_signal, call_outer)
        self._each(self._finish)

    def _train(
        self, progress: StackProgress, stop_signal: Callable[[], int], call_outer: Callable
    ) -> None:
        periods = [period or 0 for run in self._runs[:1] for period, _ in run.schedule]
        chunk = self._trainer.setup_runner(math.gcd(*periods))
        while self._runs and (step := self._runs[0].trainer.step) < self._steps:
            call_outer(self._save)
            if number := stop_signal():
                self._save()
                raise Interrupted(number)
            self._trainer.train_steps(steps_at_once(step, chunk, self._steps))
            self._call_actions()
            if self._runs:
                progress.update(self._runs[0].trainer.step)

    def _call_actions(self) -> None:
        first = self._runs[0]
        due = [first.trainer.is_due(period, self._steps) for period, _ in first.schedule if period]
        if any(due) or first.trainer.step == self._steps:
            self._trainer.hand_out()
            self._each(lambda run: run.act())

    def _each(self, act: Callable[[_Run], None]) -> None:
        """Call a function on each run; one that diverges or fails leaves the others."""
        for run in list(self._runs):
            with self._logs.only(run.member.folder), self._paused(run):
                try:
                    act(run)
                except DivergedError:
                    run.callbacks.on_divergence()
                    self._finish(run)
                except Exception as error:
                    self._fail(run, error)

    @contextlib.contextmanager
    def _paused(self, acting: _Run) -> Iterator[None]:
        """Do not count the time of one run's actions as that of the others."""
        with contextlib.ExitStack() as paused:
            for run in self._runs:
                if run is not acting:
                    paused.enter_context(run.callbacks.logger.paused_timer())
            yield

    def _finish(self, run: _Run) -> None:
        try:
            self._leave(run, run.finish(self._count))
        except Exception as error:
            self._fail(run, error)

    def _fail(self, run: _Run, error: Exception) -> None:
        run.callbacks.saver.rescue()
        self._leave(run, error)

    def _leave(self, run: _Run, result: dict[str, Any] | Exception) -> None:
        run.close()
        self._runs.remove(run)
        self._trainer.leave(run.trainer)
        self._on_end(run.member, result)

    def _save(self) -> None:
        self._trainer.hand_out()
        self._each(_save)

    def rescue(self) -> None:
        """Save all runs before an exception ends them."""
        self._trainer.hand_out()
        for run in self._runs:
            with self._logs.only(run.member.folder):
                run.callbacks.saver.rescue()

    def close(self) -> None:
        """Close what is open."""
        for run in self._runs:
            run.close()
        self._trainer.close()
        self._thread.shutdown()


def _save(run: _Run) -> None:
    run.callbacks.saver.save()
    run.callbacks.saver.check()
