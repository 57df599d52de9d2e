"""The report as Markdown, and its numbers as CSV."""

import csv
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_zoo.report.answer import answer, in_order
from gan_zoo.report.cautions import cautions
from gan_zoo.report.columns import configuration_columns, state
from gan_zoo.report.measuring import measuring
from gan_zoo.report.method import METHOD
from gan_zoo.report.outcomes import Outcome
from gan_zoo.report.page import MEASURE, scope, title
from gan_zoo.report.provenance import command
from gan_zoo.report.study import Configuration, Study
from gan_zoo.report.variation import shown


def markdown(study: Study, captions: Mapping[str, str]) -> str:
    """The report's words, numbers and figures; captions by the figure's name."""
    lines = [f"# {_escaped(title(study))}", "", _escaped(scope(study)), ""]
    lines += [f"**{_escaped(line)}**\n" for line in answer(study)]
    lines += [f"- {_escaped(line)}" for line in cautions(study)]
    remedy = "" if study.metric else measuring(study)
    lines += ["", MEASURE, "", "```sh", remedy, "```"] if remedy else []
    for dataset, peers in study.datasets.items():
        lines += ["", f"## {_escaped(dataset)}", "", *_table(peers, study)]
    for name, caption in captions.items():
        lines += ["", f"![{_escaped(caption)}](figures/{name}.png)", "", _escaped(caption)]
    unsound = [each for each in study.outcomes if each.failure or each.gap]
    gaps = [f"{each.run.name}: {state(each)}" for each in unsound]
    gaps += [f"{each.name}: {each.reason}" for each in study.unreadable]
    lines += ["", "## Left out or failed", ""] if gaps else []
    lines += [f"- {_escaped(gap)}" for gap in gaps]
    lines += ["", "## Method", "", *(f"- {line}" for line in METHOD)]
    lines += ["", "## Commands", "", "```sh", *(command(o.run) for o in study.outcomes), "```"]
    return "\n".join(lines) + "\n"


def configurations_csv(study: Study) -> str:
    """One line for each configuration, numbers in full."""
    rows = [_numbers(each) for each in study.configurations]
    return _csv([*study.variation.factors, *_NUMBERS], rows)


def runs_csv(study: Study) -> str:
    """One line for each run, with the last value of every tag."""
    tags = sorted({tag for each in study.outcomes for tag in each.run.metrics})
    head = [*study.variation.factors, "seed", "state", "seconds", "images_seen", *tags]
    rows = [_run_numbers(each, c) for c in study.configurations for each in c.outcomes]
    return _csv([*head, "folder", "command"], rows)


_NUMBERS = (
    "dataset", "seeds", "mean", "low", "high", "bootstrap_low", "bootstrap_high", "baseline",
    "difference", "difference_low", "difference_high", "p", "p_holm", "probability_best",
    "failed", "ended", "runs", "seconds", "images_seen",
)  # fmt: skip


def _numbers(each: Configuration) -> dict[str, Any]:
    difference = each.difference
    return {
        **{key: shown(value) for key, value in each.factors.items()},
        "dataset": each.dataset,
        "seeds": len(each.scores),
        "mean": each.mean,
        **_ends("", each.interval),
        **_ends("bootstrap_", each.bootstrap),
        "baseline": each.baseline,
        "difference": difference and difference.mean,
        **_ends("difference_", difference and difference.interval),
        "p": difference and difference.p,
        "p_holm": each.p_holm,
        "probability_best": each.best,
        "failed": each.failures,
        "ended": len(each.runs),
        "runs": len(each.outcomes),
        "seconds": each.average(lambda run: run.seconds),
        "images_seen": each.average(lambda run: run.images_seen),
    }


def _ends(prefix: str, interval: Any) -> dict[str, float]:
    return {f"{prefix}low": interval.low, f"{prefix}high": interval.high} if interval else {}


def _run_numbers(each: Outcome, configuration: Configuration) -> dict[str, Any]:
    run = each.run
    return {
        **{key: shown(value) for key, value in configuration.factors.items()},
        "seed": run.seed,
        "state": state(each),
        "seconds": run.seconds,
        "images_seen": run.images_seen,
        **run.metrics,
        "folder": run.name,
        "command": command(run),
    }


def _csv(head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, list(dict.fromkeys(head)), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return written.getvalue()


def _table(peers: Sequence[Configuration], study: Study) -> list[str]:
    columns = configuration_columns(study.metric, peers)
    rows = in_order(peers, study.metric)
    return [
        f"| {' | '.join(column.title for column in columns)} |",
        f"|{''.join('---|' if column.wordy else '---:|' for column in columns)}",
        *(f"| {' | '.join(_escaped(column.text(row)) for column in columns)} |" for row in rows),
    ]


def _escaped(words: str) -> str:
    """Text that Markdown shows as it is, on one line and in one cell."""
    safe = html.escape(" ".join(words.split()), quote=False)
    for mark in "\\`*_[]|":
        safe = safe.replace(mark, f"\\{mark}")
    return safe
