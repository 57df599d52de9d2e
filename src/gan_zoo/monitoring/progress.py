"""How far a run is, on the terminal: a bar, or a line now and then where there is no terminal."""

import logging
import time

from tqdm import tqdm

log = logging.getLogger(__name__)

_LINE_SECONDS = 10  # between lines where there is no terminal


class Progress:
    """Shows steps, losses, speed and health of a run of `steps` generator updates.

    Args:
        step: where it starts.
        unit: what samples are called.
    """

    def __init__(self, steps: int, step: int, unit: str = "images"):
        self.steps, self._began_at, self._unit = steps, step, f"{unit}/s"
        self._began = self._told_at = time.monotonic()
        # leave no bar behind where there is no terminal: disable=None asks the stream itself
        self._bar = tqdm(total=steps, initial=step, unit="step", disable=None, dynamic_ncols=True)

    def advance(self, steps: int) -> None:
        """So many steps more have been made."""
        self._bar.update(steps)

    def update(self, step: int, values: dict[str, float], health: str) -> None:
        """Show the values of a reading in the bar, or on a line where there is no terminal."""
        now = time.monotonic()
        losses = {name: values[f"loss/{name}"] for name in ("critic", "generator")}
        speed = _speed(values["perf/images_per_second"])
        shown = {name: f"{value:.4g}" for name, value in losses.items()}
        self._bar.set_postfix({**shown, self._unit: speed, "health": health})
        due = now - self._told_at >= _LINE_SECONDS or step == self.steps
        if self._bar.disable and due:
            self._told_at = now
            left = (now - self._began) / max(step - self._began_at, 1) * (self.steps - step)
            both = "  ".join(f"{name} {value}" for name, value in shown.items())
            eta = f"{int(left) // 60}:{int(left) % 60:02d}"
            speed_and_eta = f"{speed} {self._unit}  ETA {eta}  {health}"
            log.info(f"step {step}/{self.steps}  {both}  {speed_and_eta}")

    def close(self) -> None:
        """Leave the terminal in order."""
        self._bar.close()


def _speed(value: float) -> str:
    """A number per second, with two digits at least."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
