"""Logger of one run: writes every number and image to every file that it belongs in."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo.atomic_write import atomic_write, write_text
from gan_zoo.monitoring.background import AppendFile, BackgroundWriter
from gan_zoo.monitoring.console import log_above_bar
from gan_zoo.monitoring.jsonl import json_line, nan_to_null, truncate_jsonl
from gan_zoo.monitoring.progress import JobDisplay, Progress
from gan_zoo.monitoring.sample_grid import Picture, encode_png
from gan_zoo.training.meters import PendingMetrics

if TYPE_CHECKING:
    from gan_zoo.monitoring.tensorboard import TensorBoardWriter

_CURVES = "TensorBoard's event file"


class RunLogger:
    """Writes event files, metrics.jsonl, samples/*.png and summary.json into a run's folder.

    A background thread writes everything except the summary; `flush` waits for it.

    Args:
        folder: the run's folder; lines of steps after `step` are deleted.
        steps: generator updates of the whole run.
        step, images: generator updates made so far, and real images seen.
        logged, evaluated: whether to keep logged metrics, and an evaluation, at `step`.
        unit: plural name of the samples.
        job: of a sweep; None for a run alone.
        seconds: that training took up to `step`.
        thread: that writes, if several loggers share it.
    """

    def __init__(
        self,
        folder: Path,
        steps: int,
        step: int = 0,
        images: int = 0,
        logged: bool = True,
        evaluated: bool = True,
        unit: str = "images",
        job: JobDisplay | None = None,
        seconds: float = 0,
        thread: ThreadPoolExecutor | None = None,
    ):
        self.folder, self.step, self._seconds_before = folder, step, seconds
        self.images = self._first_images = self._last_images = images
        self._first_step = self._last_step = step
        self._start_time = self._last_time = time.monotonic()
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        truncate_jsonl(folder / "metrics.jsonl", step, logged, evaluated)
        self._lines = AppendFile(folder / "metrics.jsonl")
        self._writer = BackgroundWriter(thread)
        self.progress = Progress(steps, step, unit, job)
        self.last: dict[str, float] = {}
        self.health = ""  # shown in the progress bar
        self._redirect = log_above_bar()

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
        """Event file, which the background thread opens."""
        from gan_zoo.monitoring.tensorboard import TensorBoardWriter

        return TensorBoardWriter(self.folder, self._first_step)

    def update_progress(self, step: int, images: int) -> None:
        """Set the number of generator updates made and of real images seen."""
        self.progress.advance(step - self.step)
        self.step, self.images = step, images

    @contextmanager
    def paused_timer(self) -> Iterator[None]:
        """Exclude this block from throughput and run time."""
        start = time.monotonic()
        try:
            yield
        finally:
            paused = time.monotonic() - start
            self._start_time += paused
            self._last_time += paused

    def log_config(
        self, table: str, settings: Mapping[str, Any], metric_tags: Iterable[str] = ()
    ) -> None:
        """Log a run's configuration for TensorBoard.

        Args:
            table: the whole configuration, a text.
            settings: what distinguishes the run, for the HParams tab.
            metric_tags: of its evaluations, which get a chart each in the Custom Scalars tab.
        """
        self._writer.submit({_CURVES: lambda: self._events.text(0, "config", table)})
        self._writer.submit({_CURVES: lambda: self._events.hyperparameters(settings)})
        self._writer.submit({_CURVES: lambda: self._events.charts(metric_tags)})

    def log_metrics(self, pending: PendingMetrics, values: dict[str, float]) -> None:
        """Log the values of pending metrics, and the throughput since the previous ones, if any."""
        logged = {**values, "progress/images_seen": pending.images}
        made = pending.step - self._last_step
        if made:
            seconds = max(pending.time - self._last_time, 1e-9)
            logged["perf/steps_per_second"] = made / seconds
            logged["perf/images_per_second"] = (pending.images - self._last_images) / seconds
        self._last_time, self._last_step = pending.time, pending.step
        self._last_images = pending.images
        self.log_scalars(pending.step, logged)
        if made:
            self.progress.update(pending.step, logged, self.health)

    def log_health(self, step: int, status: str) -> None:
        """Show the health status, and log it if it has changed."""
        if status != self.health:
            self.health = status
            text = f"step {step}: {status}"
            self._writer.submit({_CURVES: lambda: self._events.text(step, "health", text)})

    def log_scalars(self, step: int, values: dict[str, float]) -> None:
        """Log named numbers of a step, such as those of an evaluation."""
        self.last |= values
        self._writer.submit(
            {
                "metrics.jsonl": lambda: self._lines.write(json_line(step, values)),
                _CURVES: lambda: self._events.scalars(step, values),
            }
        )

    def log_image(self, name: str, tag: str, draw: Callable[[], Picture]) -> None:
        """Log a picture as samples/NAME.png and under a TensorBoard tag.

        The background thread calls `draw`, which returns the picture.
        """
        step, path = self.step, self.folder / "samples" / f"{name}.png"
        encoded = cache(lambda: encode_png(draw()))

        def save() -> None:
            content = encoded().content
            with atomic_write(path) as file:
                file.write(content)

        self._writer.submit(
            {
                "pictures": save,
                _CURVES: lambda: self._events.image(step, tag, encoded()),
            }
        )

    @property
    def seconds(self) -> float:
        """Time of training, in all processes that the run was resumed in."""
        return self._seconds_before + time.monotonic() - self._start_time

    def flush(self) -> None:
        """Wait until everything is written, and metrics.jsonl is safe from a crash."""
        self._writer.submit({"metrics.jsonl": self._lines.sync})
        self._writer.flush()

    def summary(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Write summary.json: the given facts, the last values, and the time of training."""
        images, seconds = self.images - self._first_images, self.seconds - self._seconds_before
        if not images:  # resumed at its end: the speed is that of the earlier processes
            images, seconds = self.images, self.seconds
        summary = {
            **facts,
            "steps": self.step,
            "images_seen": self.images,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(images / seconds, 3),
            "last": nan_to_null(self.last),
        }
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        write_text(self.folder / "summary.json", text + "\n")
        return summary
