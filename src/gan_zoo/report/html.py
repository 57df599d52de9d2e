"""The report as one HTML page that needs no network and no other file, by report.html.j2."""

import base64
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import jinja2
import numpy as np
from PIL import Image

from gan_zoo.report.commands import EVALUATE_FIRST, evaluate_command, reproduce_command
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration, in_order
from gan_zoo.report.factors import format_value
from gan_zoo.report.figure_style import BLUE, GRAY, ORANGE
from gan_zoo.report.findings import METHOD, findings, subtitle, title
from gan_zoo.report.number_format import number
from gan_zoo.report.provenance import provenance
from gan_zoo.report.run_status import RunStatus
from gan_zoo.report.sample_sheets import Sheet
from gan_zoo.report.sweep_figures import interval_caption
from gan_zoo.report.tables import Column, configuration_columns, run_columns
from gan_zoo.report.warnings import warnings

_STRIP_WIDTH = 130  # of the viewBox of a line of seeds


class _Table(NamedTuple):
    """The configurations of one dataset; `scale` is None where there is no value to draw."""

    dataset: str
    columns: list[Column]
    rows: list[Configuration]
    scale: Callable[[float], str] | None
    caption: str


def render_html(
    comparison: Comparison,
    captions: Mapping[str, str],
    sheets: Sequence[Sheet],
    out: Path,
    refresh: int | None = None,
) -> str:
    """Render the page.

    Args:
        comparison: what to report.
        captions: name -> caption of each figure, whose files are in out/figures.
        sheets: samples of each dataset.
        out: folder of the page, from which it links to the runs.
        refresh: seconds after which the page reloads itself, while runs are unfinished.
    """
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("gan_zoo.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    templates.globals |= {
        "BLUE": BLUE,
        "GRAY": GRAY,
        "ORANGE": ORANGE,
        "EVALUATE_FIRST": EVALUATE_FIRST,
        "METHOD": METHOD,
        "number": number,
        "png_address": png_address,
        "repr": repr,
        "reproduce_command": reproduce_command,
    }
    return templates.get_template("report.html.j2").render(
        title=title(comparison),
        subtitle=subtitle(comparison),
        findings=findings(comparison),
        evaluate_command="" if comparison.metric else evaluate_command(comparison),
        warnings=warnings(comparison),
        tables=[_table(comparison, *group) for group in comparison.datasets.items()],
        captions=captions,
        svg_address=lambda name: svg_address(out / "figures" / f"{name}.svg"),
        sheets=sheets,
        run_columns=_run_columns(comparison),
        statuses=comparison.statuses,
        folder_address=lambda status: _folder_address(status, out),
        excluded=_excluded(comparison),
        factors=_factors(comparison),
        equal=[(key, format_value(v)) for key, v in comparison.factor_set.equal.items()],
        provenance=provenance(comparison),
        refresh=refresh,
    )


def svg_address(path: Path) -> str:
    """Encode a figure's file as a data URI."""
    return _data_uri("image/svg+xml", path.read_bytes())


def png_address(pixels: np.ndarray) -> str:
    """Encode an image, uint8 (height, width, 3), as a data URI."""
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG", optimize=True)
    return _data_uri("image/png", png.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _folder_address(status: RunStatus, out: Path) -> str:
    return quote(os.fsencode(os.path.relpath(status.run.folder, out))) + "/"


def _table(comparison: Comparison, dataset: str, peers: Sequence[Configuration]) -> _Table:
    valued = [each for each in peers if each.scores and comparison.metric]
    return _Table(
        dataset,
        configuration_columns(comparison.metric, peers),
        in_order(peers, comparison.metric),
        _strip_scale(valued) if valued else None,
        interval_caption(valued),
    )


def _strip_scale(rows: Sequence[Configuration]) -> Callable[[float], str]:
    """Map values to x coordinates, alike in all rows; values out of range go to its edge."""
    values = [value for each in rows for value in each.scores.values()]
    span = (max(values) - min(values)) or abs(values[0]) or 1.0
    low, width = min(values) - 0.15 * span, 1.3 * span
    return lambda value: f"{min(max((value - low) / width, 0.0), 1.0) * _STRIP_WIDTH:.1f}"


def _run_columns(comparison: Comparison) -> list[Column]:
    labels = {id(s): c.label for c in comparison.configurations for s in c.statuses}
    return [
        Column("configuration", lambda status: labels[id(status)], wordy=True),
        *run_columns(comparison.metric, comparison.statuses),
    ]


def _excluded(comparison: Comparison) -> list[str]:
    """Name every folder that is not in the statistics, with the reason."""
    return [
        *(f"{each.run.name}: {each.exclusion}" for each in comparison.statuses if each.exclusion),
        *(f"{run.name}: a later run has the same configuration and seed"
          for run in comparison.repeated),
        *(f"{each.name}: {each.reason}" for each in comparison.unreadable),
    ]  # fmt: skip


def _factors(comparison: Comparison) -> list[tuple[str, str]]:
    found = comparison.factor_set
    return [
        ("varied", ", ".join(found.factors) or "nothing"),
        ("replicate", "seed"),
        ("changed with them", ", ".join(found.covarying) or "nothing"),
        ("differs, but does not change training", ", ".join(found.ignored) or "nothing"),
    ]
