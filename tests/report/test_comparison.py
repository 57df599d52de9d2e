"""Baselines, differences, ranking, and which runs are comparable."""

import dataclasses
import json

import numpy as np
import pytest

from gan_zoo.report.build import write_report
from gan_zoo.report.commands import evaluation_needed
from gan_zoo.report.findings import findings
from gan_zoo.report.markdown import markdown
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.warnings import warnings
from gan_zoo.schema import ConfigError
from report_folders import METRIC, by_label, compared, write_run, write_sweep


def test_differences_are_from_the_first_configuration(tmp_path):
    root = write_sweep(tmp_path, {"gan": [10.0, 20.0, 30.0], "wgan": [9.0, 18.5, 29.5]})
    found = by_label(compared(root))
    assert found["loss=gan"].difference is None
    assert found["loss=wgan"].baseline == "loss=gan"
    assert found["loss=wgan"].difference.mean == pytest.approx(-1.0)


def test_baseline_can_be_chosen_and_must_exist(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [3.0, 5.0]})
    found = by_label(compared(root, baseline={"loss": "wgan"}))
    assert found["loss=gan"].difference.mean == pytest.approx(-2.5)
    with pytest.raises(ConfigError, match="no configuration has that; it was gan, wgan"):
        compared(root, baseline={"loss": "lsgan"})
    with pytest.raises(ConfigError, match="not varied"):
        compared(root, baseline={"steps": "7"})


def test_baseline_is_equal_in_the_other_factor(tmp_path):
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


def test_datasets_are_compared_separately(tmp_path):
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


def write_datasets(root, levels, tags):
    """Write a sweep over dataset, loss and seed, whose metric has another tag on each dataset."""
    for dataset, level in levels.items():
        for loss, above in (("gan", 1.0), ("wgan", 0.0)):
            for seed in (0, 1, 2):
                folder = write_run(
                    root / f"{dataset}{loss}{seed}", [level + 5, level + above + seed / 10],
                    overrides=(f"dataset={dataset}", f"loss={loss}"),
                    choices={"dataset": dataset, "loss": loss},
                    settings={
                        "seed": seed, "dataset": {"_target_": dataset}, "loss": {"_target_": loss},
                    },
                )  # fmt: skip
                lines = folder / "metrics.jsonl"
                lines.write_text(lines.read_text().replace(METRIC, tags[dataset]))
    return root


def test_datasets_are_ranked_by_their_own_tags(tmp_path):
    levels = {"mnist": 50.0, "glyphs": 5.0}
    tags = {dataset: f"metric/frechet_{dataset}_cnn" for dataset in levels}
    page, found = write_report([write_datasets(tmp_path, levels, tags)])
    assert str(found.metric) == "metric/frechet (lower is better)"
    means = {each.label: each.mean for each in found.configurations}
    assert means == {
        f"dataset={dataset}, loss={loss}": pytest.approx(level + above + 0.1)
        for dataset, level in levels.items()
        for loss, above in (("gan", 1.0), ("wgan", 0.0))
    }
    assert len(findings(found)) == 2
    assert not any("nothing is ranked" in line for line in warnings(found))
    assert evaluation_needed(found) == ""
    figures = {path.stem for path in (page.parent / "figures").glob("*.png")}
    assert {"intervals_0", "intervals_1", "learning_0", "learning_1"} <= figures
    assert write_report([tmp_path], metric="frechet")[1].metric == found.metric


def test_tags_of_one_dataset_are_compared_separately(tmp_path):
    tags = {"mnist": "metric/frechet_mnist_cnn", "glyphs": "metric/frechet_glyphs_cnn"}
    root = write_datasets(tmp_path, {"mnist": 50.0, "glyphs": 5.0}, tags)
    lines = root / "glyphswgan0/metrics.jsonl"
    lines.write_text(lines.read_text().replace("glyphs_cnn", "glyphs_rotation"))
    _, found = write_report([root])
    assert {*found.datasets} == {
        "mnist", "glyphs, metric/frechet_glyphs_cnn", "glyphs, metric/frechet_glyphs_rotation",
    }  # fmt: skip


def test_datasets_without_a_common_metric_are_not_evaluated_in_vain(tmp_path):
    tags = {"mnist": "metric/frechet_mnist_cnn", "ring": "metric/modes"}
    root = write_datasets(tmp_path, {"mnist": 50.0, "ring": 5.0}, tags)
    for folder in [*root.iterdir()]:
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints/00000200.pt").touch()
    _, found = write_report([root])
    assert (found.metric, evaluation_needed(found)) == (None, "")
    assert warnings(found)[0].startswith("The datasets have no metric in common, so nothing is")


def test_known_effect_is_significant(tmp_path):
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
    (text,) = findings(found)
    assert text.startswith("loss=lsgan has the lowest mean")
    assert "2 differ" in text
    assert by_label(found)["loss=lsgan"].p_best == 1.0


def test_no_difference_is_not_significant(tmp_path):
    noise = np.random.default_rng(1).normal(5, 1, (3, 4)).tolist()
    root = write_sweep(tmp_path, dict(zip(("gan", "lsgan", "wgan"), noise, strict=True)))
    (text,) = findings(compared(root))
    assert "None of 2 comparisons with loss=gan shows a difference" in text


def test_one_seed_has_unknown_significance(tmp_path):
    found = compared(write_sweep(tmp_path, {"gan": [1.0], "wgan": [100.0]}))
    assert "significance is unknown" in findings(found)[0]
    assert any("significance is unknown" in line for line in warnings(found))
    assert [each.interval for each in found.configurations] == [None, None]


def test_losses_are_not_ranked_without_a_metric(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0], "wgan": [2.0]})
    found = compared(root, metric=None)
    assert "nothing is ranked" in findings(found)[0]
    assert any("not comparable" in line for line in warnings(found))
    losses = compared(root, metric=Metric("loss/critic", True))
    assert any("no measure of quality" in line for line in warnings(losses))


def test_holm_counts_every_comparison_of_the_report(tmp_path):
    values = {f"loss{i}": [1.0 + i, 2.0 + 1.5 * i, 2.5 + i] for i in range(5)}
    found = compared(write_sweep(tmp_path, values))
    tested = [each for each in found.configurations if each.difference]
    smallest = min(tested, key=lambda each: each.difference.p)
    assert smallest.p_holm == pytest.approx(4 * smallest.difference.p)
    assert all(dataclasses.asdict(each)["p_holm"] >= each.difference.p for each in tested)


def test_different_protocols_are_compared_separately(tmp_path):
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


@pytest.mark.parametrize("stated", [True, False])
def test_diverged_run_fails_in_its_own_configuration(tmp_path, stated):
    for data, seeds in (("a", range(3)), ("b", range(2))):
        for loss in ("gan", "wgan"):
            for seed in seeds:
                diverges = (data, loss, seed) == ("b", "wgan", 1)
                summary = {"protocol": {"reference_fingerprint": data}}
                if diverges:
                    summary = summary if stated else {}
                    summary |= {"health": "diverged at step 50 (loss is nan)", "steps": 50}
                write_run(
                    tmp_path / f"{data}-{loss}-{seed}", [None if diverges else 1.0 + seed],
                    overrides=(f"loss={loss}", f"seed={seed}"), choices={"loss": loss},
                    settings={"seed": seed, "loss": {"_target_": loss}, "dataset": {"root": data}},
                    summary=summary,
                )  # fmt: skip
    found = compared(tmp_path)
    assert len(found.datasets) == 2
    assert [len(peers) for peers in found.datasets.values()] == [2, 2]
    (failed,) = [each for each in found.configurations if each.failures]
    assert (failed.factors["dataset.root"], len(failed.runs), len(failed.scores)) == ("b", 2, 1)


def test_probability_best_is_within_a_protocol(tmp_path):
    for n, losses in ((100, ("gan", "lsgan")), (5000, ("gan", "lsgan", "wgan"))):
        for loss in losses:
            for seed in (0, 1):
                best = "lsgan" if n == 100 else "gan"
                write_run(
                    tmp_path / f"{n}-{loss}-{seed}", [10.0 * (loss != best) + seed + 1],
                    overrides=(f"loss={loss}", f"seed={seed}"), choices={"loss": loss},
                    settings={"seed": seed, "loss": {"_target_": loss}, "batch_size": n},
                    summary={"protocol": {"n": n}},
                )  # fmt: skip
    chances = {
        (each.dataset[-5:], each.factors["loss"]): each.p_best
        for each in compared(tmp_path).configurations
    }
    assert len(chances) == 5
    assert chances["s 100", "lsgan"] == chances["5,000", "gan"] == 1.0
    assert chances["s 100", "gan"] == chances["5,000", "lsgan"] == 0.0


def test_finished_run_counts_and_not_its_unfinished_copy(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0]})
    copy = write_run(
        root / "z-copy", [3.0, 4.0], choices={"loss": "gan"}, number=99,
        settings={"seed": 0, "loss": {"_target_": "gan_zoo.losses.gan"}},
    )  # fmt: skip
    (copy / "summary.json").unlink()
    found = compared(root)
    assert [each.scores for each in found.configurations] == [{"0.0": 1.0, "1.0": 2.0}]
    assert "- z-copy: another run with the same configuration and seed counts" in markdown(
        found, {}
    )


def test_the_run_that_was_started_last_counts(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0]})
    (root / "loss=gan,seed=0/events.out.tfevents.200.host").touch()
    older = write_run(
        root / "z-older", [3.0, 4.0], choices={"loss": "gan"}, number=99,
        settings={"seed": 0, "loss": {"_target_": "gan_zoo.losses.gan"}},
    )  # fmt: skip
    (older / "events.out.tfevents.100.host").touch()
    assert [run.name for run in compared(root).repeated] == ["z-older"]


def test_runs_on_data_that_changed_are_no_repetition(tmp_path):
    for data in ("before", "after"):
        for seed in (0, 1):
            write_run(
                tmp_path / data / f"seed={seed}", [3.0 + seed], settings={"seed": seed},
                summary={"dataset_fingerprint": data},
            )  # fmt: skip
    unfinished = write_run(tmp_path / "copy", [3.0])
    (unfinished / "summary.json").unlink()
    found = compared(tmp_path)
    assert [run.name for run in found.repeated] == ["copy"]
    assert {each.dataset: [*each.scores] for each in found.configurations} == {
        f"glyphs, dataset_fingerprint {data}": ["0.0", "1.0"] for data in ("before", "after")
    }
    assert any("2 different sets of data" in line for line in warnings(found))


@pytest.mark.parametrize(
    ("key", "values", "typed"),
    [
        ("optimizer.lr", (0.001, 0.0001), "1e-4"),
        ("optimizer.lr", (0.001, 0.0001), 0.0001),
        ("loss.slope", (0, 1), "01"),
        ("loss.slope", (0, 1), 1),
        ("dataset.name", ("00", "01"), "01"),
        ("conditional", (False, True), "true"),
        ("optimizer.betas", ([0.5, 0.9], [0.5, 0.999]), "[0.5,0.999]"),
    ],
)
def test_baseline_is_a_value_as_typed(tmp_path, key, values, typed):
    for number, value in enumerate(values):
        write_run(
            tmp_path / f"run{number}", [1.0], overrides=(f"{key}=x",), settings={key: value},
            number=number,
        )  # fmt: skip
    _, found = write_report([tmp_path], baseline={key: typed})
    assert [each.is_baseline for each in found.configurations] == [False, True]
