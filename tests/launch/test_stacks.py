"""Jobs of a sweep that are trained as one model: each is a run like any other."""

import json
import logging
import random
import signal
from pathlib import Path

import pytest
import torch
import yaml

from forked_scripts import ScriptProcess, run_interpreter, run_script, wait_until
from gan_zoo.checkpoints import latest_valid
from gan_zoo.experiment import Experiment, load_experiment
from gan_zoo.launch import stack_job
from gan_zoo.launch.stack_job import StackJob, allow_open_files
from gan_zoo.launch.stacks import StackedJob, plan_stacks
from gan_zoo.launch.sweep_job import SweepJob
from gan_zoo.monitoring.run_logs import RunLogs
from gan_zoo.run_folder import newest_step, read_failure, write_failure
from gan_zoo.stacked_run import NotStackable, StackMember, train_stack
from gan_zoo.training import cpu_threads

SMALL = ["dataset=ring", "dataset.count=300", "architecture.generator.hidden=[8]", "batch_size=8"]
SMALL += ["architecture.critic.hidden=[8]", "log_every=2", "sample_every=0", "device=cpu"]
SMALL += ["evaluation.num_samples=50"]
SWEPT = ["loss=glsgan", "loss.slope=-1,0.5", "seed=0,1,2"]


def sweep(cwd, *words, run=run_script):
    return run("train.py", "-m", *SMALL, *words, cwd=cwd)


def runs(cwd, name):
    """Folders of a sweep's jobs by their names."""
    return {p.parent.name: p.parent for p in cwd.glob(f"outputs/sweeps/{name}/*/.hydra")}


def numbers(folder):
    """What a run has logged, but for speeds."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [
        {k: -1 if v is None else v for k, v in line.items() if not k.startswith("perf/")}
        for line in lines
    ]


def weights(folder, step):
    return torch.load(folder / "checkpoints" / f"{step:08d}.pt")["generator"]


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_stacked_jobs_are_ordinary_runs(tmp_path):
    words = [*SWEPT, "steps=6", "evaluate_every=3", "checkpoint_every=3", "sample_every=3"]
    for name, stack in (("alone", "off"), ("stacked", "auto")):
        called = sweep(tmp_path, *words, f"stack={stack}", f"sweep={name}")
        assert called.returncode == 0, called.stderr
    assert called.stdout.count("\njob ") == 6
    alone, stacked = runs(tmp_path, "alone"), runs(tmp_path, "stacked")
    assert len(alone) == 6
    assert stacked.keys() == alone.keys()
    for name, own in stacked.items():
        other = alone[name]
        written = [
            {str(p.relative_to(f)) for p in f.rglob("*") if "events.out" not in p.name}
            for f in (own, other)
        ]
        assert written[0] == written[1]
        assert len(list(own.glob("events.out*"))) == 1
        for one, two in zip(numbers(own), numbers(other), strict=True):
            assert one == pytest.approx(two, rel=1e-3, abs=1e-4)
        facts = summary(own)
        assert facts.pop("stacked") == 6
        assert facts.keys() == summary(other).keys()
        config, hydra = (yaml.safe_load((own / f".hydra/{n}.yaml").read_text()) for n in NAMES)
        given = yaml.safe_load((own / ".hydra/overrides.yaml").read_text())
        assert set(name.split(",")) <= set(given)
        assert f"seed={config['seed']}" in given
        assert hydra["hydra"]["runtime"]["output_dir"] == str(own)
        assert hydra["hydra"]["job"]["override_dirname"] == name
        log = (own / "train.log").read_text()
        assert log.count("one of 6 runs that are trained as one model") == 1
        assert log.count("\nrun          ") == 1
        assert f"run          seed={config['seed']}," in log
        assert log.rstrip().endswith(f"done: {own}")
    report = (tmp_path / "outputs/sweeps/stacked/report/report.html").read_text()
    assert "6 runs" in report
    again = sweep(tmp_path, *words, "stack=auto", "sweep=stacked")
    assert "6 done already, 0 to run" in again.stdout


NAMES = ("config", "hydra")


def test_runs_of_a_stack_log_at_the_same_steps(tmp_path):
    words = ["seed=0,1,2", "steps=400", "log_every=1", "min_log_interval=0.05", "stack=3"]
    called = sweep(tmp_path, *words, "evaluate_every=0", "compile=false", "sweep=mine")
    assert called.returncode == 0, called.stderr
    first, *others = (
        [line["step"] for line in numbers(f)] for f in runs(tmp_path, "mine").values()
    )
    assert others == [first, first]
    assert 2 < len(first) < 400


@pytest.mark.slow
def test_killed_stack_resumes_exactly(tmp_path):
    words = ["loss=glsgan", "loss.slope=-1,0.5", "seed=0,1", "steps=2000", "checkpoint_every=100"]
    words += ["evaluate_every=0", "stack=4", "compile=false", "threads=1"]
    undisturbed = sweep(tmp_path, *words, "sweep=undisturbed")
    assert undisturbed.returncode == 0, undisturbed.stderr
    rng, kills = random.Random(0), 0
    while True:
        process = ScriptProcess("train.py", "-m", *SMALL, *words, "sweep=killed", cwd=tmp_path)
        target = rng.randrange(100, 700) + max(
            (newest_step(folder) or 0 for folder in runs(tmp_path, "killed").values()), default=0
        )

        def is_far(target=target, process=process):
            steps = [newest_step(folder) or 0 for folder in runs(tmp_path, "killed").values()]
            return max(steps, default=0) >= target or process.poll() is not None

        wait_until(is_far, 120)
        if process.poll() is not None:
            _, error = process.communicate()
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
    assert kills >= 2
    assert process.returncode == 0, error
    before, after = runs(tmp_path, "undisturbed"), runs(tmp_path, "killed")
    for name, folder in after.items():
        assert numbers(folder) == numbers(before[name])
        one, two = weights(folder, 2000), weights(before[name], 2000)
        assert all(torch.equal(one[key], two[key]) for key in one)
        assert summary(folder)["steps"] == 2000


def test_signal_saves_all_runs_of_a_stack(tmp_path):
    words = ["loss=glsgan", "seed=0,1,2", "steps=10000000", "checkpoint_every=100", "stack=3"]
    words += ["evaluate_every=0", "compile=false", "sweep=mine"]
    process = ScriptProcess("train.py", "-m", *SMALL, *words, cwd=tmp_path)
    wait_until(lambda: len([f for f in runs(tmp_path, "mine").values() if newest_step(f)]) == 3)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate()
    assert process.returncode == 143
    assert "0 of 3 jobs done; the same command with sweep=mine runs the remaining jobs" in error
    folders = runs(tmp_path, "mine").values()
    assert len({newest_step(folder) for folder in folders}) == 1
    steps = newest_step(next(iter(folders))) + 5
    shorter = ["sweep=mine", f"steps={steps}", "evaluate_every=0"]
    resumed = run_script("train.py", *shorter, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert all(summary(folder)["steps"] == steps for folder in folders)
    assert all(summary(folder)["stacked"] == 3 for folder in folders)


def test_runs_that_fail_or_diverge_leave_the_others(tmp_path):
    words = ["loss=lsgan", "loss.b=1,1e25,0.9", "seed=0", "steps=40", "checkpoint_every=10"]
    words += ["evaluate_every=20", "stack=3", "sweep=mine", "compile=false"]
    broken = tmp_path / "outputs/sweeps/mine/loss.b=0.9"
    broken.mkdir(parents=True)
    (broken / "checkpoints").write_text("a file where a folder must be")
    called = sweep(tmp_path, *words)
    assert called.returncode == 3
    assert "Traceback" not in called.stderr
    assert "1 of 3 jobs failed" in called.stderr
    assert "loss.b=0.9: " in called.stderr
    found = runs(tmp_path, "mine")
    assert summary(found["loss.b=1"])["steps"] == 40
    diverged = summary(found["loss.b=1e+25"])
    assert diverged["health"].startswith("diverged")
    assert diverged["steps"] < 40
    assert "diverged" in (found["loss.b=1e+25"] / "train.log").read_text()
    assert "diverged" not in (found["loss.b=1"] / "train.log").read_text()
    (broken / "checkpoints").unlink()
    again = run_script("train.py", "sweep=mine", "retry_failed=true", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert summary(broken)["steps"] == 40


@pytest.mark.parametrize("stack", ["2", "off"])
def test_refused_jobs_keep_the_settings_of_their_runs(tmp_path, stack):
    words = ["seed=0,1", "steps=2", "evaluate_every=0", "compile=false", "sweep=mine"]
    assert sweep(tmp_path, *words, f"stack={stack}").returncode == 0
    saved = [run / ".hydra/config.yaml" for run in runs(tmp_path, "mine").values()]
    before = [path.read_bytes() for path in saved]
    changed = ["sweep=mine", "architecture.generator.hidden=[16]", "allow_changes=true", "steps=4"]
    refused = run_script("train.py", *changed, cwd=tmp_path)
    assert refused.stderr.count("the state of step 2 does not fit the settings") == 2
    assert [path.read_bytes() for path in saved] == before


def test_jobs_that_do_not_fit_train_alone_for_a_reason(tmp_path):
    words = ["loss=glsgan,wgan", "seed=0,1", "steps=2", "evaluate_every=0", "sweep=mine"]
    words += ["stack=2"]
    called = sweep(tmp_path, *words)
    assert called.returncode == 0, called.stderr
    assert all(summary(folder)["stacked"] == 2 for folder in runs(tmp_path, "mine").values())
    words = ["loss=glsgan", "n_critic=1,2", "steps=2", "evaluate_every=0", "sweep=other"]
    called = sweep(tmp_path, *words, "stack=8")
    assert called.returncode == 0, called.stderr
    assert "2 jobs trained alone: no other is equal but for seed, learning rates" in called.stdout
    assert not any("stacked" in summary(f) for f in runs(tmp_path, "other").values())


@pytest.mark.slow
def test_each_worker_of_joblib_trains_a_stack(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = [*SWEPT, "steps=6", "evaluate_every=0", "hydra/launcher=joblib", "stack=3"]
    called = sweep(tmp_path, *words, "hydra.launcher.n_jobs=2", "sweep=mine", run=run_interpreter)
    assert called.returncode == 0, called.stderr
    assert called.stdout.count("\njob ") == 6
    found = runs(tmp_path, "mine").values()
    assert [summary(folder)["stacked"] for folder in found] == [3] * 6


def test_stacks_need_a_launcher_that_starts_jobs_here(tmp_path):
    called = sweep(tmp_path, "seed=0,1", "hydra/launcher=slurm_local", "stack=2")
    assert called.returncode == 2
    (line,) = called.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "slurm_local" in line


@pytest.fixture
def planned(composed):
    """Jobs of a sweep, each given by its words, as `plan_stacks` takes them."""

    def make(*jobs, folder=Path("sweep")):
        shared = ["dataset=ring", "loss=glsgan", "stack=auto", "sweep=mine", "steps=20000"]
        words = [[*shared, *job] for job in jobs]
        return [
            (StackedJob(number, tuple(own), folder / str(number)), load_experiment(composed(*own)))
            for number, own in enumerate(words)
        ]

    return make


def sizes(stacks):
    return [len(stack.jobs) for stack in stacks.of_first.values()]


def test_jobs_are_divided_among_workers(planned):
    jobs = planned(*([f"seed={seed}"] for seed in range(20)))
    assert sizes(plan_stacks(jobs, 1, 2)[0]) == [10, 10]
    assert sizes(plan_stacks(jobs, 1, 4)[0]) == [20]
    assert sizes(plan_stacks(jobs, 2, 2)[0]) == [5, 5, 5, 5]
    stacks, lines = plan_stacks(planned(*([f"seed={n}", "stack=3"] for n in range(7))), 1, 1)
    assert sizes(stacks) == [3, 2, 2]
    firsts = [stack.jobs[0].number for stack in stacks.of_first.values()]
    assert firsts == [0, 1, 2]  # with which workers start
    assert lines == []
    assert len(stacks.others) == 7 - 3


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["dataset=glyphs", "architecture=dcgan"], "only small networks"),
        (["dataset=glyphs", "architecture=mlp"], "only small networks"),
        (["batch_size=512"], "only small networks and batches"),
        (["devices=2"], "several devices"),
        (["loss=cls_gan", "dataset.labels_per_class=2"], "hides labels"),
        (["loss=f_gan", "loss/divergence=kl"], "no other is equal"),
        (["optimizer.critic.betas=[0.1,0.9]"], "no other is equal"),
        (["n_critic=3"], "no other is equal"),
    ],
    ids=str,
)
def test_reason_of_a_job_alone_is_named(planned, words, reason):
    jobs = planned(["seed=0"], ["seed=1", "loss.slope=0.3", "optimizer.critic.lr=0.1"], words)
    stacks, lines = plan_stacks(jobs, 1, 1)
    assert sizes(stacks) == [2]
    (line,) = lines
    assert line.startswith("1 job trained alone: ")
    assert reason in line


def test_gpus_stack_other_networks(planned, monkeypatch):
    wide = ["dataset=glyphs", "architecture=vgg", "architecture.critic.width=512"]
    words = (["dataset=glyphs", "architecture=mlp"], ["dataset=glyphs", "architecture=dcgan"], wide)
    jobs = planned(*([*own, f"seed={seed}"] for own in words for seed in range(2)))
    monkeypatch.setattr(Experiment, "device", lambda _: torch.device("cuda"))
    stacks, lines = plan_stacks(jobs, 1, 1)
    assert sizes(stacks) == [2, 2]
    assert lines == [
        "2 jobs trained alone: only small networks and batches are faster as a stack; stack=N"
        " stacks others, too"
    ]
    many = planned(*([f"seed={seed}"] for seed in range(20)))
    assert sizes(plan_stacks(many, 1, 16)[0]) == [10, 10]
    monkeypatch.setattr(Experiment, "device", lambda _: torch.device("xpu"))
    assert "measured on CPU and CUDA only" in plan_stacks(jobs, 1, 1)[1][0]


def test_few_steps_of_few_jobs_train_alone(planned):
    for jobs, workers, stacked in ((3, 1, 0), (4, 1, 4), (8, 2, 0), (16, 2, 16)):
        short = planned(*([f"seed={seed}", "steps=500"] for seed in range(jobs)))
        stacks, lines = plan_stacks(short, workers, 4)
        assert sum(sizes(stacks)) == stacked
        assert len(lines) == (stacked == 0)
        assert all("so few steps of so few jobs" in line for line in lines)


@pytest.mark.parametrize(("steps", "stacked"), [(500, 0), (20_000, 8)])
def test_larger_batches_are_stacked_only_if_compiled(planned, steps, stacked):
    jobs = planned(*([f"seed={n}", "batch_size=256", f"steps={steps}"] for n in range(8)))
    assert sum(sizes(plan_stacks(jobs, 1, 1)[0])) == stacked


def test_resumed_jobs_go_on_from_a_step_of_all(planned, tmp_path):
    jobs = planned(*(["checkpoint_every=5", f"seed={n}"] for n in range(3)), folder=tmp_path)
    for number, steps in enumerate([(10, 15), (15, 20), (10, 15)]):
        folder = tmp_path / str(number) / "checkpoints"
        folder.mkdir(parents=True)
        for step in steps:
            (folder / f"{step:08d}.pt").touch()
    (stack,) = plan_stacks(jobs, 1, 1)[0].of_first.values()
    assert (stack.step, len(stack.jobs)) == (15, 3)
    (tmp_path / "1" / "summary.json").write_text('{"steps": 20}')  # finished, and now to be longer
    (stack,) = plan_stacks(jobs, 1, 1)[0].of_first.values()
    assert (stack.step, len(stack.jobs)) == (15, 2)
    for path in (tmp_path / "1" / "checkpoints").iterdir():
        path.unlink()  # it was killed before its first checkpoint, and the others far later
    (stack,) = plan_stacks(jobs, 1, 1)[0].of_first.values()
    assert (stack.step, len(stack.jobs)) == (15, 2)


@pytest.mark.parametrize(
    "words",
    [
        ["checkpoint_every=0", "evaluate_every=2"],
        ["checkpoint_every=5", "evaluate_every=2"],
        ["checkpoint_every=5", "evaluate_every=5", "steps=2", "stack=3"],
    ],
    ids=str,
)
def test_stack_killed_in_its_first_evaluation_stays_together(planned, tmp_path, words):
    jobs = planned(*([*words, f"seed={n}"] for n in range(3)), folder=tmp_path)
    (tmp_path / "0" / "checkpoints").mkdir(parents=True)
    (tmp_path / "0" / "checkpoints" / "00000002.pt").touch()
    for number in range(3):
        begin(tmp_path / str(number))
    (stack,) = plan_stacks(jobs, 1, 1)[0].of_first.values()
    assert (stack.step, len(stack.jobs)) == (0, 3)


def begin(folder):
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").touch()


@pytest.mark.parametrize("killed_while_saving", [False, True])
def test_jobs_that_have_not_begun_put_no_others_back(planned, tmp_path, killed_while_saving):
    """A stack with its first checkpoints, and one that was still waiting when all were killed."""
    jobs = planned(*(["checkpoint_every=5", f"seed={n}"] for n in range(8)), folder=tmp_path)
    for number in range(4):
        begin(tmp_path / str(number))
        if number or not killed_while_saving:
            (tmp_path / str(number) / "checkpoints").mkdir()
            (tmp_path / str(number) / "checkpoints" / "00000005.pt").touch()
    stacks = plan_stacks(jobs, 1, 1)[0].of_first.values()
    found = {stack.step: sorted(job.number for job in stack.jobs) for stack in stacks}
    together = {0: [*range(8)]} if killed_while_saving else {5: [0, 1, 2, 3], 0: [4, 5, 6, 7]}
    assert found == together


def test_jobs_that_another_terminal_began_meanwhile_keep_what_they_have(
    planned, tmp_path, monkeypatch
):
    stacked, alone = [], []
    monkeypatch.setattr(
        "gan_zoo.stacked_run.train_stack", lambda members, *_: stacked.extend(members)
    )
    monkeypatch.setattr(stack_job, "save_config", lambda config, folder: None)
    monkeypatch.setattr(SweepJob, "train", lambda job: alone.append(job.folder.name))
    jobs = planned(*(["checkpoint_every=5", f"seed={n}"] for n in range(3)), folder=tmp_path)
    later = [tmp_path / "1" / "checkpoints" / f"{step:08d}.pt" for step in (5, 10)]
    later[0].parent.mkdir(parents=True)
    for path in later:
        path.touch()
    write_failure(tmp_path / "2", "no space left")
    StackJob([SweepJob(each, None, job.folder, None) for job, each in jobs], 0).train()
    assert [member.folder.name for member in stacked] == ["0"]
    assert sorted(alone)[-2:] == ["1", "2"]
    assert all(path.exists() for path in later)
    assert read_failure(tmp_path / "2") == "no space left"


def test_records_go_into_the_file_of_their_run(tmp_path):
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    root, own = logging.getLogger(), logging.FileHandler(folders[0] / "train.log")
    root.addHandler(own)
    logs = RunLogs(folders)
    logging.warning("both")
    with logs.only(folders[1]):
        logging.warning("only b")
    logs.close()
    logging.warning("own")
    root.removeHandler(own)
    own.close()
    assert (folders[0] / "train.log").read_text() == "both\nown\n"
    assert (folders[1] / "train.log").read_text() == "both\nonly b\n"


def test_reason_of_a_stack_that_cannot_train_is_shown(tmp_path):
    words = ["regularizer=augmentation", "regularizer.noise=0,0.1", "steps=2", "evaluate_every=0"]
    called = sweep(tmp_path, *words, "stack=2", "sweep=mine")
    assert called.returncode == 0, called.stderr
    assert "2 jobs trained alone: regularizers need different random numbers" in called.stdout
    for folder in runs(tmp_path, "mine").values():
        assert summary(folder)["steps"] == 2
        assert (folder / "train.log").read_text().count("\ndone: ") == 1


def test_typed_compile_counts_in_resumed_stacks(composed, trained, tmp_path, monkeypatch):
    seen, words = [], [*SMALL, "evaluate_every=0", "allow_changes=true"]

    def stop(trainers, optimizers, compiled):
        seen.append([compiled, *(trainer.compiled for trainer in trainers)])
        raise TypeError("seen")

    monkeypatch.setattr("gan_zoo.stacked_run.StackedTrainer", stop)
    trained(tmp_path, *words, "compile=false", "steps=2")
    state = latest_valid(tmp_path / "checkpoints")
    for typed in ("auto", "true"):
        experiment = load_experiment(composed(*words, "steps=4", f"compile={typed}"))
        members = [StackMember(experiment, tmp_path, state)] * 2
        with pytest.raises(NotStackable):
            train_stack(members, RunLogs([tmp_path]), lambda *_: None)
    assert seen == [[False] * 3, [True] * 3]


@pytest.mark.parametrize("diverges", [False, True])
def test_stack_ends_short_waits_also_if_its_first_run_leaves(
    composed, tmp_path, monkeypatch, diverges
):
    monkeypatch.setattr(cpu_threads, "_INTERVAL", 0.0)  # looks at other programs in each step
    monkeypatch.setattr(cpu_threads.OtherPrograms, "free_cores", lambda _: 1.0)
    teams, begin = set(), cpu_threads.ShortWaits.begin
    monkeypatch.setattr(
        cpu_threads.ShortWaits, "begin", lambda waits, n: teams.add(waits) or begin(waits, n)
    )
    members, ended = [], []
    for b in (1e25 if diverges else 0.9, 1.0):
        words = ["loss=lsgan", f"loss.b={b}", "steps=20", "evaluate_every=0", "compile=false"]
        (folder := tmp_path / str(b)).mkdir()
        experiment = load_experiment(composed(*SMALL, *words, "threads=2"))
        members.append(StackMember(experiment, folder))
    logs = RunLogs([member.folder for member in members])
    train_stack(members, logs, lambda member, facts: ended.append(facts["steps"]))
    assert (ended[0] < ended[1]) == diverges
    assert [waits._end for waits in teams] == [None]


def test_large_stack_may_open_its_files(monkeypatch):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
        allow_open_files(100)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 4 * 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (200, 500))
    with pytest.raises(NotStackable, match=r"a process may open 500 \(ulimit -n\)"):
        allow_open_files(100)
