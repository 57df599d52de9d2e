"""The recommendation from finished runs, and its uncertainty."""

import json

import pytest

from gan_zoo.compare.certainty import detectable_ratio
from gan_zoo.compare.recommendation import recommend_from
from report_folders import METRIC, write_run, write_sweep


def test_clear_winner_is_recommended(tmp_path):
    root = write_sweep(tmp_path, {"gan": [20.1, 21.0, 20.4], "wgan": [10.2, 11.0, 10.4]})
    found = recommend_from(root)
    assert found.loss == "wgan"
    assert found.sentences[0].startswith(f"Recommended: wgan. Its mean {METRIC} is 10.5")
    assert (
        "9.967 lower than that of gan, the next (95 % interval 9.82 to 10.11)" in found.sentences[0]
    )
    assert "differs from every other loss (p at most " in found.sentences[0]


def test_equal_losses_give_no_winner(tmp_path):
    root = write_sweep(tmp_path, {"gan": [20, 24, 22], "hinge": [21, 20, 24], "wgan": [90, 91, 92]})
    found = recommend_from(root)
    text = " ".join(found.sentences)
    assert text.startswith("No loss is clearly the best: hinge has the lowest mean")
    assert "Recommended: hinge, whose mean is the best; none of these is much faster." in text
    assert "gan (p = " in text
    assert "wgan" not in text
    assert "no proof of equality" in text


def test_fastest_of_equal_losses_is_recommended(tmp_path):
    for number, (loss, seconds) in enumerate((("gan", 90.0), ("wgan", 300.0))):
        for seed, value in enumerate((10.0 + number, 12.0 - 2 * number, 11.0 - number)):
            write_run(
                tmp_path / f"loss={loss},seed={seed}",
                [value],
                settings={"seed": seed, "loss": {"_target_": f"gan_zoo.losses.{loss}"}},
                choices={"loss": loss},
                summary={"seconds": seconds},
                number=3 * number + seed,
            )
    found = recommend_from(tmp_path)
    assert "wgan has the lowest mean" in found.sentences[0]
    assert found.loss == "gan"
    assert (
        found.sentences[1]
        == "Recommended: gan, much faster than wgan (90 s per run against 300 s)."
    )


def test_winner_must_beat_every_other_loss(tmp_path):
    values = {"gan": [9, 14, 11], "wgan": [10.2, 11.0, 10.4], "hinge": [30, 31, 29]}
    assert recommend_from(write_sweep(tmp_path, values)).sentences[0].startswith("No loss is")


@pytest.mark.parametrize("wgan", [[10.5, 20.51], [10.5, 20.4]])
def test_loss_without_its_hardest_seed_is_not_the_best(tmp_path, wgan):
    values = {"gan": [10.0, 20.0, 30.0], "wgan": wgan, "hinge": [90.0, 100.2, 110.1]}
    found = recommend_from(write_sweep(tmp_path, values))
    assert found.sentences[0].startswith("No loss is clearly the best: wgan has the lowest mean")
    certain = wgan[1] > 20.5
    assert ("is better by the seeds that both have" in found.sentences[0]) == certain
    assert ("gan (p = 0.07) cannot be told apart from it" in found.sentences[0]) == (not certain)
    assert "hinge" not in found.sentences[0]


def test_runs_on_other_data_are_not_mixed(tmp_path):
    write_sweep(tmp_path / "a", {"gan": [10.0, 11.0], "wgan": [12.0, 13.1]})
    write_sweep(tmp_path / "b", {"gan": [5.0, 6.0, 5.5], "wgan": [7.0, 8.02, 7.5]})
    for run in tmp_path.glob("*/*"):
        summary = json.loads((run / "summary.json").read_text())
        named = {**summary, "dataset_fingerprint": run.parent.name}
        (run / "summary.json").write_text(json.dumps(named))
    found = recommend_from(tmp_path)
    assert found.loss == "gan"
    assert "2.007 lower than that of wgan" in found.sentences[0]
    assert found.sentences[-1] == "4 runs on other data, or measured otherwise, left out."


def write_failed(folder, loss, seed, value):
    write_run(
        folder / f"loss={loss},seed={seed}",
        [value + 5, value],
        settings={"seed": seed, "loss": {"_target_": f"gan_zoo.losses.{loss}"}},
        choices={"loss": loss},
        summary={"health": "collapsed at step 100"},
    )


def test_loss_whose_runs_mostly_failed_is_not_recommended(tmp_path):
    write_sweep(tmp_path, {"gan": [20.1, 21.0, 20.4]})
    for seed in range(3):
        write_failed(tmp_path, "wgan", seed, 1.0)
    found = recommend_from(tmp_path)
    assert found.loss == "gan"
    assert "of no other loss did enough runs succeed" in found.sentences[0]
    assert found.sentences[-1] == "Most runs failed, or are missing, of wgan."


def test_reliable_loss_is_preferred_among_equals(tmp_path):
    write_sweep(tmp_path, {"gan": [20.0, 24.0, 22.0], "wgan": [21.0, 20.0]})
    write_failed(tmp_path, "wgan", 2, 24.0)
    found = recommend_from(tmp_path)
    assert found.loss == "gan"
    assert found.sentences[1] == (
        "Recommended: gan, of which the fewest runs failed (gan: 0 of 3; wgan: 1 of 3)."
    )


def test_best_mean_is_not_claimed_for_the_best_of_the_reliable(tmp_path):
    write_sweep(tmp_path, {"gan": [20.0, 24.0, 22.0], "lsgan": [21.0, 25.0, 21.0]})
    write_sweep(tmp_path, {"wgan": [19.0, 20.0]})
    write_failed(tmp_path, "wgan", 2, 24.0)
    found = recommend_from(tmp_path)
    assert found.sentences[0].startswith("No loss is clearly the best: wgan has the lowest mean")
    assert found.sentences[1] == (
        "Recommended: gan, whose mean is the best of those of which the fewest runs failed; "
        "none of these is much faster."
    )


def test_unknown_time_is_not_much_faster(tmp_path):
    write_sweep(tmp_path, {"gan": [20.0, 24.0, 22.0], "wgan": [21.0, 25.0, 21.0]})
    for name, seconds in (("gan", 9.0), ("wgan", None)):
        for path in tmp_path.glob(f"loss={name}*/summary.json"):
            summary = json.loads(path.read_text())
            path.write_text(json.dumps({**summary, "seconds": seconds}))
    assert recommend_from(tmp_path).sentences[1] == (
        "Recommended: gan, whose mean is the best; none of these is much faster."
    )


def test_run_that_was_evaluated_otherwise_still_counts(tmp_path):
    write_sweep(tmp_path, {"gan": [20.0, 21.0, 22.0], "wgan": [10.0, 11.0, 12.0]})
    before = recommend_from(tmp_path)
    for run in tmp_path.iterdir():
        summary = json.loads((run / "summary.json").read_text())
        (run / "summary.json").write_text(json.dumps({**summary, "protocol": {"n": 2000}}))
    again = {"step": 200, "metrics": {METRIC: 1.0}, "protocol": {"n": 10_000}}
    (tmp_path / "loss=gan,seed=0" / "evaluation.json").write_text(json.dumps(again))
    assert recommend_from(tmp_path) == before


def test_nothing_is_recommended_if_all_failed(tmp_path):
    for loss in ("gan", "wgan"):
        for seed in range(2):
            write_failed(tmp_path, loss, seed, 5.0 + len(loss))
    found = recommend_from(tmp_path)
    assert found.loss == ""
    assert found.sentences[0].startswith("No recommendation: 4 of 4 runs failed (collapsed). The")
    assert "larger budget" in found.sentences[0]


def write_crashed(folder, loss, seed):
    path = write_run(
        folder / f"loss={loss},seed={seed}",
        [5.0],
        settings={"seed": seed, "loss": {"_target_": f"gan_zoo.losses.{loss}"}},
        choices={"loss": loss},
    )
    (path / "summary.json").unlink()
    (path / "failure.txt").write_text("OSError: disk full")


def test_crashed_jobs_are_told_from_runs_that_learned_nothing(tmp_path):
    write_failed(tmp_path, "gan", 0, 5.0)
    for loss, seed in (("gan", 1), ("wgan", 0), ("wgan", 1)):
        write_crashed(tmp_path, loss, seed)
    crashed = "3 of 4 runs have no value (failed: OSError: disk full)."
    assert recommend_from(tmp_path).sentences == (
        f"No recommendation: 1 of 4 runs failed (collapsed); {crashed} "
        "Longer runs, by a larger budget, may help.",
    )
    (text,) = recommend_from(tmp_path, fixed_steps=True).sentences
    assert text.endswith("Longer runs, by more steps, may help.")


@pytest.mark.parametrize("measured", [True, False])
def test_longer_runs_are_no_remedy_for_crashed_jobs(tmp_path, measured):
    for seed in range(2):
        write_crashed(tmp_path, "gan", seed)
    for path in () if measured else tmp_path.glob("*/metrics.jsonl"):
        path.write_text(path.read_text().replace(METRIC, "loss/other"))
    assert recommend_from(tmp_path).sentences == (
        "No recommendation: 2 of 2 runs have no value (failed: OSError: disk full).",
    )


def test_differences_below_the_spread_of_real_images_are_named(tmp_path):
    root = write_sweep(tmp_path, {"gan": [10.1, 11.0, 10.4], "wgan": [10.0, 10.9, 10.29]})
    assert "other held-out images" in recommend_from(root, deviation=2.0).sentences[-1]
    assert "other held-out images" not in recommend_from(root, deviation=0.01).sentences[-1]


def test_unevaluated_runs_give_no_recommendation(tmp_path):
    write_run(tmp_path / "a", [1.0])
    path = tmp_path / "a" / "metrics.jsonl"
    path.write_text(path.read_text().replace(METRIC, "loss/other"))
    found = recommend_from(tmp_path)
    assert found.loss == ""
    assert found.sentences == ("No recommendation: no metric was measured.",)


def test_detectable_ratio_is_that_of_the_paired_t_test():
    assert detectable_ratio(3) == pytest.approx(4.3027 / 3**0.5, rel=1e-4)
    assert detectable_ratio(2) > detectable_ratio(3) > detectable_ratio(10)
