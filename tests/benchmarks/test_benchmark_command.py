"""The benchmark command keeps what it has measured."""

import importlib
import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


class Stopped:
    """A benchmark that is stopped after its first row."""

    @staticmethod
    def arguments(command):
        pass

    @staticmethod
    def measure(args):
        yield {"case": "mlp", "steps": 3}
        raise KeyboardInterrupt


def test_rows_before_a_signal_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(SCRIPTS)
    benchmark = importlib.import_module("benchmark")
    monkeypatch.setitem(benchmark.BENCHMARKS, "stopped", Stopped)
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--out", str(tmp_path), "stopped"])
    with pytest.raises(KeyboardInterrupt):
        benchmark.main()
    assert json.loads((tmp_path / "stopped.json").read_text())["rows"] == [
        {"case": "mlp", "steps": 3}
    ]
    assert "mlp" in capsys.readouterr().out
