"""The end of a sweep, also by an error of its launcher: a report, missing jobs, an exit code."""

import dataclasses
import os
import re
import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NoReturn

from gan_zoo.closed_terminal import drop_closed_terminal
from gan_zoo.command_line import (
    EXIT_FAILED,
    EXIT_SIGNAL,
    error_line,
    error_message,
    exit_code,
    exit_with,
    from_here,
)
from gan_zoo.launch.errors import exit_on_error
from gan_zoo.launch.sweep_display import SweepDisplay
from gan_zoo.launch.sweep_job import write_traceback
from gan_zoo.launch.sweep_progress import PlannedJob, SweepProgress
from gan_zoo.launch.sweep_stop import (
    SweepStop,
    keep_interrupts_from_workers,
    see_interrupts,
)
from gan_zoo.monitoring.console import show
from gan_zoo.printable import printable
from gan_zoo.run_folder import has_settings, read_failure
from gan_zoo.run_lock import IN_USE, in_use
from gan_zoo.training.signals import (
    DEFAULT_HANDLERS,
    SIGHUP,
    Interrupted,
    handle_next,
    reset_signals,
    stop_signals,
)

_PATIENCE = 60  # seconds in which jobs save after their launcher failed
_LONGEST = 300  # characters of a launcher's message
# of submitit, when a job was killed or canceled; paths and the end of the job's log follow
_LOST_JOB = re.compile(r"UncompletedJobError: Job (\S+) .*? any output \(state: ([^)]*)\)")
_SIGNAL_CODES = {EXIT_SIGNAL + number: number for number in DEFAULT_HANDLERS}


@dataclasses.dataclass
class SweepEnd:
    """Ends one sweep in the process that started it.

    Attributes:
        folder: of the sweep.
        word: that names the sweep on a command line, such as "sweep=mine".
        progress: of its jobs.
        stop: asks jobs in other processes to stop; None if they run in this one.
        display: of jobs in other processes.
    """

    folder: Path
    word: str
    progress: SweepProgress
    stop: SweepStop | None = None
    display: SweepDisplay | None = None

    def begin(self) -> None:
        """Handle signals until the end, and show jobs of other processes."""
        _SWEEP.set(self)
        if self.stop is None:  # between two jobs; while one trains, it handles signals
            for number in {*stop_signals()} - {signal.SIGINT}:
                signal.signal(number, _end_quietly)
            return
        self.display = SweepDisplay(self.progress)
        self.display.start()
        self.stop.begin()
        keep_interrupts_from_workers()

    def finish(self, error: BaseException | None = None) -> None:
        """Report the sweep, and exit with a code other than 0 unless all of its jobs are done.

        error: what ended the launcher; None if it ended as it should.
        """
        _SWEEP.set(None)
        stopped_by = _signal_number(error)
        if self.stop is None:
            reset_signals()
        else:
            see_interrupts()
            stopped_by = stopped_by or self.stop.signal_number()
            if error is not None:
                self._wait_for_jobs(stopped_by)
            self.stop.end()
        if stopped_by:
            handle_next(SIGHUP)  # which may follow when a terminal closes, or a session ends
        if self.display:
            self.display.close()
        with exit_on_error():
            if any(has_settings(job.folder) for job in self.progress.jobs):
                _show_result(self.folder)
            missing = [job for job in self.progress.jobs if not job.summary]
            if missing and stopped_by:
                stop = Interrupted(stopped_by)
                hint = f"{self._again()} runs the remaining jobs"
                exit_with(stop, exit_code(stop), f"{self.progress.count_done()}; {hint}")
            if missing:
                self._exit_failed(missing, error)
            if isinstance(error, Exception):
                print(f"all jobs are done, but {self._cause(error)}", file=sys.stderr)

    def _wait_for_jobs(self, stopped_by: int) -> None:
        """Make other processes save their jobs, and wait for that; those of a cluster go on."""
        if self.stop.outlived and not stopped_by:
            return
        self.stop.ask(stopped_by or signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        own = self.progress.remaining
        while any(in_use(job.folder) for job in own) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _exit_failed(self, missing: list[PlannedJob], error: BaseException | None) -> NoReturn:
        """List unfinished jobs with the reason of each, and end the program."""
        reasons = [_why_unfinished(job.folder, error) for job in missing]
        count = f"{len(missing)} of {len(self.progress.jobs)} jobs"
        if all(read_failure(job.folder) for job in missing):
            line = f"{count} failed; {self._again('retry_failed=true')} tries them again"
        elif {*reasons} == {IN_USE}:
            line = f"{count} not done yet: other processes are training them"
        else:
            cause = f": {self._cause(error)}" if error else ""
            line = f"{count} not done{cause}; {self._again()} runs them"
            if any(read_failure(job.folder) for job in missing):
                line += " (with retry_failed=true also those that failed)"
        pairs = zip(missing, reasons, strict=True)
        lines = [line, *(printable(f"  {job.name}: {reason}") for job, reason in pairs)]
        print("\n".join(lines), file=sys.stderr)
        sys.exit(EXIT_FAILED)

    def _again(self, *words: str) -> str:
        """Name the command that starts the sweep again, by what is added to this one."""
        added = [*([] if IN_STUDY.get() else [self.word]), *words]
        return f"the same command with {' '.join(added)}" if added else "the same command"

    def _cause(self, error: BaseException) -> str:
        """Describe why a launcher ended early; the traceback of an error goes to a file."""
        if isinstance(error, BrokenExecutor):
            return "a process of the sweep was killed"
        hint = write_traceback(error, Path(os.path.relpath(self.folder)))
        message = error_message(error) if isinstance(error, Exception) else f"it ended with {error}"
        if lost := _LOST_JOB.match(message):
            message = f"job {lost[1]} ended without a result (state: {lost[2]})"
        message = textwrap.shorten(message, _LONGEST, placeholder=" ...")
        return printable("; ".join(filter(None, [f"the launcher failed: {message}", hint])))


# set from the first job of a sweep until its end: Hydra 1.3 tells its callbacks about success only
_SWEEP: ContextVar[SweepEnd | None] = ContextVar("sweep", default=None)
# set while a study trains, whose command names its sweeps itself and refuses `sweep=`
IN_STUDY: ContextVar[bool] = ContextVar("in_study", default=False)


@contextmanager
def always_finished() -> Iterator[None]:
    """Finish a sweep that is started in this block, however it ends."""
    _SWEEP.set(None)
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        finish_sweep(error)
        raise  # no sweep has begun


def finish_sweep(error: BaseException | None = None) -> None:
    """Finish the sweep that has begun in this process; see `SweepEnd.finish`."""
    sweep = _SWEEP.get()
    if sweep is not None:
        sweep.finish(error)
        if error is not None:
            sys.exit(0)


def _end_quietly(number: int, frame: object) -> NoReturn:
    drop_closed_terminal()
    sys.exit(EXIT_SIGNAL + number)  # no Exception, after which Hydra would start the next job


def _signal_number(error: BaseException | None) -> int:
    """Return the signal that caused an exception, 0 for none."""
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    code = error.code if isinstance(error, SystemExit) else None
    return _SIGNAL_CODES.get(code, 0) if isinstance(code, int) else 0


def _why_unfinished(folder: Path, error: BaseException | None) -> str:
    if failure := read_failure(folder):
        return failure
    if in_use(folder):
        return IN_USE
    if not folder.is_dir():
        return "not started"
    return "the process was killed" if error else "stopped before its end"


def _show_result(sweep: Path) -> None:
    """Report a sweep; show its ranked table, and the path of the page, or why there is none."""
    try:
        from gan_zoo.report.build import report_sweep  # imports matplotlib

        reported = report_sweep(sweep)
        if reported:
            from gan_zoo.launch.sweep_table import ranked_table

            page, comparison = reported
            show(f"\n{ranked_table(comparison)}\n\nreport: {os.path.relpath(page)}")
    except Exception as error:  # must not hide which jobs failed
        details = write_traceback(error, Path(os.path.relpath(sweep), "report"))
        again = f"try again: {from_here('scripts/report.py', os.path.relpath(sweep))}"
        hint = "; ".join(filter(None, [details, again]))
        print(error_line(f"no report: {error_message(error)}", hint), file=sys.stderr)
