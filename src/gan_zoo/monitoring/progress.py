"""Progress on the terminal: a bar, or a line every ten seconds without a terminal."""

import logging
import time

from tqdm import tqdm

log = logging.getLogger(__name__)

_LINE_SECONDS = 10  # between lines without a terminal


class Progress:
    """Shows steps, losses, speed and health of a run of `steps` generator updates.

    Args:
        step: generator updates made so far.
        unit: plural name of the samples.
    """

    def __init__(self, steps: int, step: int, unit: str = "images"):
        self.steps, self._first_step, self._unit = steps, step, f"{unit}/s"
        self._start_time = self._last_time = time.monotonic()
        # disable=None disables the bar if stderr is no terminal
        self._bar = tqdm(total=steps, initial=step, unit="step", disable=None, dynamic_ncols=True)

    def advance(self, steps: int) -> None:
        """Add steps to the bar."""
        self._bar.update(steps)

    def update(self, step: int, values: dict[str, float], health: str) -> None:
        """Show the values in the bar, or in a line of the log without a terminal."""
        now = time.monotonic()
        losses = {name: values[f"loss/{name}"] for name in ("critic", "generator")}
        speed = _speed(values["perf/images_per_second"])
        shown = {name: f"{value:.4g}" for name, value in losses.items()}
        self._bar.set_postfix({**shown, self._unit: speed, "health": health})
        due = now - self._last_time >= _LINE_SECONDS or step == self.steps
        if self._bar.disable and due:
            self._last_time = now
            elapsed, done = now - self._start_time, max(step - self._first_step, 1)
            left = elapsed / done * (self.steps - step)
            both = "  ".join(f"{name} {value}" for name, value in shown.items())
            eta = f"{int(left) // 60}:{int(left) % 60:02d}"
            speed_and_eta = f"{speed} {self._unit}  ETA {eta}  {health}"
            log.info(f"step {step}/{self.steps}  {both}  {speed_and_eta}")

    def close(self) -> None:
        """Close the bar."""
        self._bar.close()


def _speed(value: float) -> str:
    """Format a number per second with at least two digits."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
