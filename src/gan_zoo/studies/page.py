"""The page of the studies: tables and figures between markers, made from the CSV files."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from gan_zoo.atomic_write import write_text
from gan_zoo.report.figure_style import save_png
from gan_zoo.report.number_format import counted, duration
from gan_zoo.report.result_rows import Row, read_csv
from gan_zoo.schema import ConfigError
from gan_zoo.studies.cells import is_number, reached_end
from gan_zoo.studies.figures import study_figures
from gan_zoo.studies.plan import load_study
from gan_zoo.studies.tables import overview_table, study_tables

_BLOCK = re.compile(r"(<!-- (?:study|overview) (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HASH = 8  # digits of a commit
Figures = Mapping[str, tuple[Figure, str]]  # and captions, by name
_SAMPLES = "samples"  # a picture that a study's runs made, which is copied


def update_page(docs: Path) -> list[str]:
    """Write tables and figures of all studies with results, and return their names.

    docs: holds studies.md, studies/NAME.csv and pictures/; the README beside it shows the overview
    of a study that has one. Raises ConfigError for results without a place on the page.
    """
    page = docs / "studies.md"
    text = page.read_text(encoding="utf-8")
    marked = {found[2] for found in _BLOCK.finditer(text)}
    names = [path.stem for path in sorted((docs / "studies").glob("*.csv"))]
    for name in names:
        if name not in marked:
            raise ConfigError("study", name, f"{page} has no line <!-- study {name} -->")
        rows = read_csv(docs / "studies" / f"{name}.csv")
        plan = load_study(name).content
        figures = study_figures(rows, plan["figures"])
        text = _filled(text, name, study_block(name, docs, rows, figures))
        write_figures(name, docs, figures)
        if "overview" in plan:
            readme = docs.parent / "README.md"
            lines = ["", *overview_table(rows, plan["overview"])]
            content = _filled(readme.read_text(encoding="utf-8"), name, "\n".join(lines))
            write_text(readme, content)
    write_text(page, text)
    return names


def _filled(text: str, name: str, content: str) -> str:
    """Return a text with this content between the markers of a study."""
    return _BLOCK.sub(lambda m: f"{m[1]}{content}{m[3]}" if m[2] == name else m[0], text)


def study_block(name: str, docs: Path, rows: Sequence[Row], figures: Figures) -> str:
    """Return what stands between the markers of a study."""
    content = load_study(name).content
    lines = [describe_runs(rows), "", *study_tables(rows, content["tables"])]
    captions = {picture: text for picture, (_, text) in figures.items()}
    if (docs / _picture(name, _SAMPLES)).is_file():
        captions[_SAMPLES] = content.get("caption", "Samples of the first seed.")
    for picture, caption in captions.items():
        lines += [f"![{caption}]({_picture(name, picture)})", "", caption, ""]
    return "\n".join(["", *lines])


def _picture(name: str, picture: str) -> str:
    return f"pictures/study-{name}-{picture}.png"


def write_figures(name: str, docs: Path, figures: Figures) -> None:
    """Write the figures of a study, and delete those of an earlier call."""
    for old in docs.glob(_picture(name, "*")):
        if old != docs / _picture(name, _SAMPLES):
            old.unlink()
    for picture, (figure, _) in figures.items():
        save_png(figure, docs / _picture(name, picture))


def describe_runs(rows: Sequence[Row]) -> str:
    """Describe what was run, where and with which code, and what it cost."""
    devices = Counter(row["device"] for row in rows)
    where = ", ".join(f"{name} ({count:,})" for name, count in devices.items())
    found = {(row["git_commit"][:_HASH], "+" in row["git_commit"]) for row in rows}
    commits = ", ".join(f"{name or 'unknown'}{'+' * changed}" for name, changed in sorted(found))
    versions = ", ".join(sorted({row["torch"] for row in rows}))
    seconds = sum(float(row["seconds"]) for row in rows if is_number(row["seconds"]))
    whole = [row for row in rows if reached_end(row)] or rows  # others ended at any step
    steps = sorted({int(row["steps"]) for row in whole if row["steps"]})
    seeds = len({row["seed"] for row in rows})
    return (
        f"{counted(len(rows), 'run')} of {' or '.join(f'{n:,}' for n in steps)} steps, "
        f"{counted(seeds, 'seed')}, on {where}: {duration(seconds)} of training. "
        f"torch {versions}, commit {commits}."
    )
