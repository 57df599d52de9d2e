"""Paper's recipe, default recipe and tuned settings of every loss, side by side, as markdown."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from gan_zoo.evaluation.health import HEALTHY
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.result_rows import Row
from gan_zoo.report.stats import LEVEL, holm, paired_difference, student_interval
from gan_zoo.tuning.random_search import DEFAULT, PAPER
from gan_zoo.tuning.run_rows import (
    FRESH,
    no_value,
    primary_metric,
    read_rows,
    searched_datasets,
    settings_of,
    value,
)
from gan_zoo.tuning.trial_table import format_for, format_trials, metric_name


def format_tables(folder: Path) -> str:
    """Format what the CSV files in a folder show, dataset by dataset."""
    parts = []
    for name in searched_datasets(folder):
        parts.append(f"## {name}")
        if (fresh := folder / f"{name}{FRESH}.csv").is_file():
            parts.append(format_recipes(read_rows(fresh)))
        if (trials := folder / f"{name}.csv").is_file():
            parts += ["All trials of the search:", format_trials(read_rows(trials))]
    return "\n\n".join(["# Every loss under the same tuning budget", *parts]) + "\n"


def format_recipes(rows: Sequence[Row]) -> str:
    """Format means over fresh seeds with their intervals, a line for each loss."""
    metric = primary_metric(rows)
    if metric is None:
        return no_value(rows)
    show = format_for(rows, metric)
    losses: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        recipe = row["recipe"] if row["recipe"] in (PAPER, DEFAULT) else "tuned"
        losses.setdefault(row["loss"], {}).setdefault(recipe, []).append(row)
    p_values = _p_values(losses, metric)
    tested = f"{len(p_values)} {'loss' if len(p_values) == 1 else 'losses'}"
    different = {loss for loss, p in p_values.items() if p < LEVEL}
    lines = [
        f"{metric_name(metric)}, mean and 95 % interval over fresh seeds; in bold: the tuned"
        " settings differ from the default recipe (paired t test, Holm's correction for"
        f" {tested}, p < {LEVEL}).",
        "",
        "| loss | paper's recipe | default recipe | tuned | tuned settings |",
        "|---|---|---|---|---|",
    ]
    for loss, recipes in losses.items():
        cells = [_cell(recipes.get(name, []), metric, show) for name in (PAPER, DEFAULT, "tuned")]
        if loss in different:
            cells[2] = f"**{cells[2]}**"
        words = " ".join(settings_of(recipes["tuned"][0])) if "tuned" in recipes else ""
        lines.append(f"| `{loss}` | {' | '.join(cells)} | `{words}` |")
    return "\n".join(lines)


def _p_values(losses: Mapping[str, Mapping[str, list[Row]]], metric: Metric) -> dict[str, float]:
    """Return p, by Holm's method, of each loss whose tuned and default runs can be compared."""
    found = {}
    for loss, recipes in losses.items():
        tuned, default = (_by_seed(recipes.get(name, []), metric) for name in ("tuned", DEFAULT))
        difference = paired_difference(tuned, default)
        if difference and difference.p is not None:
            found[loss] = difference.p
    return dict(zip(found, holm([*found.values()]), strict=True))


def _by_seed(rows: Sequence[Row], metric: Metric) -> dict[object, float]:
    numbers = {row["seed"]: value(row, metric) for row in rows}
    return {seed: number for seed, number in numbers.items() if number is not None}


def _cell(rows: Sequence[Row], metric: Metric, show: Callable[[float | None], str]) -> str:
    """Format the runs of one recipe: mean, interval, and how many of them were not healthy."""
    numbers = [*_by_seed(rows, metric).values()]
    if not numbers:
        return "–"
    found = student_interval(numbers)
    interval = f" [{show(found.low)}, {show(found.high)}]" if found else ""
    sick = sum(not row["health"].startswith(HEALTHY) for row in rows)
    unhealthy = f"; {sick} of {len(rows)} not healthy" if sick else ""
    return f"{show(float(np.mean(numbers)))}{interval}{unhealthy}"
