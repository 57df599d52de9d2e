"""A sweep ends with its report, a list of what is missing and its exit code, however it ends."""

import signal
from pathlib import Path

import pytest

from forked_scripts import ScriptProcess, run_script, wait_until
from gan_zoo.run_folder import newest_step, write_failure

ROOT = Path(__file__).parents[2]
WORDS = ["-m", "seed=0,1", "dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu"]
WORDS += ["compile=false", "evaluate_every=0", "sample_every=0", "sweep=mine"]
LAUNCHER = """
import runpy
from concurrent.futures import BrokenExecutor
from hydra.core.plugins import Plugins
instantiate = Plugins.instantiate_launcher
def instantiate_broken(*args, **kwargs):
    launcher = instantiate(*args, **kwargs)
    launch = launcher.launch
    def broken(overrides, initial_job_idx):
        launch(overrides[:{jobs}], initial_job_idx)
        raise {error}
    launcher.launch = broken
    return launcher
Plugins.instantiate_launcher = instantiate_broken
runpy.run_path({train!r}, run_name="__main__")
"""


@pytest.fixture
def ended(tmp_path):
    """A function that runs a sweep whose launcher raises an error after so many jobs."""

    def run(jobs, error, *words):
        script = tmp_path / "broken.py"
        text = LAUNCHER.format(jobs=jobs, error=error, train=str(ROOT / "train.py"))
        script.write_text(text)
        return run_script(script, *WORDS, "steps=2", *words, cwd=tmp_path)

    return run


def test_error_of_a_launcher_is_reported(ended, tmp_path):
    ran = ended(1, "RuntimeError('a bug')")
    assert ran.returncode == 3
    place = "outputs/sweeps/mine"
    assert ran.stderr.splitlines()[-2:] == [
        "1 of 2 jobs not done: the launcher failed: RuntimeError: a bug; details in "
        f"{place}/error.txt; the same command with sweep=mine runs them",
        "  seed=1: not started",
    ]
    assert "Traceback" not in ran.stdout + ran.stderr
    assert ", in broken\n" in (tmp_path / place / "error.txt").read_text()
    assert ran.stdout.endswith(f"report: {place}/report/report.html\n")


def test_lost_job_of_a_cluster_is_named_without_its_log(ended):
    error = "__import__('submitit').core.utils.UncompletedJobError('Job 8_0 (task: 0) with path "
    error += "/a b/8_0_result.pkl\\nhas not produced any output (state: CANCELLED by 0)\\n"
    error += "No error stream produced. Look at stdout: /a b/8_0_log.out\\nthe log')"
    pytest.importorskip("submitit")
    line = ended(1, error).stderr.splitlines()[-2]
    told = "the launcher failed: job 8_0 ended without a result (state: CANCELLED by"
    assert f"1 of 2 jobs not done: {told} 0); details in " in line
    assert "the log" not in line


def test_error_of_a_launcher_after_all_jobs_is_shown(ended, tmp_path):
    ran = ended(2, "RuntimeError('a bug')")
    assert ran.returncode == 0
    expected = "all jobs are done, but the launcher failed: RuntimeError: a bug; details in "
    assert ran.stderr.splitlines()[-1] == f"{expected}outputs/sweeps/mine/error.txt"
    assert (tmp_path / "outputs/sweeps/mine/error.txt").is_file()


def test_failing_report_hides_no_missing_jobs(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text(
        "import runpy, sys\n"
        "sys.modules['gan_zoo.launch.sweep_table'] = None\n"
        f"runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
    )
    words = [*WORDS, "steps=2"]
    assert run_script("train.py", *words, "seed=0", cwd=tmp_path).returncode == 0
    write_failure(tmp_path / "outputs/sweeps/mine/seed=1", "a reason")
    ran = run_script(script, *words, cwd=tmp_path)
    assert ran.returncode == 3
    report, *jobs = ran.stderr.splitlines()[-3:]
    place = "outputs/sweeps/mine"
    assert report.startswith("error: no report: ModuleNotFoundError: ")
    assert f"; details in {place}/report/error.txt; try again: python " in report
    assert jobs == [
        "1 of 2 jobs failed; the same command with sweep=mine retry_failed=true tries them again",
        "  seed=1: a reason",
    ]


def test_jobs_of_killed_processes_run_again(ended, tmp_path):
    assert ended(2, "BrokenExecutor").returncode == 0  # all jobs are done
    (tmp_path / "outputs/sweeps/mine/seed=0/summary.json").unlink()  # as if it had been killed
    ran = ended(0, "BrokenExecutor")
    assert ran.returncode == 3
    assert ran.stderr.splitlines()[-2:] == [
        "1 of 2 jobs not done: a process of the sweep was killed; "
        "the same command with sweep=mine runs them",
        "  seed=0: the process was killed",
    ]
    assert run_script("train.py", "sweep=resume", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("error", "code"), [("KeyboardInterrupt", 130), ("SystemExit(143)", 143), ("SystemExit(9)", 3)]
)
def test_launcher_that_a_signal_ends(ended, error, code):
    ran = ended(1, error)
    assert ran.returncode == code
    assert ran.stdout.endswith("report/report.html\n")
    if code > 3:
        name = signal.Signals(code - 128).name
        expected = f"error: stopped by {name}; 1 of 2 jobs done; the same command with sweep=mine"
        assert ran.stderr.splitlines()[-1] == f"{expected} runs the remaining jobs"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_sweep_is_reported(tmp_path, number):
    words = [*WORDS, "steps=10000000", "checkpoint_every=100"]
    process = ScriptProcess("train.py", *words, cwd=tmp_path)
    sweep = tmp_path / "outputs/sweeps/mine"
    wait_until(lambda: newest_step(sweep / "seed=0"))
    process.send_signal(number)
    out, error = process.communicate()
    assert process.returncode == 128 + number
    assert error.splitlines()[-1].startswith(f"error: stopped by {number.name}; 0 of 2 jobs done")
    assert "report: " in out
    assert not (sweep / "seed=1").exists()
