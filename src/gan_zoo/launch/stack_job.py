"""Several jobs of a sweep that one process trains as one model."""

import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo.launch.hydra_config import restored_if_refused, save_config
from gan_zoo.launch.job_outcome import outcome
from gan_zoo.launch.sweep_job import SweepJob
from gan_zoo.monitoring.console import show
from gan_zoo.monitoring.run_logs import RunLogs
from gan_zoo.report.number_format import counted
from gan_zoo.run_folder import checkpoint_steps, finished_summary, read_failure, write_failure
from gan_zoo.run_lock import IN_USE, FolderInUse, lock_folder
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Interrupted

try:
    import resource
except ImportError:  # Windows, where 8192 files may be open
    resource = None

if TYPE_CHECKING:
    from gan_zoo.experiment import RunConfig
    from gan_zoo.stacked_run import StackMember

_FILES_PER_RUN = 4  # its lock, its log, metrics.jsonl and TensorBoard's events
_OTHER_FILES = 256  # of Python, torch, its compiler, and of one run that saves or draws


class StackJob:
    """The jobs of one stack.

    Args:
        jobs: that are not done yet.
        step: from which they are resumed; 0 for new ones.
    """

    def __init__(self, jobs: Sequence[SweepJob], step: int):
        self.jobs, self.step = {job.folder: job for job in jobs}, step
        self._remaining = dict(self.jobs)

    def train(self) -> None:
        """Train all jobs. Those that cannot be stacked after all are trained one by one."""
        with contextlib.closing(RunLogs(self.jobs)) as logs:
            try:
                self._train_or_fail(logs)
            except Interrupted as stop:
                next(iter(self.jobs.values())).exit(stop)
                return
            for job in self._take_remaining():
                with logs.only(job.folder):
                    job.train()

    def _train_or_fail(self, logs: RunLogs) -> None:
        """Train the jobs as a stack; leave those that remain to be trained alone."""
        from gan_zoo.stacked_run import NotStackable  # imports torch

        try:
            with contextlib.ExitStack() as held:
                allow_open_files(len(self.jobs))
                self._train_stack(held, logs)
        except NotStackable as error:
            show(f"{counted(len(self._remaining), 'job')} trained alone: {error}")
        except Interrupted as stop:
            if stop.failure:
                self._fail_remaining(stop.failure, logs)
            raise
        except KeyboardInterrupt:
            raise Interrupted(signal.SIGINT) from None
        except Exception as error:
            self._fail_remaining(error, logs)

    def _train_stack(self, held: contextlib.ExitStack, logs: RunLogs) -> None:
        from gan_zoo.stacked_run import train_stack

        members = []
        for job in self.jobs.values():
            try:
                held.enter_context(lock_folder(job.folder))
            except FolderInUse:
                self._take(job).show_end(IN_USE)
                continue
            finished = finished_summary(job.folder, job.experiment.settings.steps)
            if finished is not None:  # by another process, meanwhile
                self._take(job).show_end(outcome(finished, job.folder))
                continue
            own, failure = job.experiment.settings, read_failure(job.folder)
            changed = self.step not in resumable_steps(job.folder, own)
            if changed or (failure and not own.retry_failed):  # by another process, meanwhile
                continue  # it goes on by itself, if at all
            held.enter_context(restored_if_refused(job.folder))
            write_failure(job.folder, "")
            save_config(job.config, job.folder)
            with contextlib.suppress(ConfigError):  # a damaged checkpoint: trained alone
                members.append(self._member(job))
        if not members:
            return
        first = self.jobs[members[0].folder]
        display = first.progress and first.progress.display_stack(len(members))
        train_stack(members, logs, self._on_end, display, first.stop or (lambda: 0))

    def _member(self, job: SweepJob) -> "StackMember":
        from gan_zoo import checkpoints  # imports torch
        from gan_zoo.stacked_run import StackMember

        folder, state = job.folder / "checkpoints", None
        if self.step:
            state = checkpoints.load(checkpoints.path_of(folder, self.step))
        else:  # others of the stack were killed before their first checkpoint
            checkpoints.delete_after(folder, 0)
        return StackMember(job.experiment, job.folder, state)

    def _on_end(self, member: "StackMember", result: dict[str, Any] | Exception) -> None:
        job = self._take(self.jobs[member.folder])
        if isinstance(result, Exception):
            job.fail(result)
        else:
            job.show_end(outcome(result, job.folder))

    def _take(self, job: SweepJob) -> SweepJob:
        return self._remaining.pop(job.folder)

    def _take_remaining(self) -> list[SweepJob]:
        remaining, self._remaining = list(self._remaining.values()), {}
        return remaining

    def _fail_remaining(self, error: Exception, logs: RunLogs) -> None:
        for job in self._take_remaining():
            with logs.only(job.folder):
                job.fail(error)


def resumable_steps(folder: Path, settings: "RunConfig") -> set[int]:
    """Return steps from which a job can go on: of its checkpoints, or 0 if it has hardly begun."""
    steps = checkpoint_steps(folder)
    if steps and finished_summary(folder, 0):  # now to be longer; it was not killed
        return {max(steps)}
    # evaluations save, too
    saving = (settings.checkpoint_every, settings.evaluate_every, settings.steps)
    first = min(filter(None, saving), default=0)
    return steps | {0} if steps <= {first} else steps


def allow_open_files(runs: int) -> None:
    """Let this process open the files of so many runs. Raises NotStackable if it may not."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _OTHER_FILES + _FILES_PER_RUN * runs
    if hard != resource.RLIM_INFINITY and needed > hard:
        from gan_zoo.stacked_run import NotStackable

        raise NotStackable(f"{runs} open {needed} files, and a process may open {hard} (ulimit -n)")
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
