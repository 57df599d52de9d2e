"""TensorBoard event files, written without torch's own writer, which takes a second to import."""

import io
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter


class Events:
    """An event file in a folder; writing happens in a thread of its own.

    Args:
        folder: where the file is to be.
        step: readers forget what earlier files of the folder say of later steps.
    """

    def __init__(self, folder: Path, step: int = 0):
        self._writer = EventFileWriter(str(folder))
        if step:
            start = SessionLog(status=SessionLog.START)
            self._writer.add_event(Event(wall_time=time.time(), step=step + 1, session_log=start))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """One point on each named curve."""
        self._add(step, [Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()])

    def image(self, step: int, tag: str, pixels: np.ndarray) -> None:
        """A picture, uint8 (height, width, 3)."""
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "PNG")
        height, width, colors = pixels.shape
        image = Summary.Image(
            height=height,
            width=width,
            colorspace=colors,
            encoded_image_string=encoded.getvalue(),
        )
        self._add(step, [Summary.Value(tag=tag, image=image)])

    def hyperparameters(self, settings: Iterable[tuple[str, Any]]) -> None:
        """Keys and values of a run's settings, for the HParams tab, in the run's own file.

        Without a list of metrics the tab offers every scalar of the runs.
        """
        plain = {k: v if isinstance(v, (bool, int, float)) else str(v) for k, v in settings}
        event = Event(wall_time=time.time(), step=0, summary=hparams_pb(plain))
        self._writer.add_event(event)

    def text(self, tag: str, markdown: str, step: int = 0) -> None:
        """A text, as Markdown."""
        plugin = SummaryMetadata.PluginData(plugin_name="text")
        tensor = TensorProto(
            dtype=DT_STRING,
            string_val=[markdown.encode()],
            tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
        )
        metadata = SummaryMetadata(plugin_data=plugin)
        self._add(step, [Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])

    def close(self) -> None:
        """Wait until everything is on disk."""
        self._writer.close()

    def _add(self, step: int, values: list[Summary.Value]) -> None:
        summary = Summary(value=values)
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
