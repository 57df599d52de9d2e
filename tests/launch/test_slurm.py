"""Sweeps by submitit: on this machine, and on a SLURM that is played by a stand-in."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import slurm_stand_in
from forked_scripts import kill_group, run_script, start_interpreter, wait_until
from gan_zoo.launch.launchers import check_launcher
from gan_zoo.launch.resume import resolve_sweep
from gan_zoo.launch.sweep_stop import StopWatch, SweepStop
from gan_zoo.run_folder import newest_step
from gan_zoo.schema import ConfigError

ROOT = Path(__file__).parents[2]
SMALL = ["seed=0,1", "dataset=ring", "dataset.count=300", "batch_size=8", "compile=false"]
SMALL += ["device=cpu", "sample_every=0", "evaluate_every=0", "log_every=50", "steps=1000"]
SMALL += ["sweep=mine"]
SLURM = ["hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1"]


@pytest.fixture
def start(tmp_path):
    """Start a sweep in a process group of its own."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    started = []

    def start_sweep(*words, **environment):
        words = ["-m", *SMALL, *words]
        started.append(start_interpreter("train.py", *words, cwd=tmp_path, **environment))
        return started[-1]

    yield start_sweep
    for process in started:
        kill_group(process)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "outputs/sweeps/mine"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What the jobs of the same sweep log without a launcher."""
    other = tmp_path_factory.mktemp("undisturbed")
    ran = run_script("train.py", "-m", *SMALL, cwd=other)
    assert ran.returncode == 0, ran.stderr
    return content(other / "outputs/sweeps/mine")


@pytest.fixture
def slurm(tmp_path):
    return slurm_stand_in.StandIn(tmp_path / "slurm")


def content(sweep):
    """What the jobs of a sweep logged, without timings."""
    found = {}
    for path in sorted(sweep.glob("*/metrics.jsonl")):
        lines = map(json.loads, path.read_text().splitlines())
        found[path.parent.name] = [
            {key: value for key, value in line.items() if not key.startswith("perf/")}
            for line in lines
        ]
    return found


def has_logged(run):
    """Whether a run has logged its first steps."""
    path = run / "metrics.jsonl"
    return lambda: path.exists() and path.read_text()


def child_of(process):
    """The only process that a process has started."""
    (number,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(number)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_job_by_submitit_resumes_at_its_step(start, folder, undisturbed):
    process = start("hydra/launcher=slurm_local")
    wait_until(has_logged(folder / "seed=1"))
    controller = next(path.parent.name for path in folder.glob(".submitit/*/*_log.out"))
    os.kill(child_of(controller), signal.SIGUSR2)  # as a timeout does
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert "report: " in out
    logs = [path.read_text() for path in folder.glob("*/train.log")]
    assert sorted(log.count("resuming from step") for log in logs) == [0, 1]
    assert content(folder) == undisturbed


@pytest.mark.slow
def test_preempted_job_array_resumes_at_its_step(start, folder, slurm, undisturbed):
    words = ["hydra.launcher.partition=fast", "hydra.launcher.array_parallelism=1"]
    process = start(*SLURM, *words, **slurm.environment)
    wait_until(has_logged(folder / "seed=0"))
    for number in (signal.SIGTERM, signal.SIGCONT, signal.SIGUSR2):  # as SLURM preempts
        os.kill(slurm.pid(0), number)
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert "report: " in out
    assert "resuming from step" in (folder / "seed=0/train.log").read_text()
    assert content(folder) == undisturbed

    script = slurm.script()
    expected = {"partition": "fast", "array": "0-1%1", "signal": "USR2@120", "time": "240"}
    expected |= {"cpus-per-task": "1", "mem": "8GB", "open-mode": "append"}
    found = slurm_stand_in.options(script)
    assert {key: found[key] for key in expected} == expected
    assert "\nexport SRUN_CPUS_PER_TASK=$OMP_NUM_THREADS\n" in script


@pytest.mark.slow
def test_interrupted_cluster_sweep_waits_for_no_queue(start, folder, slurm, undisturbed):
    process = start(*SLURM, **slurm.environment)
    wait_until(has_logged(folder / "seed=0"))
    process.send_signal(signal.SIGINT)
    out, error = process.communicate()
    assert process.returncode == 130, error
    assert "Traceback" not in out + error
    assert error.splitlines()[-1].startswith("error: stopped by SIGINT; 0 of 2 jobs done")
    assert 0 < newest_step(folder / "seed=0") < 1000
    wait_until(lambda: slurm.states() == ["COMPLETED", "COMPLETED"])
    assert not (folder / "seed=1/metrics.jsonl").exists()  # ended when its turn came
    ran = run_script("train.py", "sweep=mine", "hydra/launcher=basic", cwd=folder.parents[2])
    assert ran.returncode == 0, ran.stderr
    assert content(folder) == undisturbed


@pytest.mark.slow
def test_job_array_outlives_its_sweep(start, folder, slurm, undisturbed):
    process = start(*SLURM, **slurm.environment)
    wait_until(has_logged(folder / "seed=0"))
    process.kill()
    process.communicate()
    wait_until(lambda: slurm.states() == ["COMPLETED", "COMPLETED"])
    assert content(folder) == undisturbed
    again = run_script("train.py", "sweep=mine", "hydra/launcher=basic", cwd=folder.parents[2])
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("2 jobs: 2 done already, 0 to run")


def test_jobs_of_a_cluster_are_no_orphans(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert StopWatch(SweepStop(tmp_path, ended.pid))() == signal.SIGTERM
    assert StopWatch(SweepStop(tmp_path, ended.pid, outlived=True))() == 0


def launcher_config(name):
    launcher = OmegaConf.load(ROOT / f"configs/hydra/launcher/{name}.yaml")
    choices = {"choices": {"hydra/launcher": name}}
    return OmegaConf.create({"hydra": {"launcher": launcher, "runtime": choices}})


@pytest.mark.parametrize("name", ["slurm", "slurm_local"])
def test_missing_package_is_named(name):
    config = launcher_config(name)
    config.hydra.launcher._target_ = "hydra_plugins.missing.SlurmLauncher"
    with pytest.raises(ConfigError) as raised:
        check_launcher(config)
    expected = f'hydra/launcher={name}: is not installed; type pip install "gan-zoo[slurm]"'
    assert str(raised.value) == expected


def test_machine_without_slurm_is_refused(monkeypatch, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    monkeypatch.setenv("PATH", str(tmp_path))
    check_launcher(launcher_config("slurm_local"))
    with pytest.raises(ConfigError, match="hydra/launcher=slurm: needs SLURM"):
        check_launcher(launcher_config("slurm"))


def test_sweep_can_change_its_launcher(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hydra = ["hydra/launcher=slurm", "hydra.launcher.partition=fast"]
    content = {"hydra": {"overrides": {"task": ["seed=0,1"], "hydra": hydra}}}
    saved = tmp_path / "outputs/sweeps/mine/multirun.yaml"
    saved.parent.mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(content), saved)
    assert resolve_sweep(["sweep=mine"]) == ["-m", *hydra, "seed=0,1", "sweep=mine"]
    given = ["sweep=mine", "hydra/launcher=basic"]
    assert resolve_sweep(given) == ["-m", "seed=0,1", *given]
