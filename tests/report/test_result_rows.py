"""Rows of CSV files say where a run came from, without folders of the machine that trained it."""

from pathlib import Path

from gan_zoo.report.result_rows import origin_columns, read_csv, write_csv

DOCS = Path(__file__).parents[2] / "docs"


def test_command_names_no_folder_of_the_machine():
    folders, rest = "'dataset.root=/home/me/my data' evaluation.cache=/scratch/me", "'n=[0.5,1]'"
    folders += " dataset.cache=/scratch/me"
    found = origin_columns({"command": f"python train.py dataset=mnist {folders} {rest}"})
    assert found["command"] == f"python train.py dataset=mnist dataset.root=data {rest}"
    added = origin_columns({"command": "train.py ++dataset.root=/me ++evaluation.cache=/me n=1"})
    assert added["command"] == "train.py dataset.root=data n=1"


def test_documented_commands_name_no_folder():
    paths = [*(DOCS / "studies").glob("*.csv"), *(DOCS / "tuning").glob("*.csv")]
    commands = [row["command"] for path in paths for row in read_csv(path)]
    assert commands
    assert all(origin_columns({"command": command})["command"] == command for command in commands)


def test_commit_of_changed_code_says_so():
    assert origin_columns({"git_commit": "abc", "git_dirty": True})["git_commit"] == "abc+changes"
    assert origin_columns({"git_commit": "abc", "git_dirty": False})["git_commit"] == "abc"
    assert set(origin_columns({"git_commit": None, "git_dirty": True}).values()) == {""}


def test_rows_with_commas_and_gaps_are_read_back(tmp_path):
    path = tmp_path / "rows.csv"
    write_csv(path, ["a", "b"], [{"a": "1,2", "b": "x"}, {"a": "3", "unlisted": "4"}])
    assert read_csv(path) == [{"a": "1,2", "b": "x"}, {"a": "3", "b": ""}]
