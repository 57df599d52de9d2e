"""The report as Markdown, and its numbers as CSV."""

import csv
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_zoo.report.commands import EVALUATE_FIRST, evaluation_needed
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.configurations import Configuration, in_order
from gan_zoo.report.factors import format_value
from gan_zoo.report.findings import METHOD, findings
from gan_zoo.report.recipe import recipe_columns
from gan_zoo.report.run_status import RunStatus
from gan_zoo.report.tables import Column, configuration_columns, state
from gan_zoo.report.title_block import facts, title
from gan_zoo.report.warnings import warnings
from gan_zoo.setting_keys import reproduce_command


def markdown(comparison: Comparison, captions: Mapping[str, str]) -> str:
    """Render the report as Markdown; captions: figure name -> caption."""
    lines = [f"# {_escaped(title(comparison))}", ""]
    lines += [*(f"- {name}: {_escaped(value)}" for name, value in facts(comparison)), ""]
    lines += [f"**{_escaped(line)}**\n" for line in findings(comparison)]
    lines += [f"- {_escaped(line)}" for line in warnings(comparison)]
    command = evaluation_needed(comparison)
    lines += ["", EVALUATE_FIRST, "", "```sh", command, "```"] if command else []
    for dataset, peers in comparison.datasets.items():
        rows = in_order(peers, comparison.metric)
        columns = configuration_columns(comparison.metric, peers)
        lines += ["", f"## {_escaped(dataset)}", "", *_table(columns, rows)]
        recipes = recipe_columns(rows, comparison.factor_set)
        lines += ["", "Recipes; bold: differs from the baseline", "", *_table(recipes, rows)]
    for name, caption in captions.items():
        lines += ["", f"![{_escaped(caption)}](figures/{name}.png)", "", _escaped(caption)]
    failed = [each for each in comparison.statuses if each.failure or each.exclusion]
    reasons = [f"{each.run.name}: {state(each)}" for each in failed]
    reasons += [f"{name}: {reason}" for name, reason in comparison.left_out]
    lines += ["", "## Excluded or failed runs", ""] if reasons else []
    lines += [f"- {_escaped(reason)}" for reason in reasons]
    lines += ["", "## Method", "", *(f"- {line}" for line in METHOD)]
    commands = [reproduce_command(each.run.overrides) for each in comparison.statuses]
    lines += ["", "## Commands", "", "```sh", *commands, "```"]
    return "\n".join(lines) + "\n"


def configurations_csv(comparison: Comparison) -> str:
    """Render a line per configuration, numbers in full precision."""
    rows = [_numbers(each) for each in comparison.configurations]
    return _csv([*comparison.factor_set.factors, *_NUMBERS], rows)


def runs_csv(comparison: Comparison) -> str:
    """Render a line per run, with the last value of every tag."""
    tags = sorted({tag for each in comparison.statuses for tag in each.run.metrics})
    head = [*comparison.factor_set.factors, "seed", "state", "seconds", "images_seen", *tags]
    rows = [_run_numbers(each, c) for c in comparison.configurations for each in c.statuses]
    return _csv([*head, "folder", "command"], rows)


_NUMBERS = (
    "dataset", "seeds", "mean", "low", "high", "bootstrap_low", "bootstrap_high", "baseline",
    "difference", "difference_low", "difference_high", "p", "p_holm", "probability_best",
    "failed", "ended", "runs", "seconds", "images_seen",
)  # fmt: skip


def _numbers(each: Configuration) -> dict[str, Any]:
    difference = each.difference
    return {
        **{key: format_value(value) for key, value in each.factors.items()},
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
        "probability_best": each.p_best,
        "failed": each.failures,
        "ended": len(each.runs),
        "runs": len(each.statuses),
        "seconds": each.mean_over_runs(lambda run: run.seconds),
        "images_seen": each.mean_over_runs(lambda run: run.images_seen),
    }


def _ends(prefix: str, interval: Any) -> dict[str, float]:
    return {f"{prefix}low": interval.low, f"{prefix}high": interval.high} if interval else {}


def _run_numbers(each: RunStatus, configuration: Configuration) -> dict[str, Any]:
    run = each.run
    return {
        **{key: format_value(value) for key, value in configuration.factors.items()},
        "seed": run.seed,
        "state": state(each),
        "seconds": run.seconds,
        "images_seen": run.images_seen,
        **run.metrics,
        "folder": run.name,
        "command": reproduce_command(run.overrides),
    }


def _csv(head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, list(dict.fromkeys(head)), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return written.getvalue()


def _table(columns: Sequence[Column], rows: Sequence[Configuration]) -> list[str]:
    return [
        f"| {' | '.join(column.title for column in columns)} |",
        f"|{''.join('---|' if column.wordy else '---:|' for column in columns)}",
        *(f"| {' | '.join(_cell(column, row) for column in columns)} |" for row in rows),
    ]


def _cell(column: Column, row: Configuration) -> str:
    text = _escaped(column.text(row))
    return f"**{text}**" if column.mark(row) == "strong" else text


def _escaped(words: str) -> str:
    """Escape a text for Markdown, on one line and in one cell."""
    safe = html.escape(" ".join(words.split()), quote=False)
    for mark in "\\`*_[]|":
        safe = safe.replace(mark, f"\\{mark}")
    return safe
