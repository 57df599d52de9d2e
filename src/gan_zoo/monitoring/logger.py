"""One run's monitor: every number and picture goes through here, to every place it belongs."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.contrib.logging import logging_redirect_tqdm

from gan_zoo.monitoring.async_scalars import PendingMetrics
from gan_zoo.monitoring.background import AppendFile, BackgroundWriter
from gan_zoo.monitoring.jsonl import json_line, nan_to_null, truncate_jsonl
from gan_zoo.monitoring.progress import Progress
from gan_zoo.monitoring.sample_grid import Picture, encode_png

if TYPE_CHECKING:
    from gan_zoo.monitoring.tensorboard import TensorBoardWriter

_CURVES = "TensorBoard's event file"


class RunLogger:
    """Writes event files, metrics.jsonl, samples/*.png and summary.json into a run's folder.

    All but the summary is written by a thread of its own; `settle` waits for it.

    Args:
        folder: the run's folder.
        steps, period: generator updates at which the run ends, and between two readings.
        step, images: where it starts, and real images seen by then. What the folder holds of later
            steps is forgotten.
        evaluated: whether what it holds of an evaluation at `step` is kept.
        unit: what samples are called.
    """

    def __init__(
        self,
        folder: Path,
        steps: int,
        period: int,
        step: int = 0,
        images: int = 0,
        evaluated: bool = True,
        unit: str = "images",
    ):
        self.folder, self.step = folder, step
        self.images = self._began_at_images = self._images_read = images
        self._began_at = self._step_read = step
        self._began = self._read_at = time.monotonic()
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        truncate_jsonl(folder / "metrics.jsonl", step, period, evaluated)
        self._lines = AppendFile(folder / "metrics.jsonl")
        self._writer = BackgroundWriter()
        self.progress = Progress(steps, step, unit)
        self.last: dict[str, float] = {}
        self.health = ""  # verdict that the bar shows
        self._redirect = logging_redirect_tqdm()

    def __enter__(self) -> "RunLogger":
        self._redirect.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._redirect.__exit__(*error)
        self.progress.close()
        closing = {"metrics.jsonl": self._lines.close, _CURVES: lambda: self._events.close()}
        self._writer.submit(closing)
        self._writer.close()

    @cached_property
    def _events(self) -> "TensorBoardWriter":
        """Opened, and imported, by the thread that writes."""
        from gan_zoo.monitoring.tensorboard import TensorBoardWriter

        return TensorBoardWriter(self.folder, self._began_at)

    def update_progress(self, step: int, images: int) -> None:
        """So many generator updates made, so many real images seen since the run's first step."""
        self.progress.advance(step - self.step)
        self.step, self.images = step, images

    @contextmanager
    def paused_timer(self) -> Iterator[None]:
        """What is done inside counts neither for the speed that is told nor for the run's time."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - began
            self._began += spent
            self._read_at += spent

    def log_config(self, table: str, settings: Iterable[tuple[str, Any]]) -> None:
        """Write a run's configuration: as a text, and key by key for the HParams tab."""
        self._writer.submit({_CURVES: lambda: self._events.text(0, "config", table)})
        self._writer.submit({_CURVES: lambda: self._events.hyperparameters(settings)})

    def log_metrics(self, pending: PendingMetrics, values: dict[str, float]) -> None:
        """Write the values of a reading at its step, with the speed since the one before."""
        seconds = max(pending.time - self._read_at, 1e-9)
        written = {
            **values,
            "progress/images_seen": pending.images,
            "perf/steps_per_second": (pending.step - self._step_read) / seconds,
            "perf/images_per_second": (pending.images - self._images_read) / seconds,
        }
        self._read_at, self._step_read = pending.time, pending.step
        self._images_read = pending.images
        self._write(pending.step, written)
        self.progress.update(pending.step, written, self.health)

    def log_evaluation(self, values: dict[str, float]) -> None:
        """Write the numbers of an evaluation at the present step."""
        self._write(self.step, values)

    def log_health(self, step: int, status: str) -> None:
        """Show a verdict, and write it where it is another than before."""
        if status != self.health:
            self.health = status
            told = f"step {step}: {status}"
            self._writer.submit({_CURVES: lambda: self._events.text(step, "health", told)})

    def _write(self, step: int, values: dict[str, float]) -> None:
        self.last |= values
        self._writer.submit(
            {
                "metrics.jsonl": lambda: self._lines.write(json_line(step, values)),
                _CURVES: lambda: self._events.scalars(step, values),
            }
        )

    def log_image(self, name: str, tag: str, draw: Callable[[], Picture]) -> None:
        """Write a picture as samples/NAME.png and under a TensorBoard tag.

        `draw` makes it, and is called by the thread that writes.
        """
        step, path = self.step, self.folder / "samples" / f"{name}.png"
        encoded = cache(lambda: encode_png(draw()))
        self._writer.submit(
            {
                "pictures": lambda: path.write_bytes(encoded().content),
                _CURVES: lambda: self._events.image(step, tag, encoded()),
            }
        )

    def flush(self) -> None:
        """Wait until everything is written, and what metrics.jsonl holds would survive a crash."""
        self._writer.submit({"metrics.jsonl": self._lines.sync})
        self._writer.flush()

    def summary(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Write summary.json: the given facts, the last values, and what training took."""
        seconds = time.monotonic() - self._began
        summary = {
            **facts,
            "steps": self.step,
            "images_seen": self.images,
            "seconds": round(seconds, 3),
            "images_per_second": round((self.images - self._began_at_images) / seconds, 3),
            "last": nan_to_null(self.last),
        }
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        # a name that is no UTF-8 is written as an escape, which JSON has as well
        path, escaped = self.folder / "summary.json", "backslashreplace"
        path.write_text(text + "\n", encoding="utf-8", errors=escaped)
        return summary
