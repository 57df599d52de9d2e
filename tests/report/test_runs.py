"""Reading run folders, complete and broken."""

import json
import math

import pytest

from gan_zoo.report.history import read_curves
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.read_runs import read_runs, require_runs
from gan_zoo.report.run_status import run_status
from gan_zoo.schema import ConfigError
from report_folders import METRIC, add_metrics, write_run, write_sweep

LOWER = Metric(METRIC, lower_is_better=True)


def only(root):
    (run,), unreadable = read_runs([root])
    assert not unreadable
    return run


def test_runs_are_found_once_in_sweep_order(tmp_path):
    for number, place in enumerate(["z/deep/er", "z/deep/a", "z/deep/b"]):
        write_run(tmp_path / place, [1.0], number=number)
    runs, _ = read_runs([tmp_path, tmp_path / "z", tmp_path / "z/deep/a"])
    assert [run.name for run in runs] == ["er", "a", "b"]


def test_all_files_of_a_run_are_read(tmp_path):
    write_run(
        tmp_path / "run", [3.0, 2.0], overrides=("seed=4",),
        settings={"seed": 4, "optimizer": {"lr": 0.1, "critic": {"lr": "${optimizer.lr}"}}},
        choices={"loss/divergence@loss.d": "kl", "recipe/paper@_global_": "gan"},
    )  # fmt: skip
    run = only(tmp_path)
    assert run.seed == 4
    assert run.settings["optimizer.lr"] == run.settings["optimizer.critic.lr"] == 0.1
    assert run.choices == {"dataset": "glyphs", "loss": "gan", "loss/divergence@loss.d": "kl"}
    assert run.curve(METRIC).steps.tolist() == [100, 200]
    assert run.metrics[METRIC] == 2.0
    assert (run.seconds, run.images_seen, run.steps) == (12.5, 12800, 200)
    assert run_status(run, LOWER).value == 2.0


def test_stacked_runs_share_their_time(tmp_path):
    for name, stacked in (("alone", None), ("stacked", 4)):
        rate = {"images_per_second": 640.0, "stacked": stacked}
        write_run(tmp_path / name, [3.0, 2.0], summary=rate)
    alone, one_of_four = read_runs([tmp_path])[0]
    assert (alone.seconds, one_of_four.seconds) == (12.5, 12.5 / 4)
    assert (alone.steps_per_second, one_of_four.steps_per_second) == (10.0, 40.0)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        (".hydra/config.yaml", None, "config.yaml is missing"),
        (".hydra/config.yaml", b"a: [", "config.yaml is not YAML"),
        (".hydra/config.yaml", b"", "config.yaml holds no settings"),
        (".hydra/config.yaml", b"\xff\xfe\x00garbage\x80", "config.yaml"),
        (".hydra/hydra.yaml", b"- 1", "hydra.yaml holds no settings"),
        (".hydra/overrides.yaml", b"7", "TypeError"),
        ("summary.json", b'{"steps": 2', "summary.json is not JSON"),
        ("summary.json", b"[]", "summary.json holds no object"),
        ("evaluation.json", b"{", "evaluation.json is not JSON"),
    ],
)
def test_broken_folder_is_named_and_others_are_read(tmp_path, file, content, reason):
    root = write_sweep(tmp_path, {"gan": [1.0, 2.0]})
    broken = root / "loss=gan,seed=1" / file
    broken.unlink(missing_ok=True)
    if content is not None:
        broken.write_bytes(content)
    runs, (unreadable,) = read_runs([root])
    assert [run.name for run in runs] == ["loss=gan,seed=0"]
    assert unreadable.name == "loss=gan,seed=1"
    assert reason in unreadable.reason


def test_folder_without_runs_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="holds no run"):
        read_runs([tmp_path])
    with pytest.raises(ConfigError, match="is not a folder"):
        read_runs([tmp_path / "nowhere"])


def test_folder_without_readable_runs_is_a_config_error(tmp_path):
    (write_run(tmp_path / "run", [1.0]) / ".hydra/config.yaml").unlink()
    found = read_runs([tmp_path])
    with pytest.raises(ConfigError, match=r"no run can be read: run: .*config.yaml is missing"):
        require_runs(*found, [tmp_path])


def test_truncated_last_line_excludes_the_run(tmp_path):
    folder = write_run(tmp_path / "run", [3.0, 2.0])
    lines = (folder / "metrics.jsonl").read_bytes()
    (folder / "metrics.jsonl").write_bytes(lines[:-20])
    found = run_status(only(tmp_path), LOWER)
    assert found.value is None
    assert "ends in the middle of a line, after step 100" in found.exclusion


def test_every_truncation_is_read(tmp_path):
    whole = (write_run(tmp_path / "run", [3.0, None, 2.0]) / "metrics.jsonl").read_bytes()
    cut = tmp_path / "metrics.jsonl"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        found = read_curves(cut)
        whole_lines = whole[:length].count(b"\n")
        ends_whole = length in (0, *(i for i in range(length + 1) if whole[i : i + 1] == b"\n"))
        assert found.cut_off == (not ends_whole and whole[length - 1 : length] != b"\n")
        assert found.step == 100 * (whole_lines + (ends_whole and length > 0))


def test_broken_lines_affect_no_other_lines(tmp_path):
    lines = [
        b'{"step": 1, "a": 1}', b"\x00\xff", b"", b"[]", b'{"step": "2", "a": 2}',
        b'{"step": true}', b'{"step": -1}', b"[" * 100_000,
        b'{"step": 3, "a": "text", "b": 1e999}', b'{"step": 4, "a": [1], "b": null}',
        b'{"step": 5, "a": ' + b"9" * 400 + b', "b": NaN}',
    ]  # fmt: skip
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join(lines))
    found = read_curves(tmp_path / "metrics.jsonl")
    assert (found.broken_lines, found.cut_off) == (7, False)
    assert found.tags["a"].steps.tolist() == [1, 3, 4, 5]
    assert found.tags["a"].values[0] == 1
    assert all(math.isnan(value) for value in found.tags["a"].values[1:3])
    assert found.tags["a"].values[3] == math.inf


def test_two_records_on_one_line_are_broken(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "a": 1}, {"step": 2, "a": 2}\n{"step": 3, "a": 3}\n')
    found = read_curves(path)
    assert (found.broken_lines, found.tags["a"].steps.tolist()) == (1, [3])


def test_steps_after_a_resume_replace_old_ones(tmp_path):
    steps = [(1, 1.0), (2, 2.0), (3, 3.0), (2, 20.0), (3, 30.0)]
    lines = [json.dumps({"step": step, "a": value}) for step, value in steps]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    curve = read_curves(tmp_path / "metrics.jsonl").tags["a"]
    assert curve.steps.tolist() == [1, 2, 3]
    assert curve.values.tolist() == [1.0, 20.0, 30.0]


def test_lines_of_one_step_are_merged(tmp_path):
    lines = ['{"step": 1, "a": 1}', '{"step": 2, "a": 2}', '{"step": 2, "b": 5}']
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    found = read_curves(tmp_path / "metrics.jsonl").tags
    assert found["a"].values.tolist() == [1.0, 2.0]
    assert found["b"].steps.tolist() == [2]


def test_unfinished_run_names_its_last_step(tmp_path):
    folder = write_run(tmp_path / "run", [3.0, 2.0], settings={"steps": 5000})
    (folder / "summary.json").unlink()
    found = run_status(only(tmp_path), LOWER)
    assert (found.value, found.exclusion) == (None, "unfinished: at step 200 of 5000")
    (folder / "metrics.jsonl").unlink()
    assert run_status(only(tmp_path), LOWER).exclusion == "unfinished: at step 0 of 5000"


def test_finished_collapsed_run_keeps_its_value(tmp_path):
    write_run(tmp_path / "run", [3.0, 2.0], summary={"health": "collapsed at step 100"})
    found = run_status(only(tmp_path), LOWER)
    assert (found.value, found.failure, found.ended) == (2.0, "collapsed at step 100", True)


def test_diverged_run_has_no_value_and_failed(tmp_path):
    write_run(tmp_path / "run", [3.0, None], summary={"health": "healthy"})
    found = run_status(only(tmp_path), LOWER)
    assert found.value is None
    assert METRIC in found.failure


def test_run_that_diverged_at_its_last_step_has_no_value(tmp_path):
    diverged = "diverged at step 200 (loss/critic is nan)"
    write_run(tmp_path / "run", [3.0, 2.0], summary={"health": diverged})
    found = run_status(only(tmp_path), LOWER)
    assert (found.value, found.failure, found.exclusion) == (None, diverged, "")


@pytest.mark.parametrize("tag", ["metric/class_reverse_kl_glyphs_cnn", "metric/of_your_own"])
def test_metric_that_is_infinite_is_no_divergence(tmp_path, tag):
    write_run(tmp_path / "run", [3.0, 2.0], summary={"health": "healthy"})
    add_metrics(tmp_path, **{tag.removeprefix("metric/"): None})  # as training writes infinity
    found = run_status(only(tmp_path), Metric(tag, lower_is_better=True))
    assert (found.value, found.failure, found.exclusion) == (None, "", f"has no finite {tag}")


def test_run_stopped_early_has_no_value(tmp_path):
    write_run(tmp_path / "run", [3.0, 2.0], settings={"steps": 900}, summary={"health": "diverged"})
    found = run_status(only(tmp_path), LOWER)
    assert (found.value, found.failure, found.exclusion, found.ended) == (
        None,
        "diverged",
        "",
        True,
    )


def test_later_evaluation_replaces_value_and_protocol(tmp_path):
    folder = write_run(tmp_path / "run", [3.0, 2.0])
    evaluation = {"metrics": {"frechet_glyphs_cnn": 1.5}, "protocol": {"n": 10000}}
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    run = only(tmp_path)
    assert run.metrics[METRIC] == 1.5
    assert run.protocol(METRIC) == '{"n": 10000}'


def test_numbers_too_large_for_a_float_are_infinite(tmp_path):
    folder = write_run(tmp_path / "run", [3.0], summary={"seconds": 10**400})
    evaluation = {"metrics": {"frechet_glyphs_cnn": 10**400}}
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    run = only(tmp_path)
    assert run.metrics[METRIC] == run.seconds == math.inf


def test_evaluation_of_an_earlier_checkpoint_does_not_replace_the_end(tmp_path):
    own = {"protocol": {METRIC: {"n": 2000}}}
    folder = write_run(tmp_path / "run", [3.0, 2.0], summary=own)
    for step, value, n in ((100, 2.0, 2000), (200, 1.5, 50)):
        content = {"step": step, "metrics": {METRIC: 1.5}, "protocol": {METRIC: {"n": 50}}}
        (folder / "evaluation.json").write_text(json.dumps(content))
        run = only(tmp_path)
        found = (run.metrics[METRIC], run.measured_at(METRIC), run.protocol(METRIC))
        assert found == (value, 200, f'{{"n": {n}}}')


def test_metric_not_evaluated_again_is_from_training(tmp_path):
    own = {METRIC: {"n": 2000}, "metric/coverage": {"n": 2000}}
    folder = write_run(tmp_path / "run", [3.0, 2.0], summary={"protocol": own})
    evaluation = {"metrics": {"metric/coverage": 0.5}, "protocol": {"metric/coverage": {"n": 50}}}
    (folder / "evaluation.json").write_text(json.dumps({"step": 100, **evaluation}))
    run = only(tmp_path)
    found = [(run.metrics[t], run.measured_at(t), run.protocol(t)) for t in own]
    assert found == [(2.0, 200, '{"n": 2000}'), (0.5, 100, '{"n": 50}')]


def test_links_to_runs_are_followed_once(tmp_path):
    write_run(tmp_path / "elsewhere/run", [1.0])
    write_run(tmp_path / "sweep/own", [2.0])
    (tmp_path / "sweep/linked").symlink_to(tmp_path / "elsewhere/run")
    (tmp_path / "sweep/again").symlink_to(tmp_path / "sweep/own")
    (tmp_path / "sweep/own/up").symlink_to(tmp_path)
    runs, _ = read_runs([tmp_path / "sweep"])
    assert [run.name for run in runs] == ["linked", "own"]


def test_empty_lines_at_the_end_are_ignored(tmp_path):
    folder = write_run(tmp_path / "run", [3.0, 2.0])
    with (folder / "metrics.jsonl").open("a") as lines:
        lines.write("\n  \n")
    assert run_status(only(tmp_path), LOWER).value == 2.0
