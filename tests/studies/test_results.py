"""Results of a study trained in several goes, put together."""

import shutil
from pathlib import Path

import pytest

from gan_zoo.commands import studies
from gan_zoo.report.result_rows import read_csv, write_csv
from gan_zoo.schema import ConfigError
from gan_zoo.studies.page import update_page
from gan_zoo.studies.plan import load_study
from gan_zoo.studies.results import check_rows, merge_results

DOCS = Path(__file__).parents[2] / "docs"
FACTS = ("health", "steps", "seconds", "stacked", "device", "git_commit", "torch", "command")
PARTS = ("clip", "penalty")


def write(path, *rows, columns=("part", "loss", "seed", "modes")):
    """Write rows that consist of the columns' values, each with a command of them."""
    found = []
    for values in rows:
        row = dict(zip(columns, values, strict=True))
        words = (f"{key}={value}" for key, value in row.items() if key not in ("part", "modes"))
        found.append(
            {**row, **dict.fromkeys(FACTS, "x"), "command": " ".join(["train.py", *words])}
        )
    write_csv(path, [*columns, *FACTS], found)
    return path


def test_rows_are_added_in_the_order_of_the_parts(tmp_path):
    path = write(tmp_path / "all.csv", ("penalty", "gan", "0", "3"))
    added = write(tmp_path / "new.csv", ("clip", "gan", "0", "1"), ("penalty", "gan", "1", "4"))
    assert merge_results(added, path, PARTS) == (2, 0)
    found = [(row["part"], row["seed"], row["modes"]) for row in read_csv(path)]
    assert found == [("clip", "0", "1"), ("penalty", "0", "3"), ("penalty", "1", "4")]


def test_a_run_again_replaces_its_row(tmp_path):
    path = write(tmp_path / "all.csv", ("clip", "gan", "0", "1"), ("clip", "gan", "1", "2"))
    added = write(tmp_path / "new.csv", ("clip", "gan", "0", "8"))
    assert merge_results(added, path, PARTS) == (0, 1)
    assert [row["modes"] for row in read_csv(path)] == ["8", "2"]


@pytest.mark.parametrize("program", ["python train.py", "gan-zoo train"])
def test_the_program_makes_no_other_run(tmp_path, program):
    path = write(tmp_path / "all.csv", ("clip", "gan", "0", "1"), ("clip", "wgan", "0", "2"))
    added = write(tmp_path / "new.csv", ("clip", "gan", "0", "8"), ("clip", "lsgan", "0", "3"))
    added.write_text(added.read_text().replace("train.py", program))
    assert merge_results(added, path, PARTS) == (1, 1)
    assert [row["modes"] for row in read_csv(path)] == ["8", "2", "3"]


@pytest.mark.parametrize(
    "word",
    [
        *("device=cuda", "threads=2", "dataset.download=true", "++threads=2"),
        *("stack=auto", "compile=true"),
    ],
)
def test_words_about_the_machine_make_no_other_run(tmp_path, word):
    path = write(tmp_path / "all.csv", ("clip", "gan", "0", "1"), ("clip", "wgan", "0", "2"))
    path.write_text(path.read_text().replace("train.py", "train.py dataset.root=data"))
    added = write(tmp_path / "new.csv", ("clip", "gan", "0", "8"))
    added.write_text(added.read_text().replace("seed=0", f"seed=0 {word}"))
    assert merge_results(added, path, PARTS) == (0, 1)
    assert [row["modes"] for row in read_csv(path)] == ["8", "2"]


def test_a_setting_is_a_column_once_it_varies(tmp_path):
    columns = ("part", "loss", "regularizer", "batch_size", "seed", "modes")
    path = write(tmp_path / "all.csv", ("clip", "gan", "0", "1"))
    text = path.read_text().replace("train.py", "train.py batch_size=64")
    path.write_text(text)
    added = write(tmp_path / "new.csv", ("clip", "gan", "r1", "64", "1", "2"), columns=columns)
    merge_results(added, path, PARTS)
    assert list(read_csv(path)[0])[:4] == ["part", "loss", "seed", "modes"]
    added = write(tmp_path / "new.csv", ("clip", "wgan", "clip", "128", "1", "2"), columns=columns)
    merge_results(added, path, PARTS)
    found = [(row["loss"], row["regularizer"], row["batch_size"]) for row in read_csv(path)]
    assert found == [("gan", "", "64"), ("gan", "r1", "64"), ("wgan", "clip", "128")]


@pytest.mark.parametrize("path", sorted((DOCS / "studies").glob("*.csv")), ids=lambda p: p.stem)
def test_published_rows_stay_the_same_when_they_are_added_again(path, tmp_path):
    before = Path(shutil.copy(path, tmp_path))
    merge_results(path, before, load_study(path.stem).parts)
    by_command = {(row["part"], row["command"]): row for row in read_csv(path)}
    again = read_csv(before)
    assert {(row["part"], row["command"]): row for row in again} == by_command
    assert len(again) == len(by_command)


@pytest.mark.parametrize("path", sorted((DOCS / "studies").glob("*.csv")), ids=lambda p: p.stem)
def test_published_rows_are_those_of_the_plan(path):
    check_rows(path, load_study(path.stem))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("steps=10000", "steps=500", "steps=500: is not in the study, which has steps=10000; the"),
        ("steps=", "ema=0.9 steps=", "ema=0.9: is not in the study, which has no such word"),
        ("seed=0", "seed=7 device=cuda stack=2", ""),
    ],
)
def test_runs_that_the_study_does_not_plan_are_refused(tmp_path, before, after, message):
    rows = [row for row in read_csv(DOCS / "studies/density.csv") if "loss=gan " in row["command"]]
    changed = [{**row, "command": row["command"].replace(before, after)} for row in rows]
    assert changed != rows
    write_csv(tmp_path / "density.csv", list(rows[0]), changed)
    if message:
        with pytest.raises(ConfigError, match=message):
            check_rows(tmp_path / "density.csv", load_study("density"))
    else:
        check_rows(tmp_path / "density.csv", load_study("density"))


def test_command_adds_results_to_the_page(tmp_path, monkeypatch, capsys):
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(DOCS.parent / "README.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    rows = read_csv(DOCS / "studies/mixture.csv")
    write_csv(tmp_path / "docs/studies/mixture.csv", list(rows[0]), rows[:-3])
    update_page(tmp_path / "docs")
    assert (tmp_path / "docs/studies.md").read_text() != (DOCS / "studies.md").read_text()
    write_csv(tmp_path / "mixture.csv", list(rows[0]), rows[-5:])
    monkeypatch.setattr("sys.argv", ["studies.py", "mixture.csv"])
    studies.main()
    assert capsys.readouterr().out.startswith("docs/studies/mixture.csv: 3 new runs, 2 replaced\n")
    assert (tmp_path / "docs/studies.md").read_text() == (DOCS / "studies.md").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "results=none.csv: does not exist"),
        ("mixture-small.csv", "results=mixture-small.csv: is of study.budget=small, a check"),
        ("other.csv", "study=other: choose one of"),
    ],
)
def test_other_files_are_refused(tmp_path, monkeypatch, capsys, name, message):
    for given in ("mixture-small.csv", "other.csv"):
        (tmp_path / given).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["studies.py", name])
    with pytest.raises(SystemExit):
        studies.main()
    assert message in capsys.readouterr().err
