"""Six real jobs with each launcher: the same folders, numbers and report as in one process."""

import json
from pathlib import Path

import pytest

from forked_scripts import run_interpreter

WORDS = ["-m", "loss=gan,wgan,glsgan", "seed=0,1", "dataset=ring", "dataset.count=500", "steps=60"]
WORDS += ["batch_size=16", "device=cpu", "compile=false", "log_every=20", "sample_every=30"]
WORDS += ["evaluate_every=30", "evaluation.num_samples=200", "sweep=mine"]
PLUGINS = {"joblib": "joblib", "slurm_local": "submitit", "ray": "ray"}


def run_sweep(folder, launcher):
    """Run the six jobs; their table on the terminal, their files and what they logged."""
    ran = run_interpreter("train.py", *WORDS, f"hydra/launcher={launcher}", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    sweep = folder / "outputs/sweeps/mine"
    runs = sorted(path.parent for path in sweep.glob("*/summary.json"))
    jobs = {run.name: (files(run), lines(run), last_metrics(run)) for run in runs}
    return ran.stdout.partition("\n\n")[2], jobs, files(sweep / "report")


def files(folder: Path):
    """Names of the files in a folder; those of TensorBoard have the time in theirs."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name.partition(".tfevents.")[0] for name in names)


def lines(run):
    found = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if not k.startswith("perf/")} for line in found]


def last_metrics(run):
    last = json.loads((run / "summary.json").read_text())["last"]
    return {key: value for key, value in last.items() if not key.startswith("perf/")}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return run_sweep(tmp_path_factory.mktemp("basic"), "basic")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", PLUGINS)
def test_jobs_and_report_are_those_of_one_process(expected, tmp_path, launcher):
    pytest.importorskip(f"hydra_plugins.hydra_{PLUGINS[launcher]}_launcher")
    table, jobs, report = run_sweep(tmp_path, launcher)
    assert len(jobs) == 6
    assert "metric/" in table
    assert (table, jobs, report) == expected
