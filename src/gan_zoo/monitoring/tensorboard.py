"""TensorBoard event files, written without torch's own writer, which takes a second to import.

Importing this module is slow: the background thread does it.
"""

import os
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG, PLUGIN_NAME
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from gan_zoo.monitoring.background import AppendFile
from gan_zoo.monitoring.chart_layout import chart_layout
from gan_zoo.monitoring.sample_grid import Png


class TensorBoardWriter:
    """Writes an event file; its methods raise OSError if that fails.

    Args:
        folder: of the file.
        step: readers ignore later steps in earlier files of the folder.
    """

    def __init__(self, folder: Path, step: int):
        earlier = any(folder.glob("events.out.tfevents.*"))
        # readers sort the files of a folder by name
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._file = AppendFile(folder / name)
        self._records = RecordWriter(self._file)
        with suppress(OSError):  # AppendFile writes it later
            self._add(Event(file_version="brain.Event:2"))
            if step or earlier:
                self._add(Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Write one point of each named curve."""
        self._add_values(
            step, [Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()]
        )

    def image(self, step: int, tag: str, picture: Png) -> None:
        """Write an image."""
        image = Summary.Image(
            height=picture.height,
            width=picture.width,
            colorspace=3,
            encoded_image_string=picture.content,
        )
        self._add_values(step, [Summary.Value(tag=tag, image=image)])

    def hyperparameters(self, settings: Mapping[str, bool | int | float | str]) -> None:
        """Write a run's settings for the HParams tab, where the run's name is the trial.

        Without a list of metrics the tab offers every scalar of the runs.
        """
        self._add(Event(summary=hparams_pb(settings, trial_id="")))  # "": TensorBoard's own name

    def charts(self, metric_tags: Iterable[str]) -> None:
        """Write the layout of the Custom Scalars tab, for metrics with these tags."""
        layout = chart_layout(metric_tags).SerializeToString()
        self._add_tensor(0, CONFIG_SUMMARY_TAG, PLUGIN_NAME, layout)

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Write a Markdown text."""
        self._add_tensor(step, tag, "text", markdown.encode())

    def close(self) -> None:
        """Write what is not yet written, and close the file."""
        self._file.close()

    def _add_tensor(self, step: int, tag: str, plugin_name: str, content: bytes) -> None:
        plugin = SummaryMetadata.PluginData(plugin_name=plugin_name)
        tensor = TensorProto(
            dtype=DT_STRING,
            string_val=[content],
            tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]),
        )
        metadata = SummaryMetadata(plugin_data=plugin)
        self._add_values(step, [Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])

    def _add_values(self, step: int, values: list[Summary.Value]) -> None:
        self._add(Event(step=step, summary=Summary(value=values)))

    def _add(self, event: Event) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())
