"""What a sweep leaves behind besides its runs: a report."""

import logging
import os
from pathlib import Path

from gan_zoo.command_line import from_here
from gan_zoo.report.write import write_report

log = logging.getLogger(__name__)


def report_sweep(folder: Path) -> None:
    """Report a sweep that has ended; a report that fails is told in one line, never raised."""
    try:
        page, _ = write_report([folder])
        log.info("report: %s", os.path.relpath(page))
    except Exception as error:  # the runs are done and safe: no fault of a report may hide that
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        command = from_here("scripts/report.py", str(folder))
        log.warning("no report: %s; try again: %s", reason, command)
