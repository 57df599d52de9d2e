"""What a sweep leaves behind besides its runs: a report, and a link to the latest sweep."""

import logging
import os
from pathlib import Path

from gan_zoo.commands import from_here
from gan_zoo.report.write import write_report

log = logging.getLogger(__name__)


def report_sweep(folder: Path) -> None:
    """Report a sweep that has ended; whatever goes wrong is told in one line, and nothing is lost.

    Beside the sweep's folder, if that is given relative to where the program runs, the link LATEST
    comes to lead to it.
    """
    try:
        if not folder.is_absolute() and len(folder.parts) > 1:
            link_latest(folder)
        page, _ = write_report([folder])
        log.info("report: %s", os.path.relpath(page))
    except Exception as error:  # the runs are done and safe: no fault of a report may hide that
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        command = from_here("scripts/report.py", str(folder))
        log.warning("no report: %s; try again: %s", reason, command)


def link_latest(folder: Path) -> None:
    """Let LATEST, beside the folder, lead to it. Leaves alone what is there and no link."""
    link = folder.parent / "LATEST"
    if link.exists() and not link.is_symlink():
        return
    partial = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        partial.symlink_to(folder.resolve().name, target_is_directory=True)
        partial.replace(link)
    except OSError:  # a file system without links
        log.info("no link LATEST: this file system has none")
