"""How far a sweep is: its jobs, about how long they will take, and one line for each. No torch."""

import dataclasses
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gan_zoo.launch.job_outcome import last_values, summary_number
from gan_zoo.monitoring.console import bold, estimate, has_bar, short_duration, show, shows_bold
from gan_zoo.monitoring.jsonl import parse_step
from gan_zoo.monitoring.progress import JobDisplay
from gan_zoo.printable import printable
from gan_zoo.report.number_format import counted
from gan_zoo.run_folder import finished_summary, read_failure
from gan_zoo.run_lock import in_use

_LINES_BYTES = 1 << 14  # at the end of metrics.jsonl, which hold a line
_SURE_SECONDS = 5  # of the first job, after which its speed is an estimate for all
_TITLE_WIDTH = 32  # of a job's name in a progress bar


@dataclasses.dataclass(frozen=True)
class PlannedJob:
    """One job of a sweep.

    Attributes:
        folder: an absolute path.
        name: what is swept, such as "loss=wgan,seed=2".
        steps: generator updates of the whole run.
        updates: of either network for each of them; jobs with more take longer.
    """

    folder: Path
    name: str
    steps: int
    updates: int

    @property
    def summary(self) -> dict[str, Any] | None:
        """Of the finished run; None for any other."""
        return finished_summary(self.folder, self.steps)

    @property
    def work(self) -> float:
        """Updates of the finished run, which may have ended early; 0 for any other."""
        return self.updates * summary_number(self.summary or {}, "steps")

    @property
    def work_so_far(self) -> float:
        """Updates of any run, as far as it has logged."""
        return self.work or self.updates * min(_last_step(self.folder), self.steps)


def _own_seconds(summary: Mapping[str, Any]) -> float:
    """Return the time of a run, or its part of the time of a stack."""
    return summary_number(summary, "seconds") / max(1.0, summary_number(summary, "stacked"))


def _last_step(folder: Path) -> int:
    """Return the step of the last line that a run has logged; 0 if there is none."""
    try:
        with (folder / "metrics.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LINES_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return 0
    steps = map(parse_step, reversed(lines))
    # the first line is cut, the last one may be incomplete
    return next((step for step in steps if step >= 0), 0)


class SweepProgress:
    """Counts and times the jobs of one sweep, and shows a line when each ends.

    How many have ended is read from their folders, as other processes may train them.

    Args:
        folder: of the sweep.
        jobs: all of them.
        retry_failed: whether jobs that failed before run again.
        sequential: whether one job runs at a time, in this process.
    """

    def __init__(
        self, folder: Path, jobs: Iterable[PlannedJob], retry_failed: bool, sequential: bool
    ):
        self.folder, self.jobs, self.sequential = folder, list(jobs), sequential
        self.done = [job for job in self.jobs if job.summary]
        done = {job.folder for job in self.done}
        unfinished = [job for job in self.jobs if job.folder not in done]
        self._failed_before = {job.folder for job in unfinished if read_failure(job.folder)}
        skipped = set() if retry_failed else self._failed_before
        shown = [job for job in unfinished if job.folder not in skipped]
        used = {job.folder for job in shown if in_use(job.folder)}
        self.trained_elsewhere = [job for job in shown if job.folder in used]
        self.remaining = [job for job in shown if job.folder not in used]
        # summaries of finished runs, even of those that are now to be longer
        self._earlier = {job.folder: finished_summary(job.folder, 0) or {} for job in self.jobs}
        self._made_before = {job.folder: job.work_so_far for job in self.remaining}
        self._finished_work: dict[PlannedJob, float] = {}  # read once: sweeps may be large
        self._start_time = time.time()  # not monotonic: jobs on other machines go by it, too
        self._first_look: tuple[float, float] | None = None  # time, and updates made by then
        self._announced = False

    def show_start(self, shared: Iterable[str]) -> None:
        """Show the number of jobs, and the settings that all of them share."""
        parts = [f"{len(self.done)} done already"] if self.done else []
        elsewhere, remaining = len(self.trained_elsewhere), len(self.remaining)
        if failed := len(self.jobs) - len(self.done) - elsewhere - remaining:
            parts.append(f"{failed} failed before (retry_failed=true runs them again)")
        if elsewhere:
            verb = "is" if elsewhere == 1 else "are"
            parts.append(f"{elsewhere} {verb} being trained by another process")
        if further := sum(bool(self._earlier[job.folder]) for job in self.remaining):
            parts.append(f"{further} to be trained further")
        if parts and (remaining > further or not further):
            parts.append(f"{remaining - further} to run")
        seconds = self._known_seconds()
        self._announced = seconds is not None
        known = f", {estimate(seconds)}" if seconds else ""
        words = " ".join(shared)
        lines = [
            f"{counted(len(self.jobs), 'job')}{': ' if parts else ''}{', '.join(parts)}{known}",
            f"folder: {self.folder}",
            f"all jobs: {bold(words) if shows_bold() else words}" if words else "",
        ]
        show("\n".join(filter(None, lines)))

    def has_evaluations(self) -> bool:
        """Return whether a job was evaluated before this sweep started, or after its run."""
        return any(
            (job.folder / "evaluation.json").is_file()
            or any(tag.startswith("metric/") for tag in last_values(self._earlier[job.folder]))
            for job in self.jobs
        )

    def display(self, folder: Path) -> JobDisplay | None:
        """Return how the job of a folder shows its progress; None if it is not to run."""
        job = self._find(folder)
        if job is None:
            return None
        name = job.name if len(job.name) <= _TITLE_WIDTH else f"{job.name[: _TITLE_WIDTH - 1]}…"

        def time_left(made: int, left: int) -> str:
            return self._time_left(job, made, left)

        return JobDisplay(f"{self._position(job)}  {name}", time_left, bar=self.sequential)

    def display_stack(self, count: int) -> JobDisplay:
        """Return how so many jobs that are trained as one model show their progress."""
        title = f"{count} of {counted(len(self.jobs), 'job')}, as one model"
        return JobDisplay(title, lambda made, left: self.time_left(), bar=self.sequential)

    def show_end(self, folder: Path, result: str, seconds: float) -> None:
        """Show the line of a job that has ended.

        result: see `job_outcome.outcome`, or why it failed; seconds: that it ran.
        """
        job = self._find(folder)
        if job is None:
            return
        parts = [self._position(job), job.name, result, short_duration(seconds)]
        # a bar shows how long the sweep will take; without one, this line does
        left = "" if has_bar() else self.time_left()
        show(printable("  ".join(filter(None, [*parts, left]))))

    def count_done(self) -> str:
        """Say how many of all jobs have finished."""
        done = sum(job.summary is not None for job in self.jobs)
        return f"{done} of {counted(len(self.jobs), 'job')} done"

    def time_left(self) -> str:
        """Describe how long jobs that run at once will take; empty while it is unknown."""
        work = rest = 0.0
        for job in self.remaining:
            finished = self._work_if_finished(job)
            made = job.work_so_far if finished is None else finished
            work += max(0.0, made - self._made_before[job.folder])
            if finished is None and not self.has_failed(job):
                rest += job.updates * job.steps - made
        return self._estimate(work, rest)

    def has_failed(self, job: PlannedJob) -> bool:
        """Return whether a job has failed in this sweep, as far as its folder tells."""
        return job.folder not in self._failed_before and bool(read_failure(job.folder))

    def _work_if_finished(self, job: PlannedJob) -> float | None:
        """Return the updates of a run that has finished; None for any other."""
        if job not in self._finished_work and job.summary is not None:
            self._finished_work[job] = job.work
        return self._finished_work.get(job)

    def _find(self, folder: Path) -> PlannedJob | None:
        shown = (*self.remaining, *self.trained_elsewhere)
        return next((job for job in shown if job.folder == folder), None)

    def _position(self, job: PlannedJob) -> str:
        return f"job {self.jobs.index(job) + 1}/{len(self.jobs)}"

    def _known_seconds(self) -> float | None:
        """Estimate the remaining jobs' time from jobs of the same sweep that ran before."""
        work = sum(map(self._work_before, self.jobs))
        seconds = sum(map(_own_seconds, self._earlier.values()))
        if not (work and self.sequential):
            return None
        return seconds / work * sum(map(self._work_to_do, self.remaining))

    def _work_before(self, job: PlannedJob) -> float:
        """Return the updates of a run that had finished when this sweep started; else 0."""
        return job.updates * summary_number(self._earlier[job.folder], "steps")

    def _work_to_do(self, job: PlannedJob) -> float:
        """Return the updates that a job needed when this sweep started."""
        return job.updates * job.steps - self._work_before(job)

    def _time_left(self, job: PlannedJob, made: int, left: int) -> str:
        """Describe how long the sweep will take, from the speed of its jobs since it started.

        made, left: steps of this job, if it is running.
        """
        if not self.sequential:
            return self.time_left()
        work, rest = job.updates * made, job.updates * left
        for other in self.remaining:
            made_by_other = self._work_if_finished(other) or 0.0
            work += max(0, made_by_other - self._work_before(other))
            if not (made_by_other or other is job or self.has_failed(other)):
                rest += self._work_to_do(other)
        text = self._estimate(work, rest)
        if text and made and not self._announced:
            self._announced = True
            show(f"{counted(len(self.remaining), 'job')}, {text.removesuffix(' left')}")
        return text

    def _estimate(self, work: float, rest: float) -> str:
        if not (work and rest):
            return ""
        now = time.time()
        self._first_look = self._first_look or (now, work)
        start, made = self._first_look
        # the time before was in part that of compilation and imports: it no longer counts once as
        # much work again is done
        if work < 2 * made or now - start < _SURE_SECONDS:
            start, made = self._start_time, 0.0
        elapsed, work = now - start, work - made
        if elapsed < _SURE_SECONDS:
            return ""
        return f"{estimate(elapsed / work * rest)} left"
