"""The program gan-zoo: its commands are the scripts."""

import runpy
import shlex
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from gan_zoo import __version__
from gan_zoo.__main__ import COMMANDS, EXAMPLES, main
from gan_zoo.command_line import from_here, program
from gan_zoo.launch import check_overrides

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(monkeypatch, capsys):
    """A function that runs gan-zoo; returns its exit code, output and errors."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gan-zoo", *words])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        return code, *capsys.readouterr()

    return run


def test_help_lists_every_command(call):
    for words in ([], ["--help"]):
        code, text, _ = call(*words)
        assert code == 0
        assert all(f"  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize(
    "words", [["--version"], ["train", "--version"], ["train", "loss=gan", "--version"]]
)
def test_version_is_ours(call, words):
    assert call(*words) == (0, f"gan-zoo {__version__}\n", "")


def test_misspelled_command_is_suggested(call):
    assert call("trian") == (2, "", "error: trian: did you mean train?\n")


def test_commands_name_themselves(call):
    assert "gan-zoo train loss=wgan" in call("train", "--help")[1]
    assert call("sample", "--help")[1].startswith("usage: gan-zoo sample")
    assert call("train", "nonsense")[2].endswith("gan-zoo train --help lists them\n")
    assert "gan-zoo evaluate" in call("evaluate")[1]


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"train", "examples"}))
def test_help_of_scripts_names_scripts(name, call, monkeypatch, capsys):
    assert f"gan-zoo {name}" in call(name, "--help")[1]
    script = f"scripts/{name.replace('-', '_')}.py"
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with suppress(SystemExit):
        runpy.run_path(str(ROOT / script), run_name="__main__")
    text = " ".join(capsys.readouterr().out.split())  # lines are wrapped
    assert f"python {script}" in text
    assert "gan-zoo" not in text


def test_mistakes_end_in_one_line(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("sample", "report", "evaluate", "gallery"):
        code, _, errors = call(name, "none")
        assert (code, errors.count("\n")) == (2, 1)


def test_examples_are_valid_commands(call):
    assert call("examples") == (0, f"{EXAMPLES}\n", "")
    for line in EXAMPLES.splitlines():
        words = shlex.split(line.partition("#")[0])
        assert words[1] in COMMANDS
        if words[1] == "train" and "--help" not in words:
            check_overrides([word for word in words[2:] if word != "-m"], swept="-m" in words)


def test_printed_commands_are_those_that_were_used(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    assert program("train.py") == "python train.py"
    assert from_here("train.py", "a b") == "python train.py 'a b'"
    monkeypatch.setattr(sys, "argv", ["gan-zoo train"])
    monkeypatch.chdir(tmp_path)
    assert from_here("scripts/evaluate.py", "run") == "gan-zoo evaluate run"
    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr("gan_zoo.command_line._ROOT", tmp_path)  # as installed from a wheel
    assert program("train.py") == "gan-zoo train"
