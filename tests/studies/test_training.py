"""Every sweep of every study trains; a study is one command, and resumes."""

import csv
import json
import shlex
import shutil
import signal

import pytest

from forked_scripts import ScriptProcess, run_script, wait_until
from gan_zoo.run_folder import newest_step, write_failure
from gan_zoo.studies.plan import load_study, study_names
from study_jobs import in_place_of_mnist, jobs_of

TINY = ["dataset.count=200", "batch_size=4", "steps=2", "evaluate_every=0", "sample_every=0"]
TINY += ["log_every=1", "device=cpu"]
SHORT = ["study=mixture", "study.budget=small", "study.part=ring-tanh", "dataset.count=300"]
BRIEF = ["steps=4", "evaluate_every=4", "evaluation.num_samples=50", "batch_size=8", "device=cpu"]
SHORT += BRIEF
SEARCH = ["study=equal_budgets", "study.budget=small", "study.part=ring", "dataset.count=300"]
SEARCH += [*BRIEF, "loss=gan", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1"]


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name in study_names() for part in load_study(name).parts]
)
def test_every_sweep_trains(name, part, composed, trained, tmp_path):
    given = [*in_place_of_mnist(name), *TINY]
    (sweep,) = load_study(name).sweeps("small", [part], given)
    assert trained(tmp_path, *jobs_of(sweep)[0])["steps"] == 2
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def results(folder):
    with (folder / "outputs/studies/mixture-small.csv").open() as file:
        return list(csv.DictReader(file))


def test_study_resumes_and_its_rows_can_be_repeated(tmp_path):
    words = [*SHORT, "loss=gan,wgan", "seed=0,1"]
    first = run_script("train.py", *words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    before = results(tmp_path)
    shutil.rmtree(tmp_path / "outputs/sweeps/study-mixture-small-ring-tanh/loss=wgan,seed=0")
    again = run_script("train.py", *words, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "3 done already, 1 to run" in again.stdout
    rows = results(tmp_path)
    assert [(row["loss"], row["seed"]) for row in rows] == [
        *(("gan", "0"), ("gan", "1"), ("wgan", "0"), ("wgan", "1"))
    ]
    assert all(float(row["sliced_wasserstein"]) > 0 for row in rows)
    assert [row["modes"] for row in rows] == [row["modes"] for row in before]
    assert {row["steps"] for row in rows} == {"4"}
    assert all(int(row["threads"]) >= 1 for row in rows)  # without which none can be repeated
    alone = rows[1]["command"].removeprefix("python train.py ").split()
    assert run_script("train.py", *alone, "hydra.run.dir=again", cwd=tmp_path).returncode == 0
    measured = json.loads((tmp_path / "again/metrics.jsonl").read_text().splitlines()[-1])
    value = float(rows[1]["sliced_wasserstein"])
    assert value == pytest.approx(measured["metric/sliced_wasserstein"], rel=1e-5)


def test_hints_of_a_study_are_words_that_it_takes(tmp_path):
    words = [*SHORT, "loss=gan,wgan", "seed=0"]
    sweep = tmp_path / "outputs/sweeps/study-mixture-small-ring-tanh"
    stopped = ScriptProcess(
        "train.py", *words, "steps=10000000", "evaluate_every=100", cwd=tmp_path
    )
    wait_until(lambda: newest_step(sweep / "loss=gan"))
    stopped.send_signal(signal.SIGTERM)
    error = stopped.communicate()[1].splitlines()[-2]
    assert error.endswith("; 0 of 2 jobs done; the same command runs the remaining jobs")
    shutil.rmtree(sweep / "loss=gan")
    write_failure(sweep / "loss=wgan", "a reason")
    failed = run_script("train.py", *words, cwd=tmp_path)
    hint = "the same command with retry_failed=true"
    assert failed.stderr.startswith(f"1 of 2 jobs failed; {hint} tries them again\n")
    retried = run_script("train.py", *words, "retry_failed=true", cwd=tmp_path)
    assert retried.returncode == 0, retried.stderr


def test_study_of_searches_trains_trials_and_fresh_seeds(tmp_path):
    called = run_script("train.py", *SEARCH, cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    found = tmp_path / "outputs/studies/equal_budgets-small"
    with (found / "ring.csv").open() as file:
        assert [row["recipe"] for row in csv.DictReader(file)] == ["trial-00", "trial-01"]
    with (found / "ring-fresh.csv").open() as file:
        fresh = [(row["recipe"][:5], row["seed"]) for row in csv.DictReader(file)]
    kinds = ("paper", "defau", "trial")
    assert fresh == [(kind, seed) for seed in ("100", "101") for kind in kinds]
    assert "`gan`" in (found / "tables.md").read_text()
    again = run_script("train.py", *SEARCH, cwd=tmp_path)
    assert [line for line in again.stdout.splitlines() if "to train" in line] == [
        "2 runs, 0 to train, 1 at once",
        "6 runs, 0 to train, 1 at once",
    ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["study=mixtur"], "study=mixtur: did you mean mixture?"),
        (["study=mixture", "study.part=rng"], "study.part=rng: choose one of "),
        (["study=mixture", "study.part="], "study.part=: choose one of "),
        (["study.part=ring-tanh"], "study.part=ring-tanh: needs a study=NAME: allocation, "),
        (["study=mixture", "study.budget=x"], "study.budget=x: choose one of full, small"),
        (["study=mixture", "study.steps=3"], "study.steps=3: unknown key; choose one of study"),
        (["study=mixture", "steps=-1"], "steps=-1: must be"),
        (["study=mixture", "sweep=mine"], "sweep=mine: a study names its sweeps"),
        (["study=equal_budgets", "loss=wgam"], "loss=wgam: did you mean wgan?"),
        (["study=equal_budgets", "seed=1"], "seed=1: cannot be set here"),
        (["study=equal_budgets", "hydra/launcher=ray"], "hydra/launcher=ray: must be joblib"),
        ([*SEARCH[:3], "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs=0: must be a number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_end_in_one_line(words, line, tmp_path):
    called = run_script("train.py", *words, cwd=tmp_path)
    assert called.returncode == 2
    assert called.stderr.startswith(f"error: {line}")
    assert called.stderr.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_help_shows_claim_and_commands(tmp_path):
    text = run_script("train.py", "study=slopes", "--help", cwd=tmp_path).stdout
    assert "Claim: " in text
    assert text.count("train.py -m ") == len(load_study("slopes").parts)
    assert "study: " in run_script("train.py", "--help", cwd=tmp_path).stdout
    words = ["study=equal_budgets", "study.budget=small", "study.part=ring", "--help"]
    text = run_script("train.py", *words, cwd=tmp_path).stdout
    assert "train.py study=equal_budgets study.part=ring study.budget=small\n" in text
    assert "2 trials of each loss, then 2 new seeds of its best: " in text
    assert "loss=gan,wgan" in text
    # the command that trains what is shown, and not another budget
    assert f"train.py {shlex.join(words[:-1])} trains them one after the other" in text
