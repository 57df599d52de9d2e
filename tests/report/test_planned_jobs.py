"""Jobs of a sweep that have not started."""

import pytest
import yaml

from gan_zoo.report.planned_jobs import read_plan
from gan_zoo.report.read_runs import read_runs
from gan_zoo.report.warnings import warnings
from report_folders import compared, write_run, write_sweep

BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def plan(root, *words, sweeper=BASIC):
    hydra = {"overrides": {"task": [*words]}, "sweeper": {"_target_": sweeper}}
    (root / "multirun.yaml").write_text(yaml.dump({"hydra": hydra}))
    return read_plan(root)


def test_jobs_that_have_not_started_are_named(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0, 3.0], "wgan": [2.0, 3.0]})
    plan(root, "loss=gan,wgan", "seed=0,1,2", "optimizer.betas=[0,0.9]")
    (text,) = [line for line in warnings(compared(root)) if "planned" in line]
    assert text == "1 of 6 planned jobs has not started: loss=wgan,seed=2."
    plan(root, "loss=gan,wgan", "seed=0,1")
    assert not any("planned" in line for line in warnings(compared(root)))


def test_jobs_in_nested_folders_have_started(tmp_path):
    for number, job in enumerate(("lr=2,loss/divergence=kl", "lr=10,loss/divergence=kl")):
        words = ("lr=2", "lr=10")[number], "loss/divergence=kl"
        write_run(tmp_path / job, [1.0], overrides=words, number=number)
    plan(tmp_path, "lr=2,10", "loss/divergence=kl,js")
    comparison = compared(tmp_path)
    (text,) = [line for line in warnings(comparison) if "planned" in line]
    waiting = "lr=2,loss/divergence=js; lr=10,loss/divergence=js"
    assert text == f"2 of 4 planned jobs have not started: {waiting}."
    assert [run.order for run in read_runs([tmp_path])[0]] == [0, 1]


def test_numbers_match_however_they_are_written(tmp_path):
    write_sweep(tmp_path, {"1e-05": [1.0]})
    assert plan(tmp_path, "loss=0.00001,2e-5").not_started == ["loss=2e-5"]


@pytest.mark.parametrize("word", ["seed=range(3)", "loss=glob(*)", "a='x,y',z", "a=[1],[2]"])
def test_words_that_only_hydra_reads_give_no_plan(tmp_path, word):
    assert plan(tmp_path, "loss=gan,wgan", word) is None


def test_other_sweepers_and_files_give_no_plan(tmp_path):
    assert plan(tmp_path, "loss=gan,wgan", sweeper="optuna") is None
    assert plan(tmp_path, "loss=gan") is None
    for text in ("[]", "hydra: 3", "{"):
        (tmp_path / "multirun.yaml").write_text(text)
        assert read_plan(tmp_path) is None
