"""What every benchmark ends in: a table to read, and a file that says where it was measured."""

import json
import os
import platform
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def show(rows: list[Row]) -> None:
    """Print rows with the same keys as a table."""
    names = list(rows[0])
    table = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def write(path: Path, rows: list[Row]) -> None:
    """Write rows and the machine they were measured on as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "rows": rows}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def machine() -> Row:
    """What a duration depends on besides the program."""
    import torch

    on_cuda = torch.cuda.is_available()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if on_cuda else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    """The processor's name where the system tells it, else its family."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())
