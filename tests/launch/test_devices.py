"""One run on several devices: ends as one run, or in one line; leaves no process behind."""

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import torch

import gan_zoo
from forked_scripts import ScriptProcess, kill_group, run_script, start_interpreter, wait_until
from gan_zoo.build_trainer import build_trainer, load_samples
from gan_zoo.compatibility import check_compatibility, device_of_ranks
from gan_zoo.experiment import load_experiment
from gan_zoo.launch import rank_processes
from gan_zoo.launch.rank_files import RankFiles
from gan_zoo.launch.rank_logging import configure_logging, describe_logging
from gan_zoo.ranks import Ranks
from gan_zoo.run_folder import newest_step, read_failure
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Interrupted, Stopped

SMALL = ["dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu", "devices=2"]
SMALL += ["compile=false", "evaluate_every=0", "sample_every=0", "log_every=10"]
BRIEF = [*SMALL, "steps=20", "hydra.run.dir=run"]
ENDLESS = [*SMALL, "steps=10000000", "checkpoint_every=50", "hydra.run.dir=run"]
LIMIT = 120  # seconds after which a test fails: something hangs


def rank_pids(folder: Path) -> dict[int, int]:
    """The processes of a run's ranks: their numbers by rank."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            variables = (path / "environ").read_bytes().split(b"\0")
            cwd = (path / "cwd").resolve()
        except OSError:
            continue
        if b"gan_zoo.launch.rank" in words and (cwd / words[3].decode()).resolve() == folder:
            rank = next(each for each in variables if each.startswith(b"RANK="))
            found[int(rank[5:])] = int(path.name)
    return found


@pytest.fixture
def begun(tmp_path):
    """A run on two devices that has saved; its ranks are killed after the test."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("finds processes in /proc")
    process, folder = ScriptProcess("train.py", *ENDLESS, cwd=tmp_path), tmp_path / "run"
    wait_until(lambda: newest_step(folder) or process.poll() is not None, LIMIT)
    yield process, folder
    for pid in [process.pid, *rank_pids(folder).values()]:
        if process.poll() is None or pid != process.pid:
            os.kill(pid, signal.SIGKILL)


def check_saved(process, folder, code, message):
    """Check that a run ended in one line, with its last step saved, and nothing left behind."""
    out, error = process.communicate(LIMIT)
    assert process.returncode == code, error
    (line,) = error.splitlines()
    assert line.startswith(f"error: {message}")
    assert line.endswith(f"continues from step {newest_step(folder)}")
    assert "Traceback" not in out
    assert not rank_pids(folder)
    assert not (folder / ".ranks").exists()
    assert not list(folder.rglob("*.partial"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["devices=3"], "devices=3: must divide batch_size=8"),
        (["devices=0"], "devices=0: must be at least 1"),
        (["devices=2", "device=cuda:1"], "device=cuda:1: with devices=2, must be one of auto, cpu"),
        (["devices=2", "device=mps"], "device=mps: with devices=2, must be one of auto, cpu, cuda"),
        (
            ["devices=2", "device=cpu", "architecture.critic.norm=batch", "regularizer=none"],
            "devices=2: the critic has",
        ),
    ],
)
def test_impossible_devices_are_refused(composed, words, message):
    with pytest.raises(ConfigError) as caught:
        check_compatibility(load_experiment(composed("dataset=ring", "batch_size=8", *words)))
    assert str(caught.value).startswith(message)


def test_batch_norm_on_data_of_unknown_shape_is_refused(composed):
    experiment = load_experiment(composed("device=cpu", "architecture=dcgan", "dataset.count=64"))
    samples = load_samples(experiment)
    with pytest.raises(ConfigError, match="devices=2: the generator has batch norm"):
        build_trainer(experiment, samples, Ranks(0, 2))


def test_more_devices_than_there_are_is_one_line(composed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    settings = load_experiment(composed("batch_size=8", "devices=4", "device=auto")).settings
    with pytest.raises(ConfigError, match="devices=4: must be at most 3, the number of CUDA dev"):
        device_of_ranks(settings)


@pytest.mark.parametrize(("cores", "most"), [(6, 6), (1, 2)])
def test_more_devices_than_cores_is_one_line(composed, monkeypatch, cores, most):
    monkeypatch.setattr("gan_zoo.compatibility.available_cores", lambda: cores)
    words = ["batch_size=64", "device=cpu"]
    with pytest.raises(ConfigError, match=f"devices=64: must be at most {most}: on a CPU each is"):
        device_of_ranks(load_experiment(composed(*words, "devices=64")).settings)
    assert device_of_ranks(load_experiment(composed(*words, "devices=2")).settings) == "cpu"


def test_refused_devices_leave_no_folder(tmp_path):
    ended = run_script("train.py", *BRIEF, "devices=3", cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert not list(tmp_path.iterdir())


def test_two_ranks_make_one_run(tmp_path):
    ended = run_script("train.py", *BRIEF, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    folder = tmp_path / "run"
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["steps"], summary["health"], summary["threads"]) == (20, "healthy", 1)
    assert (folder / "train.log").read_text() == ended.stdout
    assert ended.stdout.count("\nloss ") == ended.stdout.count("\ndone: ") == 1
    names = {path.name for path in folder.iterdir() if "tfevents" not in path.name}
    expected = {".hydra", ".lock", "checkpoints", "metrics.jsonl", "samples"}
    assert names - {"changes.patch"} == expected | {"summary.json", "train.log"}
    again = run_script("train.py", *BRIEF, "resume=auto", cwd=tmp_path)
    assert again.stdout.startswith("finished at step 20 already")


def test_killed_rank_ends_the_run(begun):
    process, folder = begun
    os.kill(rank_pids(folder)[1], signal.SIGKILL)
    check_saved(process, folder, 3, "rank 1, one of the run's 2 processes, was killed by SIGKILL; ")


def test_sigterm_saves(begun):
    process, folder = begun
    before = newest_step(folder)
    process.send_signal(signal.SIGTERM)
    check_saved(process, folder, 143, "stopped by SIGTERM; ")
    assert newest_step(folder) > before


@pytest.mark.parametrize(
    ("error", "type_"),
    [
        (ConfigError("steps", "0", "must be at least 1"), ConfigError),
        (Stopped("no room left"), Stopped),
        (Interrupted(signal.SIGINT), Interrupted),
        (FileNotFoundError(2, "No such file or directory", "x"), FileNotFoundError),
        (MemoryError(), MemoryError),
        (KeyError("x"), KeyError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_exceptions_pass_from_rank_to_run(tmp_path, error, type_):
    files = RankFiles(tmp_path)
    error.add_note("while testing")
    files.begin({})
    files.write_error(0, error)
    found = files.errors()[0]
    assert (type(found), str(found), vars(found)) == (type_, str(error), vars(error))


def test_error_of_torch_keeps_name_and_traceback(tmp_path):
    files = RankFiles(tmp_path)
    files.begin({})
    try:
        raise torch.OutOfMemoryError("no room")
    except RuntimeError as error:
        files.write_error(1, error)
    found = files.errors()[1]
    assert (type(found), str(found)) == (RuntimeError, "OutOfMemoryError: no room")
    assert 'raise torch.OutOfMemoryError("no room")' in str(found.__cause__)


def test_run_names_its_signal_when_another_rank_has_read_it_first(tmp_path, monkeypatch):
    class Agent:
        def __init__(self, folder, count):
            self.files, self.failures, self.error = RankFiles(folder), {}, None
            self.ended = threading.Event()

        def start(self):
            self.files.write_error(0, Interrupted(signal.SIGTERM))  # of a rank that knows no signal
            self.ended.set()

    monkeypatch.setattr(rank_processes, "_Agent", Agent)
    request = {"pid": os.getpid(), "host": "here", "count": 2}
    with rank_processes.RankProcesses(RankFiles(tmp_path), request) as ranks:
        ranks.ask(signal.SIGINT)
        with pytest.raises(Interrupted, match="stopped by SIGINT") as caught:
            ranks.result()
    assert caught.value.signal_number == signal.SIGINT


def test_rank_logs_as_its_run(tmp_path, monkeypatch):
    root = logging.RootLogger(logging.INFO)
    monkeypatch.setattr(logging, "getLogger", lambda: root)
    file = logging.FileHandler(tmp_path / "train.log")
    file.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root.addHandler(file)
    root.addHandler(logging.StreamHandler(sys.stdout))
    root.addHandler(logging.StreamHandler(open(os.devnull, "w")))  # noqa: SIM115, PTH123
    description = json.loads(json.dumps(describe_logging()))
    root.handlers = []
    configure_logging(description)
    assert [type(each) for each in root.handlers] == [logging.FileHandler, logging.StreamHandler]
    root.warning("hello")
    root.handlers[0].close()
    assert (tmp_path / "train.log").read_text() == "WARNING hello\n"


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_saves(tmp_path):
    process, folder = start_interpreter("train.py", *ENDLESS, cwd=tmp_path), tmp_path / "run"
    wait_until(lambda: newest_step(folder), LIMIT)
    os.killpg(process.pid, signal.SIGINT)
    check_saved(process, folder, 130, "stopped by SIGINT; ")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -15), (signal.SIGINT, 130)])
def test_second_signal_acts_at_once(begun, number, code):
    process, folder = begun
    ranks = rank_pids(folder)
    os.kill(ranks[1], signal.SIGSTOP)  # so that no rank can end
    process.send_signal(number)
    wait_until(lambda: list(folder.glob(".ranks/.stop*")))
    process.send_signal(number)
    process.communicate(LIMIT)
    assert process.returncode == code
    os.kill(ranks[1], signal.SIGCONT)
    wait_until(lambda: not rank_pids(folder))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_to_one_rank_saves(begun, number):
    process, folder = begun
    os.kill(rank_pids(folder)[1], number)
    check_saved(process, folder, 143, "stopped by SIGTERM; ")


@pytest.mark.slow
def test_killed_run_saves_and_resumes_on_one_device(begun):
    process, folder = begun
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not rank_pids(folder))
    step = newest_step(folder)
    assert not (folder / ".ranks").exists()
    words = [f"resume={folder}", "devices=1", f"steps={step + 5}"]
    ended = run_script("train.py", *words, cwd=folder.parent)
    assert ended.returncode == 0, ended.stderr
    assert f"resuming from step {step}: " in ended.stdout


@pytest.mark.slow
def test_no_rank_outlives_rank_0_and_the_run(begun):
    process, folder = begun
    os.kill(process.pid, signal.SIGKILL)
    os.kill(rank_pids(folder)[0], signal.SIGKILL)
    wait_until(lambda: not rank_pids(folder))


@pytest.mark.slow
def test_divergence_is_one_line(tmp_path):
    words = ["loss=ls_gan", "optimizer=rmsprop", "optimizer.lr=1e9"]
    ended = run_script("train.py", *BRIEF, *words, cwd=tmp_path)
    assert ended.returncode == 3
    assert ended.stderr.startswith("error: diverged at step 10 (")
    assert ended.stderr.count("\n") == 1
    assert "diverged" in json.loads((tmp_path / "run/summary.json").read_text())["health"]


FAULT = """
import sys
if "gan_zoo.launch.rank" in sys.orig_argv:
    from gan_zoo.evaluation.evaluator import Evaluator
    def fail(*_):
        raise RuntimeError("a fault")
    Evaluator.evaluate = fail
"""


@pytest.fixture
def faulty_evaluation(tmp_path, monkeypatch):
    """Make evaluations of processes that tests start fail."""
    folder = tmp_path / "fault"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FAULT)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}")


@pytest.mark.slow
def test_failed_evaluation_is_one_line(tmp_path, faulty_evaluation):
    ended = run_script("train.py", *BRIEF, "evaluate_every=10", cwd=tmp_path)
    assert ended.returncode == 3
    (line,) = ended.stderr.splitlines()
    message = (
        "error: RuntimeError: a fault; in the evaluation at step 10; evaluate_every=0 disables"
    )
    assert line.startswith(message)
    assert line.endswith("continues from step 10")
    assert 'raise RuntimeError("a fault")' in (tmp_path / "run/error.txt").read_text()
    again = run_script("train.py", *BRIEF, "evaluate_every=10", "resume=auto", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (3, ended.stderr)


@pytest.mark.slow
def test_job_of_a_sweep_keeps_its_failure(tmp_path, faulty_evaluation):
    words = [*(word for word in SMALL if word != "evaluate_every=0"), "steps=20"]
    words += ["evaluate_every=0,10", "sweep=mine"]
    ended = run_script("train.py", "-m", *words, cwd=tmp_path)
    assert ended.returncode == 3
    assert "1 of 2 jobs failed" in ended.stderr
    assert "Traceback" not in ended.stderr
    done, failed = (tmp_path / f"outputs/sweeps/mine/evaluate_every={n}" for n in (0, 10))
    assert json.loads((done / "summary.json").read_text())["steps"] == 20
    assert read_failure(failed).startswith("RuntimeError: a fault; in the evaluation at step 10")


@pytest.mark.slow
def test_sweep_by_joblib_trains_on_devices(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1", "sweep=mine"]
    process = start_interpreter("train.py", *SMALL, "steps=20", *words, cwd=tmp_path)
    try:
        _, error = process.communicate(timeout=LIMIT)
    finally:
        kill_group(process)
    assert process.returncode == 0, error
    for seed in (0, 1):
        folder = tmp_path / f"outputs/sweeps/mine/seed={seed}"
        assert json.loads((folder / "summary.json").read_text())["steps"] == 20
        assert "\ndone: " in (folder / "train.log").read_text()
        assert not (folder / ".ranks").exists()


@pytest.mark.slow
def test_stopped_sweep_by_joblib_saves(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1", "sweep=mine"]
    process = start_interpreter("train.py", *ENDLESS[:-1], *words, cwd=tmp_path)
    folders = [tmp_path / f"outputs/sweeps/mine/seed={seed}" for seed in (0, 1)]
    try:
        wait_until(lambda: all(map(newest_step, folders)), LIMIT)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=LIMIT)
    finally:
        kill_group(process)
    assert process.returncode == 130
    assert "Traceback" not in error
    for folder in folders:
        assert "stopped by SIGINT" in (folder / "train.log").read_text()
        assert not rank_pids(folder)


@pytest.mark.slow
@pytest.mark.parametrize("in_thread", [False, True], ids=["main thread", "another thread"])
def test_run_from_python(tmp_path, monkeypatch, capfd, in_thread):
    monkeypatch.chdir(tmp_path)
    found = []
    begin = lambda: found.append(gan_zoo.train(*BRIEF[:-1], folder="run"))  # noqa: E731
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    if in_thread:
        thread = threading.Thread(target=begin, daemon=True)
        thread.start()
        thread.join(LIMIT)
    else:
        begin()
    assert found[0].summary["steps"] == 20
    assert capfd.readouterr().err == ""
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.slow
def test_error_of_a_rank_is_raised_in_python(tmp_path, faulty_evaluation):
    with pytest.raises(RuntimeError, match="a fault") as caught:
        gan_zoo.train(*BRIEF[:-1], "evaluate_every=10", folder=tmp_path / "run")
    assert caught.value.__notes__ == ["in the evaluation at step 10; evaluate_every=0 disables it"]
