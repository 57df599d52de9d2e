"""Processes of a sweep by joblib: how many there are, their threads, and a GPU for each."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from forked_scripts import run_interpreter, run_script
from gan_zoo.cpu_cores import thread_share
from gan_zoo.experiment import load_experiment
from gan_zoo.launch import workers
from gan_zoo.launch.worker_gpu import WorkerGpus
from gan_zoo.schema import ConfigError

ROOT = Path(__file__).parents[2]
WORDS = ["-m", "hydra/launcher=joblib", "dataset=ring", "dataset.count=300", "batch_size=8"]
WORDS += ["compile=false", "evaluate_every=0", "sample_every=0", "steps=2", "sweep=mine"]
CLAIM = """
import os, sys
from pathlib import Path
from gan_zoo.launch.worker_gpu import WorkerGpus
gpus = WorkerGpus(Path(sys.argv[1]), sys.argv[2:])
for job in range(2):
    gpus.claim()
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


def config(**launcher):
    return OmegaConf.create({"hydra": {"launcher": launcher, "overrides": {"hydra": []}}})


@pytest.mark.parametrize(
    ("typed", "threads", "gpus", "jobs", "expected"),
    [
        (-1, "", (), 100, 8),
        (-1, "3", (), 100, 2),
        (-1, "99", (), 100, 1),
        (-1, "", "ab", 100, 2),
        (-1, "", (), 3, 3),
        (-2, "", (), 100, 7),
        (20, "", "ab", 100, 20),
        (20, "", (), 3, 3),
    ],
)
def test_number_of_workers(monkeypatch, typed, threads, gpus, jobs, expected):
    monkeypatch.setattr(workers, "available_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    found = config(n_jobs=typed)
    workers.set_worker_count(found, jobs, gpus)
    assert found.hydra.launcher.n_jobs == expected


@pytest.mark.parametrize("typed", [0, "many"])
def test_wrong_number_of_workers_is_refused(typed):
    with pytest.raises(ConfigError, match=rf"hydra\.launcher\.n_jobs={typed}: must be a number"):
        workers.set_worker_count(config(n_jobs=typed), 3, ())


def test_missing_joblib_is_one_line(tmp_path):
    script = tmp_path / "without_plugins.py"
    script.write_text(
        "import runpy, sys\n"
        "sys.modules['hydra_plugins'] = None\n"
        f"runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
    )
    ran = run_script(script, *WORDS, "seed=0,1", cwd=tmp_path)
    assert ran.returncode == 2
    expected = 'hydra/launcher=joblib: is not installed; type pip install "gan-zoo[joblib]"'
    assert ran.stderr == f"error: {expected}\n"
    assert not (tmp_path / "outputs").exists()


def claim(folder, *names):
    environment = {key: os.environ[key] for key in os.environ if key != "CUDA_VISIBLE_DEVICES"}
    return subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(folder), *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def claimed(process):
    first, second = (process.stdout.readline().strip() for _ in range(2))
    assert first == second  # the next job of a process stays
    return first


def test_each_process_claims_a_gpu(tmp_path):
    names = ["0", "GPU-5/1", "7"]
    processes = [claim(tmp_path, *names) for _ in range(4)]
    try:
        found = [claimed(process) for process in processes]
        assert {*found} == {*names}  # the fourth one shares
        alone = next(name for name in names if found.count(name) == 1)
        killed = processes[found.index(alone)]
        killed.kill()
        killed.wait()
        processes.append(claim(tmp_path, *names))
        assert claimed(processes[-1]) == alone
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("names", [(), ("0",)])
def test_single_gpu_needs_no_claim(tmp_path, monkeypatch, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    WorkerGpus(tmp_path, names).claim()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert not list(tmp_path.iterdir())


def test_gpu_is_claimed_without_locks(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    WorkerGpus(tmp_path, ["0", "1"]).claim()
    assert os.environ["CUDA_VISIBLE_DEVICES"] in ("0", "1")


@pytest.mark.slow
def test_workers_share_cores(tmp_path, monkeypatch):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    monkeypatch.delenv("OMP_NUM_THREADS")
    words = [*WORDS, "seed=0,1", "hydra.launcher.n_jobs=2", "device=cpu"]
    ran = run_interpreter("train.py", *words, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.startswith("no job will be evaluated")
    assert len(ran.stderr.splitlines()) == 1
    summaries = list((tmp_path / "outputs/sweeps/mine").glob("*/summary.json"))
    threads = [json.loads(path.read_text())["threads"] for path in summaries]
    assert threads == [thread_share(2)] * 2


@pytest.mark.slow
@pytest.mark.parametrize(("device", "used"), [("auto", {0, 1}), ("cpu", set())])
def test_workers_use_different_gpus(tmp_path, device, used):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    script = tmp_path / "two_gpus.py"
    script.write_text(
        "import runpy\n"
        "from gan_zoo import devices\n"
        "devices.visible_gpus = lambda: ['5', '6']\n"
        f"runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
    )
    words = [*WORDS, "seed=0,1,2", "hydra.launcher.n_jobs=2", f"device={device}"]
    ran = run_interpreter(script, *words, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    locks = (tmp_path / "outputs/sweeps/mine").glob(".gpu-*")
    assert {path.name for path in locks} == {f".gpu-{number}-0" for number in used}


@pytest.mark.parametrize(
    ("devices", "expected"), [(1, ["0", "1", "2"]), (2, ["0,1"]), (3, ["0,1,2"]), (4, [])]
)
def test_jobs_on_several_devices_get_groups_of_gpus(composed, monkeypatch, devices, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    experiments = [load_experiment(composed("batch_size=12", f"devices={devices}"))]
    assert workers.shared_gpus(experiments, devices) == expected
