"""Print the rows of a benchmark, and write them with a description of the machine."""

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
    """Write the rows and a description of the machine as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "rows": rows}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def machine() -> Row:
    """Describe the machine and the versions that affect durations."""
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
    """Return the processor's name if the system provides it, else its family."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())
