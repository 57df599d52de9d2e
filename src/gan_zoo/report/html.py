"""One page that holds everything: no network, no other file needed to read it."""

import os
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import numpy as np
from matplotlib.figure import Figure

from gan_zoo.report import markup
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.evaluate_command import measuring
from gan_zoo.report.factors import format_value
from gan_zoo.report.findings import METHOD, findings, in_order
from gan_zoo.report.plurals import counted
from gan_zoo.report.reproduce import command, origins, reporter
from gan_zoo.report.run_status import RunStatus
from gan_zoo.report.sample_sheets import Sheet
from gan_zoo.report.seed_strip import Strip
from gan_zoo.report.sweep_figures import named
from gan_zoo.report.tables import Column, configuration_columns, run_columns
from gan_zoo.report.warnings import warnings

# the page may load nothing, whatever a run's name or setting may hold
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

MEASURE = "Measure the runs with this command, then make the report again:"
_SMALLEST = 48  # pixels of a sample on the page


def page(
    comparison: Comparison,
    figures: Mapping[str, tuple[Figure, str]],
    sheets: Iterable[Sheet],
    out: Path,
    refresh: int | None = None,
) -> str:
    """The report as HTML.

    out is the folder that it will lie in, for the links to runs; refresh: seconds after which
    it loads itself again, while runs still go on.
    """
    sections = {
        "Configurations": _configurations(comparison),
        "Figures": _figures(figures),
        "Samples": "".join(map(_sheet, sheets)),
        "Runs": _runs(comparison, out),
        "Left out": _left_out(comparison),
        "Method": _method(comparison),
        "Where it came from": _provenance(comparison),
    }
    body = "".join(f"<h2>{title}</h2>{html}" for title, html in sections.items() if html)
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    source = files("gan_zoo.report")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{markup.text(title(comparison))}</title>"
        f"<style>{source.joinpath('page.css').read_text('utf-8')}</style></head><body>"
        f"<h1>{markup.text(title(comparison))}</h1>"
        f"<p class='soft'>{markup.text(scope(comparison))}</p>"
        f"{markup.paragraphs(findings(comparison), 'answer')}{_measuring(comparison)}"
        f"{markup.bullets(warnings(comparison), 'cautions')}{body}"
        f"<script>{source.joinpath('page.js').read_text('utf-8')}</script></body></html>\n"
    )


def title(comparison: Comparison) -> str:
    """The question that the runs answer."""
    factors = " and ".join(comparison.factor_set.factors) or "One configuration"
    return f"{factors}, by {comparison.metric}" if comparison.metric else factors


def scope(comparison: Comparison) -> str:
    """How much there is, in a line."""
    statuses = comparison.statuses
    seeds = sorted({str(each.run.seed) for each in statuses}, key=_natural)
    parts = [
        counted(len(statuses), "run"),
        counted(len(comparison.configurations), "configuration"),
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)}",
    ]
    return " · ".join(parts)


def _measuring(comparison: Comparison) -> str:
    """How to come by a metric, where there is none."""
    command = measuring(comparison)
    if comparison.metric or not command:
        return ""
    return f"<p>{MEASURE} <code>{markup.text(command)}</code></p>"


def _natural(word: str) -> tuple[int, str]:
    return len(word), word


def _configurations(comparison: Comparison) -> str:
    """A table for each dataset, since numbers of different data have no common order."""
    made = []
    for dataset, peers in comparison.datasets.items():
        heading = f"<h3>{markup.text(dataset)}</h3>" if len(comparison.datasets) > 1 else ""
        valued = [each for each in peers if each.scores]
        extra = {"seeds and mean": Strip(valued)} if comparison.metric and valued else {}
        rows, columns = (
            in_order(peers, comparison.metric),
            configuration_columns(comparison.metric, peers),
        )
        made.append(heading + markup.html_table(columns, rows, extra))
        if extra:
            marks = (
                f"Points: means; lines: 95 % intervals; gray ticks: single seeds{named(valued)}."
            )
            made.append(f'<p class="soft">{marks}</p>')
    return "".join(made)


def _figures(figures: Mapping[str, tuple[Figure, str]]) -> str:
    made = "".join(_figure(name, *figure) for name, figure in figures.items())
    return f'<div class="figures">{made}</div>' if made else ""


def _figure(name: str, figure: Figure, caption: str) -> str:
    kinds = ("png", "svg")
    links = ", ".join(markup.link(f"figures/{name}.{kind}", kind.upper()) for kind in kinds)
    return (
        f'<figure><img alt="{markup.text(caption)}" src="{markup.drawing(figure)}">'
        f"<figcaption>{markup.text(caption)} ({links})</figcaption></figure>"
    )


def _sheet(sheet: Sheet) -> str:
    rows = []
    for label, tiles in sheet.rows.items():
        cells = "".join(f"<td>{_image(tile)}</td>" for tile in tiles)
        rows.append(f"<tr><td>{markup.text(label)}</td>{cells}</tr>")
    return (
        f'<p class="soft">{markup.text(sheet.caption)}</p><div class="scroll">'
        f'<table class="sheet"><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _image(tile: np.ndarray | None) -> str:
    if tile is None:
        return ""
    width = max(tile.shape[1], _SMALLEST)
    return f'<img alt="" width="{width}" src="{markup.picture(tile)}">'


def _runs(comparison: Comparison, out: Path) -> str:
    def folder(each: RunStatus) -> str:
        return markup.link(
            quote(os.fsencode(os.path.relpath(each.run.folder, out))) + "/", each.run.name
        )

    labels = {id(o): c.label for c in comparison.configurations for o in c.statuses}
    columns = [
        Column("configuration", lambda o: labels[id(o)], wordy=True),
        *run_columns(comparison.metric, comparison.statuses),
    ]
    return markup.html_table(columns, comparison.statuses, {"folder": folder})


def _left_out(comparison: Comparison) -> str:
    """Every folder that is no part of the statistics, by name."""
    lines = [f"{each.run.name}: {each.exclusion}" for each in comparison.statuses if each.exclusion]
    lines += [
        f"{run.name}: another run has its configuration and seed, and counts instead"
        for run in comparison.repeated
    ]
    lines += [f"{each.name}: {each.reason}" for each in comparison.unreadable]
    return markup.bullets(lines)


def _method(comparison: Comparison) -> str:
    varied = comparison.factor_set
    listed = [
        ("varied", ", ".join(varied.factors) or "nothing"),
        ("replicate", "seed"),
        ("changed with them", ", ".join(varied.covarying) or "nothing"),
        ("differs, but does not change training", ", ".join(varied.ignored) or "nothing"),
    ]
    equal = [(key, format_value(value)) for key, value in varied.equal.items()]
    said = markup.details("How the numbers were made", markup.bullets(METHOD))
    return said + markup.pairs(listed) + markup.details("Equal in all runs", markup.pairs(equal))


def _provenance(comparison: Comparison) -> str:
    runs = [each.run for each in comparison.statuses]
    found = [
        (
            name,
            "; ".join(
                f"{value} ({counted(count, 'run')})" for value, count in counts.most_common()
            ),
        )
        for name, counts in origins(runs).items()
    ]
    found.append(("report written by", ", ".join(f"{n} {v}" for n, v in reporter().items())))
    protocols = (
        {run.protocol(comparison.metric.tag) for run in runs} if comparison.metric else set()
    )
    found += [("metric's protocol", protocol) for protocol in sorted(protocols - {""})]
    commands = "\n".join(f"# {run.name!r}\n{command(run)}" for run in runs)
    return markup.pairs(found) + markup.details(
        "Commands that train each run again",
        f'<div class="scroll long"><pre>{markup.text(commands)}</pre></div>',
    )
