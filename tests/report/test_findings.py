"""The summary sentences: a winner only where one is clear, and failures."""

import json
from pathlib import Path

import pytest

from gan_zoo.report.build import write_report
from gan_zoo.report.comparison import compare
from gan_zoo.report.findings import findings
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.read_runs import read_runs
from gan_zoo.report.run_status import run_status
from gan_zoo.report.title_block import subtitle
from gan_zoo.report.warnings import warnings
from report_folders import LOWER, METRIC, add_metrics, compared, write_run, write_sweep

ROOT = Path(__file__).parents[2]


def finding_of(root, losses):
    (text,) = findings(compared(write_sweep(root, losses)))
    return text


def test_clear_winner_is_named_first(tmp_path):
    text = finding_of(tmp_path, {"gan": [9.0, 9.1, 9.2], "wgan": [2.0, 2.2, 2.1]})
    assert text.startswith(f"loss=wgan has the lowest mean {METRIC}, 2.100 over 3 seeds")
    assert "P(best) of loss=wgan among 2 is 1.00." in text
    assert "Of 1 comparison with loss=gan, 1 differs" in text


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ({"gan": [1.0, 9.0, 5.0], "wgan": [8.0, 2.0, 4.0]}, "loss=wgan has the lowest"),
        ({"gan": [1.0], "wgan": [100.0]}, "loss=gan has the lowest"),
        ({"gan": [5.0], "wgan": [7.0, 8.0], "hinge": [7.5, 8.5]}, "loss=gan has the lowest"),
        ({"gan": [1.0, 3.0], "wgan": [3.0, 1.0]}, "loss=gan and loss=wgan share the lowest"),
    ],
)
def test_no_clear_winner_without_decisive_p_best(tmp_path, losses, words):
    assert finding_of(tmp_path, losses).startswith(f"No clear winner: {words} mean {METRIC}")


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ({"high_quality": 0.004, "modes": 4}, "hardly any sample looks real"),
        ({"precision_glyphs_cnn": 0.0, "recall_x": 0.2}, "hardly any sample looks real"),
        ({"high_quality": 0.3, "modes": 0}, "no mode captured"),
    ],
)
def test_healthy_runs_that_learned_nothing_failed(tmp_path, numbers, kind):
    root = add_metrics(write_sweep(tmp_path, {"gan": [9.0, 9.1], "wgan": [2.0, 2.1]}), **numbers)
    found = compared(root)
    (text,) = findings(found)
    assert text.startswith(f"No winner: 4 of 4 runs failed ({kind}).")
    assert [each.failures for each in found.configurations] == [2, 2]
    assert all(each.value is not None for each in found.statuses)


def test_low_precision_is_no_failure(tmp_path):
    add_metrics(
        write_sweep(tmp_path, {"gan": [9.0, 9.1]}), precision_x=0.04
    )  # as of the default run
    assert [each.failure for each in compared(tmp_path).statuses] == ["", ""]


def test_best_mean_of_failed_runs_is_no_winner(tmp_path):
    root = write_sweep(tmp_path, {"gan": [9.0, 9.1], "wgan": [2.0, 2.1]})
    for path in root.glob("loss=wgan*/summary.json"):
        path.write_text(
            json.dumps({**json.loads(path.read_text()), "health": "collapsed at step 3"})
        )
    (text,) = findings(compared(root))
    assert text.startswith("No winner: loss=wgan has the lowest")
    assert "but 2 of its 2 runs failed (collapsed). Among those that trained, loss=gan" in text


def test_unfinished_run_has_no_learned_nothing_failure(tmp_path):
    write_run(tmp_path / "run", [3.0, 2.0], settings={"steps": 5000})
    add_metrics(tmp_path, high_quality=0.0)
    (tmp_path / "run/summary.json").unlink()
    (run,), _ = read_runs([tmp_path])
    assert (run_status(run, LOWER).failure, run_status(run, LOWER).ended) == ("", False)


def test_later_evaluation_replaces_nothing_learned(tmp_path):
    folder = write_run(tmp_path / "run", [3.0], summary={"health": "nothing learned by step 9"})
    assert run_status(read_runs([tmp_path])[0][0], LOWER).failure == ""
    evaluation = {"metrics": {"precision_glyphs_cnn": 0.001}}
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    failure = run_status(read_runs([tmp_path])[0][0], LOWER).failure
    assert failure == "hardly any sample looks real: metric/precision_glyphs_cnn is 0.001"


def test_unrealistic_samples_of_one_class_are_a_failure(tmp_path):
    health = {"health": "nothing learned by step 9"}
    folder = write_run(tmp_path / "run", [3.0], summary=health)
    add_metrics(tmp_path, precision_x=0.3, largest_share_x=0.97)
    expected = "hardly any sample looks real: nearly all are of one mode or class"
    assert run_status(read_runs([tmp_path])[0][0], LOWER).failure == expected
    evaluation = {"metrics": {"precision_x": 0.3, "largest_share_x": 0.5}}
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    assert run_status(read_runs([tmp_path])[0][0], LOWER).failure == ""


def test_diverged_run_without_metric_keeps_the_metric(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [2.0, 3.0]})
    bad = root / "loss=wgan,seed=1"
    (bad / "metrics.jsonl").write_text('{"step": 100, "loss/critic": null}\n')
    (bad / "summary.json").write_text('{"steps": 100, "health": "diverged at step 100"}')
    assert write_report([root])[1].metric == LOWER


@pytest.mark.parametrize("numbers", [{}, {"high_quality": 0.01}])
def test_equal_values_have_no_winner(tmp_path, numbers):
    root = write_sweep(tmp_path, {"gan": [3.0, 4.0], "wgan": [3.0, 4.0]})
    (text,) = findings(compared(add_metrics(root, **numbers)))
    assert f"loss=gan and loss=wgan share the lowest mean {METRIC}" in text
    assert text.endswith("All values are equal, seed by seed: what differs had no effect.")


def test_counts_of_one_are_singular(tmp_path):
    write_run(tmp_path / "run", [1.0], settings={"seed": 7})
    found = compared(tmp_path)
    assert subtitle(found) == "1 run · 1 configuration · seed 7"
    assert findings(found) == ["One configuration, all runs: mean 1 over 1 seed."]


def test_run_in_the_sweep_folder_is_last(tmp_path):
    root = write_sweep(tmp_path / "sweep", {"gan": [1.0, 2.0], "wgan": [2.0, 3.0]})
    write_run(root / "loss=gan,seed=0/inner", [5.0], settings={"seed": 5})
    write_run(tmp_path / "own", [9.0], settings={"seed": 0, "steps": 7})
    for part in (".hydra", "metrics.jsonl", "summary.json"):
        (tmp_path / "own" / part).rename(root / part)
    runs, unreadable = read_runs([root])
    assert len(runs) == 6
    assert unreadable == []
    assert runs[0].name == "sweep/loss=gan,seed=0"
    assert runs[-1].name == "sweep"
    assert any("sweep; sweep/loss=gan,seed=0" in line or "sweep/loss=gan,seed=0; sweep" in line
               for line in warnings(compare(runs, [], LOWER, {})))  # fmt: skip


def diverge(root, name, seeds=(0, 1)):
    for seed in seeds:
        write_run(
            root / f"loss={name},seed={seed}", [5.0, None], overrides=(f"loss={name}",),
            choices={"loss": name}, number=90 + seed,
            settings={"seed": seed, "loss": {"_target_": name}},
        )  # fmt: skip


def test_configurations_without_any_value_are_named(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0]})
    diverge(root, "wgan")
    diverge(root, "hinge")
    (text,) = findings(compared(root))
    assert text.startswith("Only loss=gan of 3 configurations has a value, 1.500 over 2 seeds")
    assert "Without any value: loss=hinge and loss=wgan (diverged)." in text


def test_a_run_without_value_fails_once(tmp_path):
    folder = write_run(tmp_path / "run", [5.0], summary={"health": "diverged at step 7"})
    (folder / "metrics.jsonl").write_text('{"step": 7, "loss/critic": null}\n')
    status = run_status(read_runs([tmp_path])[0][0], LOWER)
    assert (status.failure, status.exclusion) == ("diverged at step 7", "")


def test_undefined_metric_of_a_run_that_learned_nothing_is_no_divergence(tmp_path):
    root = add_metrics(write_sweep(tmp_path, {"gan": [1.0]}), modes=0, reverse_kl=None)
    found = compared(root, metric=Metric("metric/reverse_kl", True))
    assert [each.kind for each in found.statuses] == ["no mode captured"]
