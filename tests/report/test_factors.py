"""Which settings are factors, and which do not separate configurations."""

from pathlib import Path

import yaml

from gan_zoo.report.factors import IGNORED, find_factors
from gan_zoo.report.read_runs import read_runs
from gan_zoo.report.warnings import warnings
from report_folders import by_label, compared, write_run


def test_swept_choice_is_the_factor_its_recipe_covaries(tmp_path):
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


def test_two_swept_keys_are_factors_in_order(tmp_path):
    for lr in (0.1, 0.2):
        for slope in (-1, 0):
            write_run(
                tmp_path / f"{lr}{slope}", [1.0],
                overrides=(f"optimizer.lr={lr}", f"loss.slope={slope}"),
                settings={"optimizer": {"lr": lr}, "loss": {"slope": slope}},
            )  # fmt: skip
    assert find_factors(read_runs([tmp_path])[0]).factors == ("optimizer.lr", "loss.slope")


def test_settings_without_override_separate_configurations(tmp_path):
    write_run(tmp_path / "a", [1.0], settings={"optimizer": {"lr": 0.1}})
    write_run(tmp_path / "b", [1.0], settings={"optimizer": {"lr": 0.2}})
    write_run(tmp_path / "c", [1.0], settings={"seed": 1, "optimizer": {"lr": 0.2}})
    groups = {label: len(c.statuses) for label, c in by_label(compared(tmp_path)).items()}
    assert groups == {"optimizer.lr=0.1": 1, "optimizer.lr=0.2": 2}


def test_null_equals_a_setting_that_an_earlier_version_lacks(tmp_path):
    write_run(tmp_path / "a", [1.0])
    write_run(tmp_path / "b", [1.0], settings={"seed": 1, "optimizer": {"eps": None}})
    assert [len(each.scores) for each in compared(tmp_path).configurations] == [2]


def test_monitoring_settings_do_not_separate_configurations(tmp_path):
    for i, n in enumerate((100, 200)):
        logged = {"evaluation": {"num_samples": n}, "min_log_interval": i, "retry_failed": bool(i)}
        write_run(tmp_path / str(i), [1.0], settings={"seed": i, "sweep": f"name{i}", **logged})
    found = compared(tmp_path)
    assert len(found.configurations) == 1
    ignored = {"evaluation.num_samples", "sweep", "min_log_interval", "retry_failed"}
    assert set(found.factor_set.ignored) == ignored
    write_run(tmp_path / "other", [1.0], settings={"seed": 0, "dataset": {"root": "elsewhere"}})
    assert len(compared(tmp_path).configurations) == 2


def test_equal_integer_and_float_are_one_value(tmp_path):
    for i, slope in enumerate((1, 1.0)):
        settings = {"seed": i, "loss": {"slope": slope}}
        write_run(tmp_path / str(i), [1.0], settings=settings)
    assert len(compared(tmp_path).configurations) == 1


def test_ignored_settings_exist():
    configs = Path(__file__).parents[2] / "configs"
    train = yaml.safe_load((configs / "train.yaml").read_text())
    datasets = [yaml.safe_load(path.read_text()) for path in configs.glob("dataset/*.yaml")]
    known = {*train, *(f"dataset.{key}" for key in train["dataset"])}
    known |= {f"dataset.{key}" for node in datasets for key in {**node, **node.get("dataset", {})}}
    assert {*IGNORED} <= known


def test_settings_taken_from_a_factor_do_not_change_beside_it(tmp_path):
    for lr in (0.1, 0.2):
        rates = {
            "lr": lr,
            "critic": {"lr": "${optimizer.lr}"},
            "generator": {"lr": "${optimizer.critic.lr}"},
        }
        write_run(
            tmp_path / f"{lr}", [1.0], overrides=(f"optimizer.lr={lr}",),
            settings={"optimizer": rates},
        )  # fmt: skip
    runs, _ = read_runs([tmp_path])
    assert [run.settings["optimizer.generator.lr"] for run in runs] == [0.1, 0.2]
    assert find_factors(runs).covarying == ()
    assert not any("Other settings" in line for line in warnings(compared(tmp_path)))
