"""Progress on the terminal: a bar, or lines without a terminal; the numbers of a run's end."""

import dataclasses
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

from tqdm import tqdm

from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.monitoring.console import has_bar, short_duration, show

log = logging.getLogger(__name__)

_LINE_SECONDS = 10  # between lines of a run without a terminal
_JOB_SECONDS = 60  # between lines that a sweep shows of a job without a bar
_LINE_WIDTH = 80
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"
_JOB_BAR = "{desc} {percentage:3.0f}%{postfix}"  # a job's name needs the room of a bar


@dataclasses.dataclass(frozen=True)
class JobDisplay:
    """How a job of a sweep shows its progress.

    Attributes:
        title: names the job, such as "job 3/18  loss=wgan,seed=2".
        time_left: returns how long the sweep will take, by steps made and left of this job, such as
            "about 9 min left"; empty while it is unknown.
        bar: whether it may draw a bar: False where several jobs run at once.
        lines: whether it may show lines where there is no bar.
    """

    title: str
    time_left: Callable[[int, int], str]
    bar: bool
    lines: bool = True


class Progress:
    """Shows steps, losses, speed and health of a run of `steps` generator updates.

    Args:
        step: generator updates made so far.
        unit: plural name of the samples.
        job: of a sweep; None for a run alone.
    """

    def __init__(self, steps: int, step: int, unit: str = "images", job: JobDisplay | None = None):
        self.steps, self._first_step, self._unit, self._job = steps, step, f"{unit}/s", job
        self._start_time = self._last_time = time.monotonic()
        self._next_shown = self._start_time + _LINE_SECONDS  # of a job
        self._next_left, self._left_text = self._start_time, ""
        # disable=None disables the bar if stderr is no terminal
        self._bar = tqdm(
            total=steps,
            initial=step,
            desc=job.title if job else "",
            disable=None if job is None or job.bar else True,
            dynamic_ncols=True,
            delay=1e-3,  # not before the first step
            leave=False,  # the last numbers are printed at the end
            bar_format=_JOB_BAR if job else _BAR,
        )

    def advance(self, steps: int) -> None:
        """Add steps to the bar."""
        self._bar.update(steps)

    def update(self, step: int, values: dict[str, float], health: str) -> None:
        """Show the values in the bar, or in a line without a terminal, and in a job's log."""
        now = time.monotonic()
        both = format_losses(values)
        speed = f"{_speed(values['perf/images_per_second'])} {self._unit}"
        if not self._bar.disable:
            self._update_bar(step, both, speed, health)
        due = now - self._last_time >= _LINE_SECONDS or step == self.steps
        if due and (self._bar.disable or self._job):
            self._last_time = now
            elapsed, done = now - self._start_time, max(step - self._first_step, 1)
            left = elapsed / done * (self.steps - step)
            eta = f"{int(left) // 60}:{int(left) % 60:02d}"
            log.info(f"step {step}/{self.steps}  {both}  {speed}  ETA {eta}  {health}")
        # on a terminal, one bar shows all jobs that run at once
        silent = not self._bar.disable or has_bar() or not (self._job and self._job.lines)
        if self._job and not silent and now >= self._next_shown and step < self.steps:
            self._next_shown = now + _JOB_SECONDS
            shown = (self._job.title, f"step {step}/{self.steps}", both, health, self._left(step))
            show("  ".join(filter(None, shown)))

    def _update_bar(self, step: int, losses: str, speed: str, health: str) -> None:
        parts = [losses, health, speed]
        if self._job:
            before = f"{self._job.title} 100%, "
            parts = [*filter(None, [self._left(step)]), *parts]
        else:
            before = f"100%|#| {self.steps}/{self.steps} [00:00<00:00], "
        room = shutil.get_terminal_size().columns - len(before) - 1
        self._bar.set_postfix_str(_fitting(parts, room))

    def _left(self, step: int) -> str:
        """Return how long the sweep will take; estimated once a second, which reads files."""
        assert self._job
        if time.monotonic() >= self._next_left:
            self._next_left = time.monotonic() + 1
            self._left_text = self._job.time_left(step - self._first_step, self.steps - step)
        return self._left_text

    def close(self) -> None:
        """Close the bar."""
        self._bar.close()


class StackProgress:
    """Shows how far jobs are that are trained as one stack: a bar, or lines without a terminal.

    Args:
        steps, step: generator updates of each job, and made so far.
        job: names all of the jobs.
    """

    def __init__(self, steps: int, step: int, job: JobDisplay):
        self.steps, self._first_step, self._step, self._job = steps, step, step, job
        self._next_look = time.monotonic()
        self._next_line = self._next_look + _JOB_SECONDS
        self._bar = tqdm(
            total=steps,
            initial=step,
            desc=job.title,
            disable=None if job.bar else True,
            dynamic_ncols=True,
            delay=1e-3,
            leave=False,
            bar_format=_JOB_BAR,
        )

    def update(self, step: int) -> None:
        """Show the present step."""
        self._bar.update(step - self._step)
        self._step, now = step, time.monotonic()
        if now < self._next_look:  # the time left is read from files
            return
        self._next_look = now + 1
        left = self._job.time_left(step - self._first_step, self.steps - step)
        if not self._bar.disable:
            self._bar.set_postfix_str(left)
        elif now >= self._next_line and not has_bar() and step < self.steps:
            self._next_line = now + _JOB_SECONDS
            show("  ".join(filter(None, (self._job.title, f"step {step}/{self.steps}", left))))

    def close(self) -> None:
        """Close the bar."""
        self._bar.close()


def _fitting(parts: list[str], room: int) -> str:
    """Join the first parts that fit into so many characters, at least one."""
    count = max(k for k in range(1, len(parts) + 1) if k == 1 or len("  ".join(parts[:k])) <= room)
    return "  ".join(parts[:count])


def last_numbers(summary: Mapping[str, Any]) -> str:
    """Format losses, metrics and health of a run's summary in a few lines."""
    last = {key: value for key, value in summary["last"].items() if value is not None}
    found = [(find_metric(tag), value) for tag, value in last.items()]
    metrics = [f"{metric.name} {value:.4g}" for metric, value in found if metric]
    lines = {
        "trained": [f"{summary['steps']} steps in {short_duration(summary['seconds'])}"],
        "last losses": [format_losses(last)],
        "metrics": metrics,
        "health": [summary["health"]],
    }
    return "\n".join(_wrapped(name, parts) for name, parts in lines.items() if any(parts))


def _wrapped(name: str, parts: list[str]) -> str:
    """Format the parts of a line of this name, on several where they need more room."""
    lines = [f"{name:<11}"]
    for part in parts:
        if len(lines[-1]) + len(part) + 2 > _LINE_WIDTH and lines[-1].strip():
            lines.append(" " * 11)
        lines[-1] += f"  {part}"
    return "\n".join(lines)


def format_losses(values: Mapping[str, float]) -> str:
    """Format the losses among a run's values."""
    names = [name for name in ("critic", "generator") if f"loss/{name}" in values]
    return "  ".join(f"{name} {values[f'loss/{name}']:.4g}" for name in names)


def _speed(value: float) -> str:
    """Format a number per second with at least two digits."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
