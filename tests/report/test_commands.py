"""Commands that a report prints."""

import json
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gan_zoo.evaluation.arguments import parse
from gan_zoo.report.build import write_report
from gan_zoo.report.commands import evaluate_command
from gan_zoo.report.read_runs import read_runs
from gan_zoo.setting_keys import reproduce_command
from report_folders import compared, write_run, write_unevaluated_sweep

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parents[2] / "scripts/report.py"


@pytest.mark.parametrize(
    "words",
    [
        ("loss=gan", "seed=0"),
        ("dataset.alphabet='0 1'", 'title="a,b"', "optimizer.betas=[0,0.9]", "note=it's $HOME `x`"),
        (r"path=C:\\new", "x={a:1}", "+y=*", "~z"),
    ],
)
def test_commands_are_quoted_for_the_shell(tmp_path, words):
    write_run(tmp_path / "run", [1.0], overrides=words)
    (run,), _ = read_runs([tmp_path])
    printed = reproduce_command(run.overrides)
    assert shlex.split(printed) == ["python", "train.py", *words]
    echo = printed.replace(
        "python train.py", f"{sys.executable} -c 'import sys;print(sys.argv[1:])'"
    )
    shown = subprocess.run(["sh", "-c", echo], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(list(words))


def test_commands_omit_the_run_folder(tmp_path):
    write_run(tmp_path / "run", [1.0], overrides=("loss=gan", "resume=auto", "+sweep=mine"))
    (run,), _ = read_runs([tmp_path])
    assert reproduce_command(run.overrides) == "python train.py loss=gan"


@pytest.mark.parametrize("seeds", [1, 2])
def test_evaluate_command_names_all_runs(tmp_path, monkeypatch, capsys, seeds):
    root = write_unevaluated_sweep(tmp_path / "it's a (sweep)", seeds)
    monkeypatch.chdir(tmp_path)
    printed = evaluate_command(compared(root, metric=None))
    assert printed in write_report([root])[0].with_suffix(".md").read_text()
    program, script, *words = shlex.split(printed)
    assert (program, script) == ("python", str(ROOT / "scripts/evaluate.py"))  # from elsewhere
    found = [path for word in words for path in Path().glob(word)]
    assert sorted(found) == sorted(path.relative_to(tmp_path) for path in root.glob("*=*"))
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(root)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[1:] == [f"no metric; evaluate the runs: {printed}"]


def test_evaluate_command_inside_a_sweep_names_folders(tmp_path, monkeypatch):
    root = write_unevaluated_sweep(tmp_path)
    for seed in (0, 1):
        (root / f"loss=gan,seed={seed}").rename(root / f"seed={seed}")
        shutil.rmtree(root / f"loss=wgan,seed={seed}")
    monkeypatch.chdir(root)
    words = shlex.split(evaluate_command(compared(root, metric=None)))[2:]
    assert words == ["./seed=0", "./seed=1"]
    assert parse(words).runs == (Path("seed=0"), Path("seed=1"))
    monkeypatch.chdir("seed=0")
    assert shlex.split(evaluate_command(compared(root / "seed=0", metric=None)))[2:] == ["."]


def test_evaluate_command_skips_diverged_runs_and_missing_checkpoints(tmp_path):
    root = write_unevaluated_sweep(tmp_path)
    (root / "loss=gan,seed=0/checkpoints/00000200.pt").unlink()
    path = root / "loss=gan,seed=1/summary.json"
    path.write_text(json.dumps({"steps": 100, "health": "diverged at step 100 (loss is nan)"}))
    words = shlex.split(evaluate_command(compared(root, metric=None)))[2:]
    assert [Path(word).name for word in words] == ["loss=wgan,seed=0", "loss=wgan,seed=1"]
