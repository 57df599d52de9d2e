"""One page that holds everything: no network, no other file needed to read it."""

import os
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import numpy as np
from matplotlib.figure import Figure

from gan_zoo.report import markup
from gan_zoo.report.answer import answer, in_order
from gan_zoo.report.cautions import cautions
from gan_zoo.report.columns import Column, configuration_columns, run_columns
from gan_zoo.report.measuring import measuring
from gan_zoo.report.method import METHOD
from gan_zoo.report.outcomes import Outcome
from gan_zoo.report.provenance import command, origins, reporter
from gan_zoo.report.sheets import Sheet
from gan_zoo.report.strip import Strip
from gan_zoo.report.study import Study
from gan_zoo.report.swept import named
from gan_zoo.report.variation import shown
from gan_zoo.report.wording import counted

# the page may load nothing, whatever a run's name or setting may hold
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

MEASURE = "Measure the runs with this command, then make the report again:"
_SMALLEST = 48  # pixels of a sample on the page


def page(
    study: Study,
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
        "Configurations": _configurations(study),
        "Figures": _figures(figures),
        "Samples": "".join(map(_sheet, sheets)),
        "Runs": _runs(study, out),
        "Left out": _left_out(study),
        "Method": _method(study),
        "Where it came from": _provenance(study),
    }
    body = "".join(f"<h2>{title}</h2>{html}" for title, html in sections.items() if html)
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    source = files("gan_zoo.report")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{markup.text(title(study))}</title>"
        f"<style>{source.joinpath('page.css').read_text('utf-8')}</style></head><body>"
        f"<h1>{markup.text(title(study))}</h1><p class='soft'>{markup.text(scope(study))}</p>"
        f"{markup.paragraphs(answer(study), 'answer')}{_measuring(study)}"
        f"{markup.bullets(cautions(study), 'cautions')}{body}"
        f"<script>{source.joinpath('page.js').read_text('utf-8')}</script></body></html>\n"
    )


def title(study: Study) -> str:
    """The question that the runs answer."""
    factors = " and ".join(study.variation.factors) or "One configuration"
    return f"{factors}, by {study.metric}" if study.metric else factors


def scope(study: Study) -> str:
    """How much there is, in a line."""
    outcomes = study.outcomes
    seeds = sorted({str(each.run.seed) for each in outcomes}, key=_natural)
    parts = [
        counted(len(outcomes), "run"),
        counted(len(study.configurations), "configuration"),
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)}",
    ]
    return " · ".join(parts)


def _measuring(study: Study) -> str:
    """How to come by a metric, where there is none."""
    command = measuring(study)
    if study.metric or not command:
        return ""
    return f"<p>{MEASURE} <code>{markup.text(command)}</code></p>"


def _natural(word: str) -> tuple[int, str]:
    return len(word), word


def _configurations(study: Study) -> str:
    """A table for each dataset, since numbers of different data have no common order."""
    made = []
    for dataset, peers in study.datasets.items():
        heading = f"<h3>{markup.text(dataset)}</h3>" if len(study.datasets) > 1 else ""
        valued = [each for each in peers if each.scores]
        extra = {"seeds and mean": Strip(valued)} if study.metric and valued else {}
        rows, columns = in_order(peers, study.metric), configuration_columns(study.metric, peers)
        made.append(heading + markup.table(columns, rows, extra))
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


def _runs(study: Study, out: Path) -> str:
    def folder(each: Outcome) -> str:
        return markup.link(
            quote(os.fsencode(os.path.relpath(each.run.folder, out))) + "/", each.run.name
        )

    labels = {id(o): c.label for c in study.configurations for o in c.outcomes}
    columns = [
        Column("configuration", lambda o: labels[id(o)], wordy=True),
        *run_columns(study.metric, study.outcomes),
    ]
    return markup.table(columns, study.outcomes, {"folder": folder})


def _left_out(study: Study) -> str:
    """Every folder that is no part of the statistics, by name."""
    lines = [f"{each.run.name}: {each.gap}" for each in study.outcomes if each.gap]
    lines += [
        f"{run.name}: another run has its configuration and seed, and counts instead"
        for run in study.repeated
    ]
    lines += [f"{each.name}: {each.reason}" for each in study.unreadable]
    return markup.bullets(lines)


def _method(study: Study) -> str:
    varied = study.variation
    listed = [
        ("varied", ", ".join(varied.factors) or "nothing"),
        ("replicate", "seed"),
        ("changed with them", ", ".join(varied.followers) or "nothing"),
        ("differs, but does not change training", ", ".join(varied.immaterial) or "nothing"),
    ]
    equal = [(key, shown(value)) for key, value in varied.equal.items()]
    said = markup.details("How the numbers were made", markup.bullets(METHOD))
    return said + markup.pairs(listed) + markup.details("Equal in all runs", markup.pairs(equal))


def _provenance(study: Study) -> str:
    runs = [each.run for each in study.outcomes]
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
    protocols = {run.protocol(study.metric.tag) for run in runs} if study.metric else set()
    found += [("metric's protocol", protocol) for protocol in sorted(protocols - {""})]
    commands = "\n".join(f"# {run.name!r}\n{command(run)}" for run in runs)
    return markup.pairs(found) + markup.details(
        "Commands that train each run again",
        f'<div class="scroll long"><pre>{markup.text(commands)}</pre></div>',
    )
