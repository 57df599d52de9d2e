"""What the terminal shows of jobs in other processes: a line for each that ends, and a summary."""

import threading
import time
from contextlib import suppress

from tqdm import tqdm

from gan_zoo.launch.job_outcome import outcome, summary_number
from gan_zoo.launch.sweep_progress import PlannedJob, SweepProgress
from gan_zoo.monitoring.console import has_bar
from gan_zoo.run_folder import newest_step, read_failure
from gan_zoo.run_lock import in_use

_INTERVAL = 1  # seconds between two looks at the jobs' folders


class SweepDisplay(threading.Thread):
    """Shows a sweep until it is closed, from what its jobs write into their folders.

    On a terminal, one line says how many jobs are done, run or failed, and how long the sweep will
    take; a line for each job that has ended stays above it. Elsewhere only the latter are shown.
    """

    def __init__(self, progress: SweepProgress):
        super().__init__(daemon=True)
        self._progress, self._closed = progress, threading.Event()
        self._pending = list(progress.remaining)  # may still train
        self._start_times: dict[PlannedJob, float] = {}  # of running jobs
        self._stopped: set[PlannedJob] = set()  # no longer train, and have not said why
        self._done, self._failed = len(progress.done), 0
        self._bar = tqdm(
            bar_format="{desc}", disable=not has_bar(), leave=False, dynamic_ncols=True
        )

    def run(self) -> None:
        while not self._closed.wait(_INTERVAL):
            self.update()

    def close(self) -> None:
        """Show the lines of jobs that have just ended, and remove the summary."""
        self._closed.set()
        self.join()
        self.update()
        self._bar.close()

    def update(self) -> None:
        """Show what has changed since the last call."""
        for job in list(self._pending):
            with suppress(OSError):
                self._look_at(job)
        if not self._bar.disable:
            self._bar.set_description_str(self.summary())

    def summary(self) -> str:
        """Count the jobs that are done, run, or have failed, and estimate the time that is left."""
        parts = [
            f"{self._done}/{len(self._progress.jobs)} done",
            f"{len(self._start_times)} running",
            f"{self._failed} failed" if self._failed else "",
            self._progress.time_left(),
        ]
        return ", ".join(filter(None, parts))

    def _look_at(self, job: PlannedJob) -> None:
        """Note that a job runs, or show its line if it has ended."""
        if in_use(job.folder, patience=0):
            self._start_times.setdefault(job, time.monotonic())
            return
        ran, summary = job in self._start_times, job.summary
        if summary is not None:
            self._done += 1
            self._end(job, outcome(summary, job.folder), summary_number(summary, "seconds"))
        elif self._progress.has_failed(job) or (ran and read_failure(job.folder)):
            self._failed += 1
            self._end(job, f"failed: {read_failure(job.folder)}")
        elif ran and (job in self._stopped or self._closed.is_set()):
            step = newest_step(job.folder)
            self._end(job, f"stopped{f'; saved at step {step}' if step else ''}")
        elif ran:
            self._stopped.add(job)

    def _end(self, job: PlannedJob, result: str, seconds: float = 0.0) -> None:
        self._pending.remove(job)
        if job in self._start_times:
            seconds = time.monotonic() - self._start_times.pop(job)
        self._progress.show_end(job.folder, result, seconds)
