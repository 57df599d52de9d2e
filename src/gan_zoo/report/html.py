"""The report as one HTML page that needs no network and no other file, by report.html.j2."""

import base64
import dataclasses
import io
import math
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
from PIL import Image

from gan_zoo.report.chart_data import charts
from gan_zoo.report.commands import EVALUATE_FIRST, evaluation_needed
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration, in_order
from gan_zoo.report.factors import format_value
from gan_zoo.report.figure_style import GRAY, LineStyle, line_styles, spans_decade
from gan_zoo.report.findings import METHOD, findings
from gan_zoo.report.number_format import format_number, rounding
from gan_zoo.report.provenance import provenance
from gan_zoo.report.recipe import recipe_columns
from gan_zoo.report.run_status import ranked
from gan_zoo.report.sample_sheets import Sheet
from gan_zoo.report.sweep_figures import interval_caption
from gan_zoo.report.tables import Column, configuration_columns, run_columns
from gan_zoo.report.title_block import facts, title
from gan_zoo.report.warnings import warnings
from gan_zoo.setting_keys import reproduce_command

_STRIP_WIDTH = 130  # of the viewBox of a line of seeds
_SMALL = 40  # side of the largest tile that is kept free of loss
_PLOT_COLORS = 32
_MARKERS = {  # as SVG paths around (0, 0), by their names in matplotlib
    "o": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "s": "M-3.5-3.5h7v7h-7z",
    "^": "M0-4.5L4.5 3.5h-9z",
    "D": "M0-5L5 0 0 5-5 0z",
}


class _Table(NamedTuple):
    """The configurations of one dataset; `scale` is None where there is no value to draw."""

    dataset: str
    recipe: list[Column]
    columns: list[Column]
    rows: list[Configuration]
    styles: Mapping[str, LineStyle]
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
        out: folder of the page.
        refresh: seconds after which the page reloads itself, while runs are unfinished.
    """
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("gan_zoo.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    templates.policies["json.dumps_kwargs"] = {"separators": (",", ":")}  # no spaces
    templates.globals |= {
        "GRAY": GRAY,
        "MARKERS": _MARKERS,
        "EVALUATE_FIRST": EVALUATE_FIRST,
        "METHOD": METHOD,
        "image_address": image_address,
        "seed_values": _seed_values,
        "uplot": _uplot,
        "repr": repr,
        "reproduce_command": reproduce_command,
    }
    return templates.get_template("report.html.j2").render(
        title=title(comparison),
        facts=facts(comparison),
        findings=findings(comparison),
        evaluate_command=evaluation_needed(comparison),
        warnings=warnings(comparison),
        tables=[_table(comparison, *group) for group in comparison.datasets.items()],
        captions=captions,
        svg_address=lambda name: svg_address(out / "figures" / f"{name}.svg"),
        sheets=sheets,
        run_columns=_run_columns(comparison),
        charts=charts(comparison),
        statuses=ranked(comparison.statuses, comparison.metric),
        excluded=_excluded(comparison),
        factors=_factors(comparison),
        equal=[(key, format_value(v)) for key, v in comparison.factor_set.equal.items()],
        provenance=provenance(comparison),
        refresh=refresh,
    )


def svg_address(path: Path) -> str:
    """Encode a figure's file as a data URI."""
    return _data_uri("image/svg+xml", path.read_bytes())


def image_address(pixels: np.ndarray, is_plot: bool = False) -> str:
    """Encode an image, uint8 (height, width, 3), as a data URI.

    Small images keep every pixel, large ones are compressed; plots need few colors.
    """
    encoded, image = io.BytesIO(), Image.fromarray(pixels)
    if is_plot:
        image.quantize(_PLOT_COLORS, dither=Image.Dither.NONE).save(encoded, "PNG", optimize=True)
    elif max(pixels.shape[:2]) <= _SMALL:
        image.save(encoded, "PNG", optimize=True)
    else:
        image.save(encoded, "WEBP", quality=85)
        return _data_uri("image/webp", encoded.getvalue())
    return _data_uri("image/png", encoded.getvalue())


def _uplot(name: str) -> str:
    """Return a file of uPlot, the library that draws the page's chart."""
    return files("gan_zoo.report").joinpath("uplot", name).read_text(encoding="utf-8")


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _table(comparison: Comparison, dataset: str, peers: Sequence[Configuration]) -> _Table:
    valued = [each for each in peers if each.scores and comparison.metric]
    rows = in_order(peers, comparison.metric)
    return _Table(
        dataset,
        recipe_columns(rows, comparison.factor_set),
        configuration_columns(comparison.metric, peers),
        rows,
        line_styles(dataclasses.replace(comparison, configurations=tuple(peers))),
        _strip_scale(valued) if valued else None,
        interval_caption(valued),
    )


def _seed_values(each: Configuration) -> str:
    """List the values of a configuration's seeds."""
    found = [status for status in each.statuses if status.value is not None]
    shown = rounding(status.value for status in found)
    values = (f"seed {status.run.seed}: {shown(status.value)}" for status in found)
    return "; ".join([f"mean {format_number(each.mean)}", *values])


def _strip_scale(rows: Sequence[Configuration]) -> Callable[[float], str]:
    """Map values to x coordinates, alike in all rows; values out of range go to its edge.

    As in the figures, the scale is logarithmic over a power of ten.
    """
    values = [value for each in rows for value in each.scores.values()]
    place = _logarithm if spans_decade(values) else float
    first, last = place(min(values)), place(max(values))
    span = (last - first) or abs(first) or 1.0
    low, width = first - 0.15 * span, 1.3 * span
    return lambda value: f"{min(max((place(value) - low) / width, 0.0), 1.0) * _STRIP_WIDTH:.1f}"


def _logarithm(value: float) -> float:
    return math.log10(value) if value > 0 else -math.inf


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
        *(f"{name}: {reason}" for name, reason in comparison.left_out),
    ]


def _factors(comparison: Comparison) -> list[tuple[str, str]]:
    found = comparison.factor_set
    return [
        ("varied", ", ".join(found.factors) or "nothing"),
        ("replicate", "seed"),
        ("changed with them", ", ".join(found.covarying) or "nothing"),
        ("differs, but does not change training", ", ".join(found.ignored) or "nothing"),
    ]
