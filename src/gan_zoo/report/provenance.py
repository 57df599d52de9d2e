"""Where a report's numbers came from: machines, versions, commits and metric protocols."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from gan_zoo.provenance import package_version
from gan_zoo.report.comparison import Comparison
from gan_zoo.report.number_format import counted
from gan_zoo.report.runs import Run

_PACKAGES = ("gan-zoo", "numpy", "scipy", "matplotlib")
_FACTS = ("git_commit", "git_dirty", "python", "device", "device_name", "threads")


def provenance(comparison: Comparison) -> list[tuple[str, str]]:
    """Return names and values: facts of the runs, of the report's own versions, protocols."""
    runs = [each.run for each in comparison.statuses]
    rows = [(name, _format_counts(counts)) for name, counts in _facts_of_runs(runs).items()]
    rows.append(("report written by", ", ".join(f"{n} {v}" for n, v in _report_versions())))
    metric = comparison.metric
    protocols = (
        {run.protocol(metric.tag_in(run.metrics)) for run in runs} - {""} if metric else set()
    )
    return [*rows, *(("metric's protocol", protocol) for protocol in sorted(protocols))]


def _facts_of_runs(runs: Iterable[Run]) -> dict[str, Counter[str]]:
    """Facts in the runs' summaries: each value and how many runs have it."""
    found: dict[str, Counter[str]] = {}
    for run in runs:
        for name, value in _facts(run.summary or {}).items():
            found.setdefault(name, Counter())[value] += 1
    return found


def _facts(summary: Mapping[str, Any]) -> dict[str, str]:
    facts = {name: str(summary[name]) for name in _FACTS if summary.get(name) is not None}
    versions = summary.get("versions")
    found = versions if isinstance(versions, Mapping) else {}
    return facts | {name: str(value) for name, value in found.items() if value is not None}


def _format_counts(counts: Counter[str]) -> str:
    return "; ".join(f"{value} ({counted(count, 'run')})" for value, count in counts.most_common())


def _report_versions() -> Iterable[tuple[str, str]]:
    yield "python", platform.python_version()
    for package in _PACKAGES:
        yield package, package_version(package) or "not installed as a package"
