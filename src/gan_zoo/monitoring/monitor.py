"""One run's monitor: every number and picture goes through here, to every place it belongs."""

import json
import logging
import math
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from gan_zoo.monitoring.events import Events

log = logging.getLogger(__name__)

_LINE_SECONDS = 10  # between progress lines where there is no terminal


class Monitor:
    """Writes event files, metrics.jsonl, samples/*.png and summary.json into a run's folder.

    Args:
        folder: the run's folder.
        steps, period: generator updates at which the run ends, and between two readings.
        step, images: where it starts, and real images seen by then. What the folder holds of later
            steps is forgotten.
    """

    def __init__(self, folder: Path, steps: int, period: int, step: int = 0, images: int = 0):
        self.folder, self.steps, self.step = folder, steps, step
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        self.events = Events(folder, step)
        self.last: dict[str, float] = {}
        self._metrics: dict[str, float] = {}
        self.health = ""  # verdict that the bar shows
        self._lines = open_lines(folder / "metrics.jsonl", step, period)
        self._began = self._read_at = self._told_at = time.monotonic()
        self._images, self._images_read, self._step_read = images, images, step
        self._began_at_step, self._began_at_images = step, images
        # leave no bar behind where there is no terminal: disable=None asks the stream itself
        self._bar = tqdm(total=steps, initial=step, unit="step", disable=None, dynamic_ncols=True)
        self._redirect = logging_redirect_tqdm()

    def __enter__(self) -> "Monitor":
        self._redirect.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._redirect.__exit__(*error)
        self._bar.close()
        self._lines.close()
        self.events.close()

    def tick(self, images: int) -> None:
        """One generator update made, `images` real images seen since the run's first step."""
        self.step += 1
        self._images = images
        self._bar.update()

    def scalars(self, values: dict[str, float]) -> None:
        """Write the values at the present step, with the speed since the last writing."""
        now = time.monotonic()
        seconds = max(now - self._read_at, 1e-9)
        steps_per_second = (self.step - self._step_read) / seconds
        images_per_second = (self._images - self._images_read) / seconds
        self._read_at, self._step_read, self._images_read = now, self.step, self._images
        self.last = {
            **values,
            "progress/images_seen": self._images,
            "perf/steps_per_second": steps_per_second,
            "perf/images_per_second": images_per_second,
        }
        self._write(self.last)
        self._tell(now)

    def metrics(self, values: dict[str, float]) -> None:
        """Write the numbers of an evaluation at the present step."""
        self._metrics = values
        self._write(values)

    def note_health(self, verdict: str) -> None:
        """Show a verdict, and write it where it is another than before."""
        if verdict != self.health:
            self.health = verdict
            self.events.text("health", f"step {self.step}: {verdict}", self.step)

    def _write(self, values: dict[str, float]) -> None:
        self._lines.write(json.dumps({"step": self.step, **_finite(values)}) + "\n")
        self._lines.flush()
        self.events.scalars(self.step, values)

    def picture(self, name: str, tag: str, pixels: np.ndarray) -> None:
        """Write a picture, uint8 (H, W, 3), as samples/NAME.png and under a TensorBoard tag."""
        Image.fromarray(pixels).save(self.folder / "samples" / f"{name}.png")
        self.events.image(self.step, tag, pixels)

    def summary(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Write summary.json: the given facts, the last values, and what the run took."""
        seconds = time.monotonic() - self._began
        summary = {
            **facts,
            "steps": self.step,
            "images_seen": self._images,
            "seconds": round(seconds, 3),
            "images_per_second": round((self._images - self._began_at_images) / seconds, 1),
            "last": _finite({**self.last, **self._metrics}),
        }
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        (self.folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        return summary

    def _tell(self, now: float) -> None:
        """Show the last values in the bar, or on a line where there is no terminal."""
        losses = {name: self.last[f"loss/{name}"] for name in ("critic", "generator")}
        speed = self.last["perf/images_per_second"]
        shown = {name: f"{value:.4g}" for name, value in losses.items()}
        self._bar.set_postfix({**shown, "images/s": f"{speed:.0f}", "health": self.health})
        due = now - self._told_at >= _LINE_SECONDS or self.step == self.steps
        if self._bar.disable and due:
            self._told_at = now
            done = self.step - self._began_at_step
            left = (now - self._began) / max(done, 1) * (self.steps - self.step)
            values = "  ".join(f"{name} {value}" for name, value in shown.items())
            eta = f"{int(left) // 60}:{int(left) % 60:02d}"
            speed_and_eta = f"{speed:.0f} images/s  ETA {eta}  {self.health}"
            log.info(f"step {self.step}/{self.steps}  {values}  {speed_and_eta}")


def open_lines(path: Path, step: int, period: int) -> TextIO:
    """A file of JSON lines to append to, cut back to what a run that reaches `step` has written.

    Lines of later steps go, half written ones, and the one that only the end of a run brought.
    """
    last = step if step % period == 0 else step - 1
    kept = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                kept += [line] if json.loads(line)["step"] <= last else []
            except (json.JSONDecodeError, KeyError, TypeError):
                continue  # half written when the power went
        rewritten = path.with_suffix(".partial")
        rewritten.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        rewritten.replace(path)
    return path.open("a", encoding="utf-8")


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """The values with null for those that JSON has no number for."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
