"""The tables of a study in Markdown: means with 95 % intervals over seeds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gan_zoo.report.number_format import NONE, rounding
from gan_zoo.report.result_rows import Row
from gan_zoo.studies.cells import STATUSES, Cell, cell, grouped, is_share, winner

# from a cell to the format of its mean and of half of its interval
_Format = Callable[[Cell], Callable[[float | None], str]]

_WIDE = 1e2  # ratio of means from which each has digits of its own
_TITLES = {
    "modes": "modes",
    "high_quality": "samples at a mode",
    "reverse_kl": "reverse KL (nats)",
    "sliced_wasserstein": "sliced Wasserstein",
    "frechet": "Fréchet distance",
    "classes_covered": "classes covered",
    "largest_share": "share of the largest class",
    "label_accuracy": "samples with the requested label",
    "classification_error": "classification error",
    "margin/satisfied": "pairs that satisfy their margin",
    "critic/lipschitz_lower_bound": "steepest slope found",
    "grad_norm/generator": "norm of the generator's gradient",
    "score/fake": "mean score of fakes",
}


def metric_title(metric: str) -> str:
    """Return the name of a column of numbers for readers."""
    name, _, step = metric.partition("@")
    found = _TITLES.get(name, name.replace("_", " "))
    return f"{found} at {step}" if step else f"{found} (%)" if is_share(metric) else found


def study_tables(rows: Sequence[Row], tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of all tables of a study.

    tables: `rows` and `columns` are keys whose values are the rows and columns; without columns,
    the metrics are. `each` are keys for each value of which there is a table.
    """
    lines: list[str] = []
    for plan in tables:
        each = plan.get("each", [])
        for name, part in grouped(rows, [each] if isinstance(each, str) else each).items():
            lines += [f"**{name}**", ""] if name else []
            lines += _pivots(part, plan) if "columns" in plan else _by_metric(part, plan)
    return lines


def overview_table(rows: Sequence[Row], columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines of a table of all losses, with columns for metrics of parts of a study.

    columns: the metrics of each part; those without a value are left out.
    """
    parts = grouped(rows, ["part"])
    texts = {
        f"{part}: {metric_title(metric)}": _texts(grouped(parts[part], ["loss"]), metric)
        for part, metrics in columns.items()
        for metric in metrics
        if any(row.get(metric) for row in parts.get(part, []))
    }
    return _table(["loss"], [*grouped(rows, ["loss"])], texts)


def _by_metric(rows: Sequence[Row], plan: Mapping[str, Any]) -> list[str]:
    """Make a table with a column for each metric."""
    groups = grouped(rows, plan["rows"])
    metrics = plan["metrics"]
    measured = [name for name in metrics if name in STATUSES or any(row.get(name) for row in rows)]
    columns = {metric_title(name): _texts(groups, name) for name in measured}
    return _table(plan["rows"], [*groups], columns)


def _pivots(rows: Sequence[Row], plan: Mapping[str, Any]) -> list[str]:
    """Make a table for each metric."""
    lines: list[str] = []
    across = grouped(rows, plan["columns"])
    names = [*grouped(rows, plan["rows"])]
    for metric in plan["metrics"]:
        cells = [_cells(grouped(group, plan["rows"]), metric) for group in across.values()]
        if not any(each.values for column in cells for each in column.values()):
            continue
        shown = formats([each for column in cells for each in column.values()], metric)
        columns = {
            title: _marked(column, metric, shown)
            for title, column in zip(across, cells, strict=True)
        }
        lines += [f"{metric_title(metric).capitalize()}:", ""]
        lines += _table(plan["rows"], names, columns)
    return lines


def _texts(groups: Mapping[str, Sequence[Row]], metric: str) -> dict[str, str]:
    cells = _cells(groups, metric)
    return _marked(cells, metric, formats([*cells.values()], metric))


def _cells(groups: Mapping[str, Sequence[Row]], metric: str) -> dict[str, Cell]:
    return {name: cell(group, metric) for name, group in groups.items()}


def formats(cells: Sequence[Cell], metric: str) -> _Format:
    """Return the formats of cells shown together: the same for all, unless they differ widely."""
    if is_share(metric):
        return lambda each: lambda value: NONE if value is None else f"{value:.1f}"
    means = [each.mean for each in cells if each.values and each.mean]
    if means and max(map(abs, means)) > _WIDE * min(map(abs, means)):
        return lambda each: rounding([each.mean or each.half_width], digits=3)
    shared = rounding(means, digits=3, fewest=1)
    return lambda each: shared


def _marked(cells: Mapping[str, Cell], metric: str, shown: _Format) -> dict[str, str]:
    """Return the text of each cell; that of a certain winner in bold."""
    best = winner(cells, metric)
    texts = {name: cell_text(each, metric, shown) for name, each in cells.items()}
    return {name: f"**{text}**" if name == best else text for name, text in texts.items()}


def cell_text(each: Cell, metric: str, shown: _Format) -> str:
    """Return "mean ± half of the 95 % interval", and how many runs have a value if not all."""
    if metric in STATUSES:
        return f"{sum(each.values.values()):.0f} of {each.runs}"
    if not each.values:
        return NONE
    half, number = each.half_width, shown(each)
    text = number(each.mean) if half is None else f"{number(each.mean)} ± {number(half)}"
    missing = len(each.values) < each.runs
    return f"{text} ({len(each.values)} of {each.runs} runs)" if missing else text


def _table(
    keys: Sequence[str], names: Sequence[str], columns: Mapping[str, Mapping[str, str]]
) -> list[str]:
    head = " / ".join(key.rpartition(".")[2] for key in keys)
    lines = [f"| {head} | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for name in names:
        cells = [column.get(name, NONE) for column in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]
