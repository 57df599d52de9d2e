"""What varied, who is compared with whom, and what is said of it."""

import dataclasses
import json

import numpy as np
import pytest

from gan_zoo.report.comparison import compare
from gan_zoo.report.factors import find_factors
from gan_zoo.report.findings import findings
from gan_zoo.report.metric_info import Metric, choose_metric, lower_is_better
from gan_zoo.report.runs import read_runs
from gan_zoo.report.warnings import warnings
from gan_zoo.schema import ConfigError
from report_folders import METRIC, write_run, write_sweep

LOWER = Metric(METRIC, lower_is_better=True)


def compared(*roots, metric=LOWER, baseline=None):
    return compare(*read_runs(roots), metric, baseline or {})


def by_label(found):
    return {each.label: each for each in found.configurations}


def test_the_swept_choice_is_the_factor_and_its_recipe_follows(tmp_path):
    for loss, lr in (("gan", 0.1), ("wgan", 0.2)):
        for seed in (0, 1):
            settings = {"seed": seed, "loss": {"_target_": loss}, "optimizer": {"lr": lr}}
            write_run(
                tmp_path / f"{loss}{seed}", [1.0],
                overrides=(f"loss={loss}", "batch_size=64", f"seed={seed}"),
                settings={**settings, "log_every": 100 + seed},
                choices={"loss": loss, "optimizer": f"recipe of {loss}"},
            )  # fmt: skip
    found = find_factors(read_runs([tmp_path])[0])
    assert found.factors == ("loss",)
    assert set(found.covarying) == {"optimizer", "optimizer.lr", "loss._target_"}
    assert found.ignored == ("log_every",)
    assert found.equal["steps"] == 100


def test_two_swept_keys_are_two_factors_in_the_order_of_the_command_line(tmp_path):
    for lr in (0.1, 0.2):
        for slope in (-1, 0):
            write_run(
                tmp_path / f"{lr}{slope}", [1.0],
                overrides=(f"optimizer.lr={lr}", f"loss.slope={slope}"),
                settings={"optimizer": {"lr": lr}, "loss": {"slope": slope}},
            )  # fmt: skip
    assert find_factors(read_runs([tmp_path])[0]).factors == ("optimizer.lr", "loss.slope")


def test_settings_that_differ_without_an_override_still_part_configurations(tmp_path):
    write_run(tmp_path / "a", [1.0], settings={"optimizer": {"lr": 0.1}})
    write_run(tmp_path / "b", [1.0], settings={"optimizer": {"lr": 0.2}})
    write_run(tmp_path / "c", [1.0], settings={"seed": 1, "optimizer": {"lr": 0.2}})
    groups = {label: len(c.statuses) for label, c in by_label(compared(tmp_path)).items()}
    assert groups == {"optimizer.lr=0.1": 1, "optimizer.lr=0.2": 2}


def test_how_a_run_is_watched_does_not_part_configurations_but_its_data_does(tmp_path):
    for i, n in enumerate((100, 200)):
        logged = {"evaluation": {"n": n}, "min_log_interval": i, "retry_failed": bool(i)}
        write_run(tmp_path / str(i), [1.0], settings={"seed": i, "sweep": f"name{i}", **logged})
    found = compared(tmp_path)
    assert len(found.configurations) == 1
    ignored = {"evaluation.n", "sweep", "min_log_interval", "retry_failed"}
    assert set(found.factor_set.ignored) == ignored
    write_run(tmp_path / "other", [1.0], settings={"seed": 0, "dataset": {"root": "elsewhere"}})
    assert len(compared(tmp_path).configurations) == 2


def test_an_integer_and_the_same_float_are_one_value(tmp_path):
    for i, slope in enumerate((1, 1.0)):
        settings = {"seed": i, "loss": {"slope": slope}}
        write_run(tmp_path / str(i), [1.0], settings=settings)
    assert len(compared(tmp_path).configurations) == 1


def test_differences_are_paired_by_seed_with_the_first_configuration(tmp_path):
    root = write_sweep(tmp_path, {"gan": [10.0, 20.0, 30.0], "wgan": [9.0, 18.5, 29.5]})
    found = by_label(compared(root))
    assert found["loss=gan"].difference is None
    assert found["loss=wgan"].baseline == "loss=gan"
    assert found["loss=wgan"].difference.mean == pytest.approx(-1.0)


def test_the_baseline_can_be_named_and_must_exist(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [3.0, 5.0]})
    found = by_label(compared(root, baseline={"loss": "wgan"}))
    assert found["loss=gan"].difference.mean == pytest.approx(-2.5)
    with pytest.raises(ConfigError, match="no configuration has that; it was gan, wgan"):
        compared(root, baseline={"loss": "lsgan"})
    with pytest.raises(ConfigError, match="not varied"):
        compared(root, baseline={"steps": "7"})


def test_with_two_factors_the_baseline_is_the_one_alike_in_the_other(tmp_path):
    for loss in ("gan", "wgan"):
        for lr in (0.1, 0.2):
            write_run(
                tmp_path / f"{loss}{lr}", [1.0], overrides=(f"loss={loss}", f"optimizer.lr={lr}"),
                settings={"loss": {"_target_": loss}, "optimizer": {"lr": lr}},
                choices={"loss": loss},
            )  # fmt: skip
    found = by_label(compared(tmp_path, baseline={"loss": "gan"}))
    assert found["loss=wgan, optimizer.lr=0.2"].baseline == "loss=gan, optimizer.lr=0.2"
    assert found["loss=gan, optimizer.lr=0.2"].baseline == ""


def test_datasets_are_neither_compared_nor_ranked_together(tmp_path):
    for dataset, level in (("glyphs", 5.0), ("mnist", 50.0)):
        for seed in (0, 1):
            write_run(
                tmp_path / f"{dataset}{seed}", [level + seed],
                overrides=(f"dataset={dataset}",), choices={"dataset": dataset},
                settings={"seed": seed, "dataset": {"_target_": dataset}},
            )  # fmt: skip
    found = compared(tmp_path)
    assert [each.difference for each in found.configurations] == [None, None]
    assert [each.p_best for each in found.configurations] == [None, None]
    assert any("within each of them only" in line for line in warnings(found))


def test_a_known_effect_is_found_and_named(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.3, (3, 6))
    levels = {"gan": 10.0, "lsgan": 7.0, "wgan": 14.0}
    root = write_sweep(
        tmp_path, {k: (v + n).tolist() for (k, v), n in zip(levels.items(), noise, strict=True)}
    )
    found = compared(root)
    assert {label for label, each in by_label(found).items() if each.is_significant} == {
        "loss=lsgan",
        "loss=wgan",
    }
    (said,) = findings(found)
    assert said.startswith("loss=lsgan has the lowest mean")
    assert "2 differ" in said
    assert by_label(found)["loss=lsgan"].p_best == 1.0


def test_no_difference_is_claimed_where_there_is_none(tmp_path):
    noise = np.random.default_rng(1).normal(5, 1, (3, 4)).tolist()
    root = write_sweep(tmp_path, dict(zip(("gan", "lsgan", "wgan"), noise, strict=True)))
    (said,) = findings(compared(root))
    assert "None of 2 comparisons with loss=gan shows a difference" in said


def test_one_seed_says_that_nothing_can_be_said(tmp_path):
    found = compared(write_sweep(tmp_path, {"gan": [1.0], "wgan": [100.0]}))
    assert "significance is unknown" in findings(found)[0]
    assert any("significance is unknown" in line for line in warnings(found))
    assert [each.interval for each in found.configurations] == [None, None]


def test_without_a_common_metric_losses_are_not_ranked(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0], "wgan": [2.0]})
    found = compared(root, metric=None)
    assert "nothing is ranked" in findings(found)[0]
    assert any("not comparable" in line for line in warnings(found))
    losses = compared(root, metric=Metric("loss/critic", True))
    assert any("no measure of quality" in line for line in warnings(losses))


def test_a_metric_that_some_runs_lack_is_proposed(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0], "wgan": [2.0]})
    lines = root / "loss=gan,seed=0/metrics.jsonl"
    lines.write_text(lines.read_text().replace(METRIC, "metric/other"))
    said = " ".join(warnings(compared(root, metric=None)))
    assert "1 of 2 finished runs has metric/" in said


def test_values_from_before_the_end_are_told(tmp_path):
    for name, evaluation in (("curve", None), ("later", {"step": 100}), ("end", {"step": 300})):
        folder = write_run(tmp_path / name, [2.0, 1.0], settings={"seed": name})
        with (folder / "metrics.jsonl").open("a") as lines:
            lines.write('{"step": 300, "loss/critic": 1.0}\n')
        config = (folder / ".hydra/config.yaml").read_text().replace("steps: 200", "steps: 300")
        (folder / ".hydra/config.yaml").write_text(config)
        (folder / "summary.json").write_text('{"steps": 300}')
        if evaluation:
            content = {**evaluation, "metrics": {METRIC: 1.0}}
            (folder / "evaluation.json").write_text(json.dumps(content))
    (said,) = [line for line in warnings(compared(tmp_path)) if "before the end" in line]
    assert "curve (step 200); later (step 100)" in said
    assert "end (" not in said


def test_failures_are_counted_and_survivors_flatter(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0, 3.0], "wgan": [1.0, 2.0]})
    write_run(
        root / "bad", [5.0, None], overrides=("loss=wgan",), choices={"loss": "wgan"},
        settings={"seed": 2, "loss": {"_target_": "gan_zoo.losses.wgan"}},
    )  # fmt: skip
    found = compared(root)
    sick = by_label(found)["loss=wgan"]
    assert (sick.failures, len(sick.runs), sick.mean) == (1, 3, 1.5)
    assert sick.failure_rate.high == pytest.approx(0.906, abs=1e-3)
    assert any("1 of 3 runs diverged" in line for line in warnings(found))


def test_unequal_budgets_and_protocols_and_repetitions_are_told(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0]})
    like = {"seed": 0, "loss": {"_target_": "gan_zoo.losses.gan"}}
    write_run(
        root / "wgan", [1.0, 2.0], settings={"loss": {"_target_": "gan_zoo.losses.wgan"}},
        summary={"images_seen": 5 * 12800, "protocol": {"n": 100}}, choices={"loss": "wgan"},
    )  # fmt: skip
    write_run(root / "z-again", [3.0, 4.0], settings=like, choices={"loss": "gan"}, number=99)
    found = compared(root)
    said = " ".join(warnings(found))
    assert "real images seen range from 12,800 to 64,000" in said
    assert "2 different protocols" in said
    assert '{"n": 100}' in said
    assert [run.name for run in found.repeated] == ["loss=gan,seed=0"]
    assert by_label(found)["loss=gan"].scores == {"0.0": 4.0, "1.0": 2.0}


def test_equal_budgets_are_not_warned_of(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [2.0, 3.0]})
    assert warnings(compared(root)) == []


@pytest.mark.parametrize(
    ("tag", "lower"),
    [
        ("metric/frechet_mnist_cnn", True), ("metric/classification_error", True),
        ("metric/kernel_distance_mnist_cnn", True), ("metric/kernel_distance_error_cnn", None),
        ("metric/sliced_wasserstein", True), ("metric/jsd", True), ("metric/modes", False),
        ("metric/high_quality", False), ("metric/recall_mnist_cnn", False), ("loss/critic", None),
        ("perf/images_per_second", False), ("metric/skidding", None),
    ],
)  # fmt: skip
def test_directions_known_by_name(tag, lower):
    assert lower_is_better(tag) is lower


def test_the_metric_is_one_that_all_runs_have_unless_asked_for():
    tags = [{"loss/critic", "metric/modes", "metric/jsd"}, {"metric/modes", "metric/frechet_x"}]
    assert choose_metric(None, None, tags) == Metric("metric/modes", False)
    assert choose_metric(None, None, [{"loss/critic"}]) is None
    assert choose_metric("metric/jsd", False, tags) == Metric("metric/jsd", False)
    with pytest.raises(ConfigError, match="did you mean metric/modes"):
        choose_metric("metric/mode", None, tags)
    with pytest.raises(ConfigError, match="--better"):
        choose_metric("loss/critic", None, tags)


def test_holm_counts_every_comparison_of_the_report(tmp_path):
    values = {f"loss{i}": [1.0 + i, 2.0 + 1.5 * i, 2.5 + i] for i in range(5)}
    found = compared(write_sweep(tmp_path, values))
    tested = [each for each in found.configurations if each.difference]
    smallest = min(tested, key=lambda each: each.difference.p)
    assert smallest.p_holm == pytest.approx(4 * smallest.difference.p)
    assert all(dataclasses.asdict(each)["p_holm"] >= each.difference.p for each in tested)


def test_values_of_unlike_protocols_never_stand_in_one_comparison(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [3.0, 4.0]})
    for folder in sorted(root.iterdir()):
        n = 100 if "seed=1" in folder.name else 5000
        path = folder / "summary.json"
        facts = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**facts, "protocol": {"n": n}}))
    found = compared(root)
    assert len(found.configurations) == 4
    assert len(found.datasets) == 2
    for peers in found.datasets.values():
        protocols = {each.run.protocol(found.metric.tag) for c in peers for each in c.statuses}
        assert len(peers) == 2
        assert len(protocols) == 1
    assert all(len(each.scores) == 1 for each in found.configurations)
