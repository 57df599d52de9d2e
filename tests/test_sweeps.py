"""Sweeps survive their jobs: the others go on, failures are listed and retried when asked."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).parents[1]
SMALL = ["batch_size=8", "steps=2", "log_every=1", "device=cpu", "dataset=npz", "sweep=mine"]


def sweep(cwd, *words):
    """Run a sweep, by default over two files and two seeds, in the folder it is called from."""
    swept = [] if "dataset.root" in " ".join(words) else ["dataset.root=a.npz,b.npz", "seed=0,1"]
    command = [sys.executable, str(ROOT / "train.py"), "-m", *swept]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    words = [*SMALL, *words]
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, cwd=cwd, env=environment
    )


@pytest.fixture
def files(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 8, 8), np.uint8))
    np.savez(tmp_path / "b.npz", x=np.zeros((20, 8, 8), np.uint8), y=np.full(20, -1))
    return tmp_path


def content(folder):
    """All that a run has written, but for the log of its starts."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "train.log"}


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_failed_jobs_leave_the_others_alone_are_listed_and_retried_if_asked(files, launcher):
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = [f"hydra/launcher={launcher}"]
    first = sweep(files, *words)
    assert first.returncode == 3, first.stderr
    assert "Traceback" not in first.stderr
    lines = first.stderr.strip().splitlines()
    assert "2 of 4 jobs failed; the same command with sweep=mine retry=true" in lines[-3]
    for line, seed in zip(lines[-2:], (0, 1), strict=True):
        assert line.startswith(f"  dataset.root=b.npz,seed={seed}: dataset.root=b.npz: ")
    folder = files / "outputs" / "sweeps" / "mine"
    good = [folder / f"dataset.root=a.npz,seed={seed}" for seed in (0, 1)]
    assert all(json.loads((run / "summary.json").read_text())["steps"] == 2 for run in good)
    assert "failed: dataset.root=b.npz" in (folder / "report" / "report.html").read_text()

    before = [content(run) for run in good]
    np.savez(files / "b.npz", x=np.zeros((20, 8, 8), np.uint8))
    again = sweep(files, *words)
    assert again.returncode == 3
    assert "2 of 4 jobs failed" in again.stderr
    retried = sweep(files, *words, "retry=true")
    assert retried.returncode == 0, retried.stderr
    assert len(list(folder.rglob("summary.json"))) == 4
    assert not list(folder.rglob("failure.txt"))
    assert [content(run) for run in good] == before


def test_jobs_keep_their_numbers_however_a_sweep_is_finished(files):
    np.savez(files / "b.npz", x=np.zeros((20, 8, 8), np.uint8))
    assert sweep(files).returncode == 0
    mine = files / "outputs" / "sweeps" / "mine"
    (mine / "dataset.root=a.npz,seed=1" / "summary.json").unlink()  # as if it had been killed
    other = sweep(files, "dataset.root=b.npz,a.npz", "seed=1,0")
    assert other.returncode == 0, other.stderr
    places = mine.glob("*/.hydra/hydra.yaml")
    numbers = {p.parts[-3]: yaml.safe_load(p.read_text())["hydra"]["job"]["num"] for p in places}
    assert numbers == {
        f"dataset.root={name}.npz,seed={seed}": 2 * i + seed
        for i, name in enumerate("ab")
        for seed in (0, 1)
    }


def test_paths_and_long_values_name_folders_of_the_sweep_and_no_others(tmp_path):
    odd = "b (1),ü='x'.npz"
    for name in ("a.npz", odd):
        np.savez(tmp_path / name, x=np.zeros((20, 8, 8), np.uint8))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    quoted = odd.replace("'", "\\'")
    words = ["dataset.root=../../a.npz,'../../" + quoted + "'", "sweep=my sweep (1)"]
    for said in ("done: ", "finished at step 2 already"):
        called = sweep(tmp_path / "deep" / "er", *words)
        assert called.returncode == 0, called.stderr
        assert called.stdout.count(said) == 2
    place = tmp_path / "deep" / "er" / "outputs" / "sweeps" / "my sweep (1)"
    runs = sorted(path.parent.relative_to(place) for path in place.rglob("summary.json"))
    assert [len(run.parts) for run in runs] == [1, 1]
    assert [str(run).rpartition("-")[0] for run in runs] == [
        "dataset.root='b (1),ü=\\'x\\'.npz'",
        "dataset.root=a.npz",
    ]


def test_the_remedy_that_is_printed_works_when_pasted(files):
    refused = sweep(files, "dataset.root=a.npz", "seed=0,1", "hydra.sweep.subdir=x")
    (remedy,) = shlex.split(refused.stderr.partition("; type ")[2])
    called = sweep(files, "dataset.root=a.npz", "seed=0,1", remedy)
    assert called.returncode == 0, called.stderr
    assert {path.parts[-2] for path in files.rglob("summary.json")} == {"0", "1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep=../../x"], "sweep=../../x: must be a name, not a path"),
        (["sweep=.."], "sweep=..: must be a name, not a path"),
        (["sweep="], "must be a name, not a path"),
        (["dataset.root=a.npz,../../../../../a.npz"], "root=../../../../../a.npz: does not exist"),
        (["hydra.sweep.subdir=../x"], "hydra.sweep.subdir=../x: leads out of the sweep's folder"),
        (["hydra.sweep.subdir=x"], "=x: is the folder of two jobs; type 'hydra.sweep.subdir=${"),
        (["hydra.sweep.subdir=" + "a" * 300], "type 'hydra.sweep.subdir=${hydra.job.num}'"),
        (["sweep=" + "a" * 300], "give the sweep a shorter name"),
        (["+dataset.file=" + "a" * 300 + ",b"], "dataset.file"),
        (
            ["loss._target_=os.system,os.remove"],
            "loss._target_=os.system: must begin with gan_zoo.",
        ),
    ],
)
def test_no_sweep_leads_out_of_its_folder(files, words, said):
    (files / "a").mkdir()
    called = sweep(files, *words)
    assert called.returncode == 2
    assert said in called.stderr
    assert len(called.stderr.strip().splitlines()) == 1
    assert not (files / "outputs").exists()
