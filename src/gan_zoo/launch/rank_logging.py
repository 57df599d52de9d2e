"""Logging of rank 0: into the same file and on the same terminal as in the process of the run."""

import logging
import sys
from typing import Any

from gan_zoo.monitoring.console import BoldFormatter, log_bold


def describe_logging() -> dict[str, Any]:
    """Describe the root logger's level, and its handlers that write to files or a console."""
    root = logging.getLogger()
    handlers = [found for each in root.handlers if (found := _describe(each))]
    return {"level": root.level, "handlers": handlers, "shows_errors": logging.raiseExceptions}


def _describe(handler: logging.Handler) -> dict[str, Any] | None:
    formatter = handler.formatter
    bold = isinstance(formatter, BoldFormatter)
    if isinstance(formatter, BoldFormatter):
        formatter = formatter.other
    shown = {"format": formatter and formatter._fmt, "date": formatter and formatter.datefmt}
    shown |= {"level": handler.level, "bold": bold}
    if isinstance(handler, logging.FileHandler):
        return {"file": handler.baseFilename, **shown}
    stream = getattr(handler, "stream", None)
    for name in ("stdout", "stderr"):
        if stream is getattr(sys, name):
            return {"stream": name, **shown}
    return None  # of another kind: it cannot be made again in another process


def configure_logging(description: dict[str, Any]) -> None:
    """Configure the root logger of this process as `describe_logging` has described another."""
    root = logging.getLogger()
    root.setLevel(description["level"])
    logging.raiseExceptions = description["shows_errors"]
    for each in description["handlers"]:
        stream = getattr(sys, each.get("stream", "stdout"))
        handler = (
            logging.FileHandler(each["file"], encoding="utf-8")
            if "file" in each
            else logging.StreamHandler(stream)
        )
        handler.setLevel(each["level"])
        handler.setFormatter(logging.Formatter(each["format"], each["date"]))
        root.addHandler(handler)
    if any(each["bold"] for each in description["handlers"]):
        log_bold()
