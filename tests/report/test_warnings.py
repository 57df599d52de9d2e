"""Warnings about the numbers of a comparison."""

import json
import sys

import pytest

from gan_zoo.commands.report import main
from gan_zoo.report.commands import evaluation_needed
from gan_zoo.report.markdown import markdown
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.protocols import protocol_names
from gan_zoo.report.recipe import recipe_columns
from gan_zoo.report.warnings import warnings
from report_folders import (
    METRIC,
    by_label,
    compared,
    write_run,
    write_sweep,
    write_unevaluated_sweep,
)


def test_metric_of_most_runs_is_suggested(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0], "wgan": [2.0]})
    lines = root / "loss=gan,seed=0/metrics.jsonl"
    lines.write_text(lines.read_text().replace(METRIC, "metric/other"))
    text = " ".join(warnings(compared(root, metric=None)))
    assert "1 of 2 finished runs has metric/" in text


def test_values_before_the_end_are_warned_of(tmp_path):
    for name, evaluation in (("curve", None), ("later", {"step": 250}), ("end", {"step": 300})):
        folder = write_run(tmp_path / name, [2.0, 1.0], settings={"seed": name})
        with (folder / "metrics.jsonl").open("a") as lines:
            lines.write('{"step": 300, "loss/critic": 1.0}\n')
        config = (folder / ".hydra/config.yaml").read_text().replace("steps: 200", "steps: 300")
        (folder / ".hydra/config.yaml").write_text(config)
        (folder / "summary.json").write_text('{"steps": 300}')
        if evaluation:
            content = {**evaluation, "metrics": {METRIC: 1.0}}
            (folder / "evaluation.json").write_text(json.dumps(content))
    (text,) = [line for line in warnings(compared(tmp_path)) if "before the end" in line]
    assert "curve (step 200); later (step 250)" in text
    assert "end (" not in text


def test_broken_lines_are_counted(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [2.0, 3.0]})
    path = root / "loss=gan,seed=1" / "metrics.jsonl"
    path.write_text("broken\n{}\n" + path.read_text())
    (text,) = [line for line in warnings(compared(root)) if "cannot be read" in line]
    assert text.endswith(" are missing here: loss=gan,seed=1 (2).")
    path.write_text(path.read_text() + '{"step": 3')  # the report names the run for this itself
    (text,) = [line for line in warnings(compared(root)) if "cannot be read" in line]
    assert text.endswith(": loss=gan,seed=1 (2).")


def test_failures_are_counted_and_warned_of(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0, 3.0], "wgan": [1.0, 2.0]})
    write_run(
        root / "bad", [5.0, None], overrides=("loss=wgan",), choices={"loss": "wgan"},
        settings={"seed": 2, "loss": {"_target_": "gan_zoo.losses.wgan"}},
    )  # fmt: skip
    found = compared(root)
    wgan = by_label(found)["loss=wgan"]
    assert (wgan.failures, len(wgan.runs), wgan.mean) == (1, 3, 1.5)
    assert wgan.failure_rate.high == pytest.approx(0.906, abs=1e-3)
    assert any("1 of 3 runs diverged" in line for line in warnings(found))


def test_runs_without_a_value_are_not_all_called_diverged(tmp_path):
    saturated = {"steps": 100, "health": "critic saturated since step 50"}
    for seed, summary in enumerate((None, saturated, {"health": "diverged at step 200"})):
        write_run(tmp_path / str(seed), [2.0, 1.0], settings={"seed": seed}, summary=summary)
    found = " ".join(warnings(compared(tmp_path)))
    assert "2 of 3 runs have no value (critic saturated, diverged); its mean is over" in found


def test_diverged_runs_cannot_be_evaluated(tmp_path):
    root = write_unevaluated_sweep(tmp_path)
    summary = json.dumps({"steps": 100, "health": "diverged at step 100 (loss is nan)"})
    first, *others = sorted(root.iterdir())
    for folder in others:
        (folder / "summary.json").write_text(summary)
    assert "evaluate the runs" in warnings(compared(root, metric=None))[0]
    (first / "summary.json").write_text(summary)
    assert warnings(compared(root, metric=None))[0] == "Every run diverged, so nothing is ranked."


def test_unequal_budgets_protocols_and_repeated_runs(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0]})
    like = {"seed": 0, "loss": {"_target_": "gan_zoo.losses.gan"}}
    write_run(
        root / "wgan", [1.0, 2.0], settings={"loss": {"_target_": "gan_zoo.losses.wgan"}},
        summary={"images_seen": 5 * 12800, "protocol": {"n": 100}}, choices={"loss": "wgan"},
    )  # fmt: skip
    write_run(root / "z-again", [3.0, 4.0], settings=like, choices={"loss": "gan"}, number=99)
    found = compared(root)
    text = " ".join(warnings(found))
    assert "real images seen range from 12,800 to 64,000" in text
    assert "2 different protocols" in text
    assert "(protocol not stated against num_samples 100)" in text
    assert [run.name for run in found.repeated] == ["loss=gan,seed=0"]
    assert by_label(found)["loss=gan"].scores == {"0.0": 4.0, "1.0": 2.0}


@pytest.mark.parametrize("losses", [{"gan": [1.0]}, {"gan": [1.0], "wgan": [None]}])
def test_one_seed_of_one_configuration_is_no_difference(tmp_path, losses):
    for loss, (value,) in losses.items():
        settings = {"loss": {"_target_": loss}}
        write_run(tmp_path / loss, [value], settings=settings, choices={"loss": loss})
    text = " ".join(warnings(compared(tmp_path)))
    assert "One seed only: how much the metric varies from seed to seed is unknown." in text
    assert "difference" not in text


def test_one_seed_of_each_configuration_may_be_the_difference(tmp_path):
    (text,) = warnings(compared(write_sweep(tmp_path, {"gan": [1.0], "wgan": [2.0]})))
    assert text.startswith("Every configuration has one seed only, so significance is unknown")


def test_equal_budgets_give_no_warning(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [2.0, 3.0]})
    assert warnings(compared(root)) == []


def test_diverged_runs_are_no_smaller_budget(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [2.0]})
    for name in ("loss=gan,seed=0", "loss=wgan,seed=0"):
        path = root / name / "summary.json"
        facts = {"health": "diverged at step 2", "steps": 2, "seconds": 0.1, "images_seen": 16}
        path.write_text(json.dumps(facts))
    found = compared(root)
    assert not any("Unequal budgets" in line for line in warnings(found))
    seconds = [each.mean_over_runs(lambda run: run.seconds) for each in found.configurations]
    assert seconds == [12.5, None]
    assert "| loss=wgan | " in markdown(found, {})


@pytest.mark.parametrize(
    ("name", "values", "listed"),
    [
        ("threads", (16, 2, None, 2), "2, 16 CPU threads"),
        ("device_name", ("H200", None, "H100", "H100"), "H100, H200"),
        ("device_name", ("H100", None, "H100", "H100"), None),
    ],
)
def test_seconds_on_other_devices_or_threads_are_warned_of(tmp_path, name, values, listed):
    for seed, value in enumerate(values):
        facts = {name: value} if value else {}
        write_run(tmp_path / str(seed), [1.0 + seed], settings={"seed": seed}, summary=facts)
    found = [line for line in warnings(compared(tmp_path)) if line.startswith("Seconds")]
    text = f"Seconds are not comparable: the runs used {listed}."
    assert found == ([text] if listed else [])


def test_data_warning_needs_different_data(tmp_path):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0]})
    for seed, facts in enumerate(({"dataset_fingerprint": "a"}, {"dataset_fingerprint": "a"})):
        path = root / f"loss=gan,seed={seed}/summary.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))
    assert warnings(compared(root)) == []
    history = [{"fingerprint": "b", "from_step": 0}, {"fingerprint": "a", "from_step": 9}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "dataset_history": history}))
    (text,) = warnings(compared(root))
    assert text == "Resumed with other data than at the start: loss=gan,seed=1."


def test_protocols_are_named_by_their_difference(tmp_path, monkeypatch, capsys):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0], "wgan": [3.0, 4.0]})
    for folder in root.iterdir():
        n = 1500 if "wgan" in folder.name else 2000
        protocol = {"dataset": "MNIST", "n": n, "n_reference": n, "reference_fingerprint": str(n)}
        content = {"step": 200, "metrics": {METRIC: float(n)}, "protocol": {METRIC: protocol}}
        (folder / "evaluation.json").write_text(json.dumps(content))
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints/00000200.pt").touch()
    found = compared(root)
    assert list(found.datasets) == ["glyphs, num_samples 2,000", "glyphs, num_samples 1,500"]
    (text,) = [line for line in warnings(found) if "protocols" in line]
    assert "(num_samples 1,500 against num_samples 2,000)" in text
    monkeypatch.setattr(sys, "argv", ["report", str(root)])
    main()
    command = evaluation_needed(found)
    assert command.startswith("python ")
    assert command.endswith("/*=* num_samples=2000")
    line = f"runs of 2 protocols are compared separately; evaluate all alike: {command}"
    assert capsys.readouterr().out.splitlines()[1] == line
    for name in ("report.md", "report.html"):
        assert command in (root / "report" / name).read_text()


def write_data_sweep(root):
    """Write a sweep over loss and dataset.modes, whose data and protocols differ by the latter."""
    for number, (loss, modes) in enumerate((a, b) for a in ("gan", "wgan") for b in (4, 8)):
        facts = {"dataset_fingerprint": f"data{modes}"}
        folder = write_run(
            root / f"loss={loss},modes={modes}", [3.0, 2.0], number=number,
            overrides=(f"loss={loss}", f"dataset.modes={modes}"),
            choices={"loss": loss, "dataset": "ring"},
            settings={"loss": {"_target_": loss}, "dataset": {"modes": modes}},
            summary=facts | {"protocol": {"n": 100, **facts}},
        )  # fmt: skip
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints/00000200.pt").touch()
    return root


def test_other_data_is_no_matter_of_evaluation(tmp_path, monkeypatch, capsys):
    root = write_data_sweep(tmp_path)
    unfinished = write_run(
        root / "seed=1", [3.0, 2.0], overrides=("loss=gan", "dataset.modes=8", "seed=1"),
        choices={"loss": "gan", "dataset": "ring"},
        settings={"loss": {"_target_": "gan"}, "dataset": {"modes": 8}, "seed": 1},
    )  # fmt: skip
    (unfinished / "summary.json").unlink()
    found = compared(root)
    assert list(found.datasets) == ["ring, dataset.modes=4", "ring, dataset.modes=8"]
    assert [len(each.statuses) for each in found.configurations] == [1, 2, 1, 1]
    text = " ".join(warnings(found))
    assert "used 2 different sets of data of that name: numbers are compared" in text
    assert "protocols" not in text
    assert evaluation_needed(found) == ""
    monkeypatch.setattr(sys, "argv", ["report", str(root)])
    main()
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_protocols_count_within_equal_data(tmp_path):
    root = write_data_sweep(tmp_path)
    path = root / "loss=gan,modes=4/summary.json"
    path.write_text(path.read_text().replace('"n": 100', '"n": 200'))
    found = compared(root)
    assert set(found.datasets) == {
        "ring, dataset.modes=4, num_samples 200", "ring, dataset.modes=4, num_samples 100",
        "ring, dataset.modes=8",
    }  # fmt: skip
    (text,) = [line for line in warnings(found) if "protocols" in line]
    assert "by 2 different protocols on ring, dataset.modes=4 (num_samples 100 against" in text
    assert evaluation_needed(found).endswith("num_samples=200")


def test_command_for_other_tags_has_no_number_of_samples(tmp_path):
    root = write_unevaluated_sweep(tmp_path)
    for folder in root.iterdir():
        protocol = {"n": 512, "dataset_fingerprint": folder.name}
        content = {"metrics": {"critic/auroc": 0.5}, "protocol": {"critic/auroc": protocol}}
        (folder / "evaluation.json").write_text(json.dumps(content))
    found = compared(root, metric=Metric("critic/auroc", lower_is_better=True))
    assert evaluation_needed(found).endswith("/*=*")


def test_names_of_protocols_differ_as_they_do():
    first = {"n": 100, "seed": 0, "reference_fingerprint": "a", "feature_net": "x"}
    others = [first | change for change in ({"seed": 1}, {"reference_fingerprint": "b"}, {"n": 9})]
    names = protocol_names([json.dumps(each) for each in (first, *others)])
    assert len({*names.values()}) == 5
    assert "feature_net" not in "".join(names.values())
    assert protocol_names(["", '"a"', "[1]"]) == {
        "": "protocol not stated", '"a"': '"a"', "[1]": "[1]",
    }  # fmt: skip
    assert protocol_names(['{"n": 1}', '{"n": "1"}'])['{"n": 1}'] == '{"n": 1}'


def write_parts(folder, part, *, typed, number=0):
    """Write a run of regularizer=r1_r2, whose first part is a choice of its own; "": of none."""
    settings = {"_target_": "gan_zoo.regularizers.Combined"}
    if part:
        settings["parts"] = {"r1": {"_target_": f"gan_zoo.regularizers.{part}", part: 1.0}}
    package = "regularizer@regularizer.parts.r1"
    write_run(
        folder,
        [1.0 + number],
        overrides=(f"{package}={part}",) if typed else (f"regularizer={part or 'none'}",),
        settings={"regularizer": settings},
        choices={"regularizer": "r1_r2" if part else "none", **({package: part} if part else {})},
        number=number,
    )


def test_parts_of_a_regularizer_are_no_other_setting(tmp_path):
    write_parts(tmp_path / "a", "R1", typed=False)
    write_parts(tmp_path / "b", "", typed=False, number=1)
    found = compared(tmp_path)
    assert found.factor_set.factors == ("regularizer",)
    assert not [line for line in warnings(found) if "Other settings" in line]
    titles = [column.title for column in recipe_columns(found.configurations, found.factor_set)]
    assert not [title for title in titles if "@" in title]


def test_settings_of_a_swept_part_are_no_other_setting(tmp_path):
    write_parts(tmp_path / "a", "R1", typed=True)
    write_parts(tmp_path / "b", "Dragan", typed=True, number=1)
    found = compared(tmp_path)
    assert found.factor_set.factors == ("regularizer@regularizer.parts.r1",)
    assert not [line for line in warnings(found) if "Other settings" in line]


def test_a_typed_setting_that_changes_with_another_is_named_in_full(tmp_path):
    for i, (lr, slope) in enumerate(((0.1, 0.0), (0.2, 0.0), (0.3, 1.0))):
        write_run(
            tmp_path / str(i),
            [1.0 + i],
            overrides=(f"optimizer.lr={lr}", f"loss.slope={slope}"),
            settings={"optimizer": {"lr": lr}, "loss": {"slope": slope}},
            number=i,
        )
    assert any("change with optimizer.lr: loss.slope." in x for x in warnings(compared(tmp_path)))


def test_settings_of_a_group_that_changes_are_not_named_beside_it(tmp_path):
    for i, loss in enumerate(("gan", "wgan")):
        write_run(
            tmp_path / loss,
            [1.0 + i],
            overrides=(f"loss={loss}",),
            settings={"regularizer": {"_target_": loss, **({"bound": 0.1} if i else {})}},
            choices={"loss": loss, "regularizer": "weight_clip" if i else "none"},
            number=i,
        )
    assert any("change with loss: regularizer. Their" in x for x in warnings(compared(tmp_path)))
