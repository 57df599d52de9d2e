"""Sweeps survive failing jobs: the others run, failures are listed and can be retried."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra import compose

from forked_scripts import run_interpreter, run_script
from gan_zoo import launch
from gan_zoo.launch.hydra_config import writable
from gan_zoo.launch.job_folders import check_job_folders, check_run_folder
from gan_zoo.launch.resume import resolve_sweep
from gan_zoo.report.read_runs import read_runs
from gan_zoo.schema import ConfigError

ROOT = Path(__file__).parents[2]
SMALL = ["batch_size=8", "steps=2", "log_every=1", "device=cpu", "dataset=npz", "sweep=mine"]
SMALL += ["evaluate_every=0"]


def sweep(cwd, *words):
    """Run a sweep, by default over two files and two seeds, in the folder it is called from."""
    swept = [] if "dataset.root" in " ".join(words) else ["dataset.root=a.npz,b.npz", "seed=0,1"]
    run = run_interpreter if "hydra/launcher=joblib" in words else run_script
    return run("train.py", "-m", *swept, *SMALL, *words, cwd=cwd)


@pytest.fixture
def files(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 8, 8), np.uint8))
    np.savez(tmp_path / "b.npz", x=np.zeros((20, 8, 8), np.uint8), y=np.full(20, -1))
    return tmp_path


COUNTED = """
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from gan_zoo.launch.main import main
compose = ConfigLoaderImpl.load_sweep_config
def counted(*given, **named):
    print("composed")
    return compose(*given, **named)
ConfigLoaderImpl.load_sweep_config = counted
main()
"""


def test_hydra_composes_a_job_only_to_train_it(files):
    words = ["-m", "dataset.root=a.npz", "seed=0,1,2", *SMALL]
    command = [sys.executable, "-c", COUNTED, *words]
    called = subprocess.run(command, cwd=files, capture_output=True, text=True)
    assert called.returncode == 0, called.stderr
    assert called.stdout.count("composed\n") == 3


def content(folder):
    """All that a run has written, but for the log of its starts."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "train.log"}


def test_jobs_are_named_by_a_swept_part(tmp_path):
    words = [
        "-m",
        "dataset=ring",
        "regularizer=r1_r2",
        "regularizer@regularizer.parts.r1=r1,dragan",
    ]
    small = [word for word in SMALL if word != "dataset=npz"]
    assert run_script("train.py", *words, *small, cwd=tmp_path).returncode == 0
    found = sorted(each.parent.name for each in tmp_path.rglob("summary.json"))
    assert found == [
        f"regularizer=r1_r2,regularizer@regularizer.parts.r1={part}" for part in ("dragan", "r1")
    ]


def test_pattern_sweeps_over_matching_losses(tmp_path):
    words = ["loss=glob([ls_gan,glsgan*],exclude=*pointwise)", "dataset=ring", "dataset.count=300"]
    words += ["steps=1", "batch_size=8", "evaluate_every=0", "sweep=mine"]
    called = run_script("train.py", "-m", *words, cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    runs = (tmp_path / "outputs/sweeps/mine").glob("*/summary.json")
    assert {path.parent.name for path in runs} == {"loss=glsgan", "loss=glsgan_elu", "loss=ls_gan"}


@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.slow)])
def test_failed_jobs_are_listed_and_retried(files, launcher):
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = [f"hydra/launcher={launcher}"]
    first = sweep(files, *words)
    assert first.returncode == 3, first.stderr
    assert "Traceback" not in first.stderr
    lines = first.stderr.strip().splitlines()
    assert "2 of 4 jobs failed; the same command with sweep=mine retry_failed=true" in lines[-3]
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
    retried = sweep(files, *words, "retry_failed=true")
    assert retried.returncode == 0, retried.stderr
    assert len(list(folder.rglob("summary.json"))) == 4
    assert not list(folder.rglob("failure.txt"))
    assert [content(run) for run in good] == before


def test_failed_job_that_is_resumed_alone_is_done(files):
    words = ["dataset.root=a.npz,b.npz", "seed=0"]
    assert sweep(files, *words).returncode == 3
    np.savez(files / "b.npz", x=np.zeros((20, 8, 8), np.uint8))
    folder = Path("outputs/sweeps/mine/dataset.root=b.npz")
    ran = run_script("train.py", f"resume={folder}", cwd=files)
    assert ran.returncode == 0, ran.stderr
    assert read_runs([files / folder])[0][0].failed == ""
    again = sweep(files, *words)
    assert again.stdout.startswith("2 jobs: 2 done already, 0 to run")
    assert again.returncode == 0, again.stderr


def test_jobs_keep_numbers_on_resume(files):
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


def test_paths_name_folders_inside_the_sweep(tmp_path):
    odd = "b (1),ü='x'.npz"
    for name in ("a.npz", odd):
        np.savez(tmp_path / name, x=np.zeros((20, 8, 8), np.uint8))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    quoted = odd.replace("'", "\\'")
    words = ["dataset.root=../../a.npz,'../../" + quoted + "'", "sweep=my sweep (1)"]
    for jobs, message in ((2, "2 jobs\n"), (0, "2 jobs: 2 done already, 0 to run\n")):
        called = sweep(tmp_path / "deep" / "er", *words)
        assert called.returncode == 0, called.stderr
        assert called.stdout.startswith(message)
        assert called.stdout.count("\njob ") == jobs
    place = tmp_path / "deep" / "er" / "outputs" / "sweeps" / "my sweep (1)"
    runs = sorted(path.parent.relative_to(place) for path in place.rglob("summary.json"))
    assert [len(run.parts) for run in runs] == [1, 1]
    assert [str(run).rpartition("-")[0] for run in runs] == [
        "dataset.root='b (1),ü=\\'x\\'.npz'",
        "dataset.root=a.npz",
    ]


def test_printed_remedy_works(files):
    refused = sweep(files, "dataset.root=a.npz", "seed=0,1", "hydra.sweep.subdir=x")
    (remedy,) = shlex.split(refused.stderr.partition("; type ")[2])
    called = sweep(files, "dataset.root=a.npz", "seed=0,1", remedy)
    assert called.returncode == 0, called.stderr
    assert {path.parts[-2] for path in files.rglob("summary.json")} == {"0", "1"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep=../../x"], "sweep=../../x: must be a name, not a path"),
        (["sweep=.."], "sweep=..: must be a name, not a path"),
        (["sweep="], "must be a name, not a path"),
        (["dataset.root=a.npz,../../../../../a.npz"], "root=../../../../../a.npz: does not exist"),
        (["hydra.sweep.subdir=../x"], "hydra.sweep.subdir=../x: leads out of the sweep's folder"),
        (["hydra.sweep.subdir=/x"], "hydra.sweep.subdir=/x: leads out of the sweep's folder"),
        (["hydra.sweep.subdir=x"], "=x: is the folder of 4 jobs; type 'hydra.sweep.subdir=${"),
        (["seed=1,0,1"], "seed=1: is listed 2 times, which would train the same run again"),
        (["seed=1,0,1.0"], "seed=1: is listed 2 times, which would train the same run again"),
        (["~loss.form"], "~loss.form: a sweep cannot delete settings"),
        (["hydra.sweep.subdir=" + "a" * 300], "type 'hydra.sweep.subdir=${hydra.job.num}'"),
        (["sweep=" + "a" * 300], "give the sweep a shorter name"),
        (["+dataset.file=" + "a" * 300 + ",b"], "dataset.file"),
        (
            ["loss._target_=os.system,os.remove"],
            "loss._target_=os.system: must begin with gan_zoo.",
        ),
    ],
)
def test_job_folder_outside_sweep_is_refused(files, words, message):
    (files / "a").mkdir()
    called = sweep(files, *words)
    assert called.returncode == 2
    assert message in called.stderr
    assert len(called.stderr.strip().splitlines()) == 1
    assert not (files / "outputs").exists()


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A function that makes a sweep's folder, as one started with some words has it."""
    monkeypatch.chdir(tmp_path)

    def make(name, *words, hydra=(), content=None):
        folder = Path("outputs/sweeps") / name
        folder.mkdir(parents=True)
        overrides = {"task": [*words, f"sweep={name}"], "hydra": list(hydra)}
        stored = yaml.safe_dump({"hydra": {"overrides": overrides}})
        (folder / "multirun.yaml").write_text(stored if content is None else content)
        return folder

    return make


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-m", "sweep=resume"], ["loss=gan,wgan", "steps=9", "sweep=b"]),
        (["sweep=resume"], ["loss=gan,wgan", "steps=9", "sweep=b"]),
        (["sweep=LATEST"], ["loss=gan,wgan", "steps=9", "sweep=b"]),
        (["hydra.mode=MULTIRUN", "sweep=resume"], ["loss=gan,wgan", "steps=9", "sweep=b"]),
        (["sweep=a"], ["seed=0,1", "sweep=a"]),
        (
            ["sweep=b", "retry_failed=true"],
            ["loss=gan,wgan", "steps=9", "sweep=b", "retry_failed=true"],
        ),
        (["-m", "steps=20", "sweep=b"], ["loss=gan,wgan", "steps=20", "sweep=b"]),
        (["-m", "loss=gan,hinge", "sweep=resume"], ["loss=gan,hinge", "sweep=b"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_named_sweep_brings_saved_words(begun, words, expected):
    os.utime(begun("b", "loss=gan,wgan", "steps=9", "retry_failed=true"))
    os.utime(begun("a", "seed=0,1"), (1, 1))
    assert resolve_sweep(words) == ["-m", *expected]


@pytest.mark.parametrize(
    "words",
    [
        ["loss=wgan"],
        ["-m", "loss=gan,wgan"],
        ["-m", "loss=gan,wgan", "sweep=new"],
        ["-m", "loss=wgan", "sweep=new"],
        ["loss=gan,wgan", "sweep=new"],
        ["-m", "loss=gan,wgan", "sweep=a"],
        ["sweep=a", "resume=outputs/runs/x"],
        ["-m", "sweep=../sweeps/a"],
        ["-m", "sweep="],
        ["-m", "sweep=a", "hydra.sweep.dir=elsewhere"],
    ],
    ids=" ".join,
)
def test_other_words_are_unchanged(begun, words):
    begun("a", "seed=0,1")
    assert resolve_sweep(words) == words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-m", "loss=gan", "sweep=a"], "loss=gan: sweep a is over loss=gan,wgan: give all words"),
        (["-m", "sweep=damaged"], "multirun.yaml cannot be read; give the words"),
        (["-m", "sweep=other"], "multirun.yaml cannot be read; give the words"),
        (["-m", "sweep=bare"], "multirun.yaml holds no words; give the words"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_sweep_with_unusable_words_is_refused(begun, words, message):
    begun("a", "loss=gan,wgan")
    begun("bare")
    begun("damaged", content="hydra: {overrides: [")
    begun("other", content="- 1")
    with pytest.raises(ConfigError, match=message):
        resolve_sweep(words)


GPUS = "hydra.launcher.ray.remote.num_gpus=1"
ADDED = "+hydra.launcher.gres=gpu:1"


def test_named_sweep_brings_plain_settings_of_its_launcher(begun):
    begun("a", "seed=0,1", hydra=["hydra/launcher=ray", GPUS, "hydra.launcher.ray._target_=x"])
    expected = ["-m", "hydra/launcher=ray", GPUS, "seed=0,1", "sweep=a"]
    assert resolve_sweep(["sweep=a"]) == expected


def test_other_settings_of_its_launcher_must_be_typed_again(begun):
    begun("a", "seed=0,1", hydra=["hydra/launcher=slurm", ADDED])
    message = (
        rf"^\{ADDED}: is not taken from the folder of sweep a: add \{ADDED}, or another value$"
    )
    with pytest.raises(ConfigError, match=message):
        resolve_sweep(["sweep=a"])
    slurm = ["-m", "hydra/launcher=slurm", "seed=0,1", "sweep=a", ADDED]
    assert resolve_sweep(["sweep=a", ADDED]) == slurm
    here = ["sweep=a", "hydra/launcher=basic"]
    assert resolve_sweep(here) == ["-m", "seed=0,1", *here]


@pytest.mark.parametrize("typed", [[], ["hydra.launcher.n_jobs=2"]], ids=["", "typed"])
def test_named_sweep_keeps_only_a_typed_number_of_workers(begun, typed):
    joblib = ["hydra/launcher=joblib", *typed]
    begun("a", "seed=0,1", hydra=[*joblib, "++hydra.launcher.n_jobs=2"])
    assert resolve_sweep(["sweep=a"]) == ["-m", *joblib, "seed=0,1", "sweep=a"]


def test_no_sweep_to_resume_is_refused(begun):
    with pytest.raises(
        ConfigError, match="sweep=resume: there is no sweep in outputs/sweeps to resume"
    ):
        resolve_sweep(["-m", "sweep=resume"])


@pytest.mark.parametrize(
    "words",
    [
        ["sweep=frist"],
        ["loss=wgan", "sweep=frist"],
        ["-m", "sweep=frist"],
        ["-m", "sweep=frist", "retry_failed=true"],
    ],
    ids=" ".join,
)
def test_unknown_sweep_is_refused(begun, words):
    os.utime(begun("first", "seed=0,1") / "multirun.yaml", (1, 1))
    begun("second", "seed=0,1")
    message = (
        "sweep=frist: there is no sweep frist in outputs/sweeps (existing: first, second); "
        "-m KEY=A,B sweep=frist starts a new one"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        resolve_sweep(words)


def test_unknown_sweep_names_newest_sweeps(begun):
    with pytest.raises(ConfigError, match=re.escape("(existing: none)")):
        resolve_sweep(["sweep=x"])
    for number in range(6):
        os.utime(begun(f"of{number}", "seed=0,1") / "multirun.yaml", (number, number))
    with pytest.raises(ConfigError, match=re.escape("(existing: of5, of4, of3, of2, of1, ...)")):
        resolve_sweep(["sweep=x"])


def test_unknown_sweep_trains_nothing(tmp_path):
    called = run_script("train.py", "sweep=nosuch", cwd=tmp_path)
    assert called.returncode == 2
    assert called.stderr.startswith("error: sweep=nosuch: there is no sweep nosuch in ")
    assert not list(tmp_path.iterdir())


def test_only_safe_hydra_words_are_restored(begun):
    hydra = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweep.subdir=x${seed}"]
    hostile = ["hydra.launcher._target_=os.system", "hydra.launcher.x={_target_:os.system}"]
    hostile += [
        "hydra.callbacks.x._target_=os.system",
        "hydra.sweep.dir=/etc",
        "hydra/launcher=a.b",
    ]
    begun("a", "seed=0,1", "+hydra.x=1", hydra=[*hydra, *hostile])
    assert resolve_sweep(["sweep=a"]) == ["-m", *hydra, "seed=0,1", "sweep=a"]


def test_jobs_need_separate_folders():
    sweep = Path("s")
    check_job_folders(sweep, [sweep / "a", sweep / "ab", sweep / "b/c", sweep / "b/d"])
    for jobs, message in (
        ([sweep], "is the folder of the sweep"),
        ([sweep / "a", sweep / "a"], "is the folder of 2 jobs"),
        ([sweep / "a/b", sweep / "a"], "lies inside the folder of another job, a"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_job_folders(sweep, jobs)


def test_sweep_is_in_no_folder_of_a_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/metrics.jsonl").touch()
    for place, message in (("run", "contains a run"), ("run/deep/er", "lies inside a run's")):
        words = ["seed=0,1", "dataset=ring", "steps=2", f"hydra.sweep.dir={place}"]
        ran = run_script("train.py", "-m", *words, cwd=tmp_path)
        assert ran.returncode == 2
        assert ran.stderr.startswith(f"error: hydra.sweep.dir={place}: ")
        assert message in ran.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "metrics.jsonl"]


def test_run_folder_may_not_contain_runs(tmp_path):
    for name in ("runs/a", "sweeps/s/seed=0"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "metrics.jsonl").touch()
    (tmp_path / "sweeps/s/multirun.yaml").touch()
    check_run_folder(tmp_path / "runs/b", resumed=False)
    check_run_folder(tmp_path / "sweeps/s/seed=1", resumed=False)
    for place, message in (
        ("sweeps/s", "is the folder of a sweep"),
        ("runs/a/b", "lies inside a run's folder"),
        ("runs", "holds folders of runs"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_run_folder(tmp_path / place, resumed=False)


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A function that does what is done before a sweep's first job; returns its callback."""
    monkeypatch.chdir(tmp_path)

    def plan(*words):
        with launch.initialize():
            shared = [word for word in words if "," not in word]
            config = compose("train", shared, return_hydra_config=True)
            with writable(config):
                config.hydra.overrides.task = list(words)
            callback = launch.PreflightCallback()
            callback.on_multirun_start(config)
        return callback

    return plan


RING = ["dataset=ring", "device=cpu", "sweep=s"]


@pytest.mark.parametrize(
    "words", [["steps=1,0"], ["seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0"]]
)
@pytest.mark.filterwarnings(r"ignore:\s*'hydra/launcher/joblib' is validated")
def test_latest_never_names_a_refused_sweep(planned, words):
    planned(*RING, "seed=0,1")
    assert Path("outputs/sweeps/LATEST").read_text() == "s\n"
    with pytest.raises(SystemExit):
        planned("dataset=ring", "sweep=t", *words)
    assert Path("outputs/sweeps/LATEST").read_text() == "s\n"


def test_only_job_has_its_own_folder(planned):
    assert list(planned(*RING, "loss=wgan").jobs) == [Path("outputs/sweeps/s/run")]
    assert {job.name for job in planned(*RING, "loss=wgan,gan").jobs} == {"loss=wgan", "loss=gan"}


def test_jobs_have_the_folders_that_hydra_names(planned, tmp_path):
    (tmp_path / "a").mkdir()
    for place in ("b", "a/../b", tmp_path / "b"):
        jobs = planned(*RING, f"hydra.sweep.dir={place}", "seed=0,1").jobs.values()
        assert [job.folder for job in jobs] == [tmp_path / "b" / f"seed={seed}" for seed in (0, 1)]


@pytest.mark.parametrize(
    ("words", "warned"),
    [(["evaluate_every=0"], True), (["evaluate_every=0,9"], False), ([], False)],
)
def test_sweep_without_metric_warns_first(planned, capsys, words, warned):
    planned(*RING, "seed=0,1", *words)
    stderr = capsys.readouterr().err
    assert stderr.startswith("no job will be evaluated (evaluate_every=0") == warned
    assert stderr.count("\n") == warned


@pytest.mark.parametrize(
    ("steps", "last", "warned"),
    [(2, {}, False), (3, {}, True), (3, {"metric/jsd": 0.5}, False)],
    ids=["nothing to run", "never evaluated", "evaluated before"],
)
def test_finished_sweep_warns_only_where_it_helps(planned, tmp_path, capsys, steps, last, warned):
    for seed in (0, 1):
        folder = tmp_path / f"outputs/sweeps/s/seed={seed}"
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps({"steps": 2, "last": last}))
    planned(*RING, "seed=0,1", "evaluate_every=0", f"steps={steps}")
    assert capsys.readouterr().err.startswith("no job will be evaluated") == warned


@pytest.mark.parametrize("words", [["seed=0"], ["-m", "seed=0,1"]], ids=["run", "sweep"])
def test_unexpected_error_of_checks_stops_before_training(tmp_path, words):
    script = tmp_path / "broken.py"
    script.write_text(
        "import runpy\n"
        "from gan_zoo import compatibility\n"
        "def broken(_): raise RuntimeError('a bug')\n"
        "compatibility.check_compatibility = broken\n"
        f"runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
    )
    ran = run_script(script, *words, "dataset=ring", "steps=1", "device=cpu", cwd=tmp_path)
    assert ran.returncode == 3
    assert re.fullmatch(r"error: RuntimeError: a bug; raised in .*broken\.py, line 3\n", ran.stderr)
    assert ran.stdout == ""
    assert not (tmp_path / "outputs").exists()


def test_refused_sweep_prints_nothing_at_end(planned, capsys):
    callback = planned(*RING, "seed=0,1")
    assert capsys.readouterr().out.startswith("2 jobs\n")
    try:
        sys.exit(130)  # Hydra 1.4 calls back all the same
    except SystemExit:
        callback.on_multirun_end(None)
    assert capsys.readouterr() == ("", "")


KEPT = """
import gc
from hydra.core.utils import JobReturn
from gan_zoo.launch import sweep_end
report = sweep_end._show_result
def counted(sweep):
    kept = [each for each in gc.get_objects() if isinstance(each, JobReturn)]
    print("results", len(kept), "configurations", sum(each.cfg is not None for each in kept))
    report(sweep)
sweep_end._show_result = counted
from gan_zoo.launch.main import main
main()
"""


def test_configurations_of_ended_jobs_are_not_kept(files):
    words = ["-m", "dataset.root=a.npz", "seed=0,1", *SMALL]
    command = [sys.executable, "-c", KEPT, *words]
    called = subprocess.run(command, cwd=files, capture_output=True, text=True)
    assert called.returncode == 0, called.stderr
    assert "results 2 configurations 0\n" in called.stdout


def test_sweep_by_joblib_is_named_again(files):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "dataset.root=a.npz", "seed=0,1"]
    assert sweep(files, *words).returncode == 0
    (files / "outputs/sweeps/mine/seed=1/summary.json").unlink()  # as if it had been killed
    for word in ("retry_failed=true", "retry_failed=false"):
        ran = run_interpreter("train.py", "sweep=mine", word, cwd=files)
        assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("2 jobs: 2 done already, 0 to run")
    settings = yaml.safe_load((files / "outputs/sweeps/mine/multirun.yaml").read_text())["hydra"]
    assert "hydra.launcher.n_jobs=2" in settings["overrides"]["hydra"]


def test_sweep_resume_runs_remaining_jobs(files):
    np.savez(files / "b.npz", x=np.zeros((20, 8, 8), np.uint8))
    assert sweep(files).returncode == 0
    mine = files / "outputs" / "sweeps" / "mine"
    (mine / "dataset.root=a.npz,seed=1" / "summary.json").unlink()  # as if it had been killed
    ran = run_script("train.py", "sweep=resume", cwd=files)
    assert ran.returncode == 0, ran.stderr
    assert len(list(mine.rglob("summary.json"))) == 4
    assert not (mine / "metrics.jsonl").exists()
    assert ran.stdout.startswith("4 jobs: 3 done already, 1 to run, about ")
    assert "\njob 2/4  dataset.root=a.npz,seed=1  critic " in ran.stdout
    logs = [path.read_text() for path in mine.glob("*/train.log")]
    assert sum("finished at step 2 already" in text for text in logs) == 3
