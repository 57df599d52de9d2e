"""Health of synthetic series: each condition is named once, with its first step."""

import logging
import math

import pytest
import torch

from gan_zoo import losses
from gan_zoo.evaluation.health import DivergedError, Health
from gan_zoo.evaluation.monitor import CollapseStats, zero_score_loss
from gan_zoo.metrics.damage import NOISE
from gan_zoo.metrics.yardstick import make_yardstick

WELL = {
    "loss/critic": 1.3,
    "loss/generator": 0.8,
    "score/real": 0.2,
    "score/fake": -0.1,
    "grad_norm/generator": 0.5,
    "health/distance_ratio": 1.0,
    "health/duplicates": 0.0,
}


def watch(health: Health, readings: int, start: int = 0, **changed: float) -> Health:
    values = {**WELL, **{name.replace("__", "/"): value for name, value in changed.items()}}
    for i in range(readings):
        health.read(start + 100 * (i + 1), values)
    return health


def test_good_values_are_healthy():
    assert watch(Health(zero_score_loss=1.386), 20).status == "healthy"


@pytest.mark.parametrize("value", [math.nan, math.inf, 3e9])
def test_first_nonfinite_value_ends_the_run(value):
    health = watch(Health(), 3)
    with pytest.raises(DivergedError, match="loss/critic"):
        watch(health, 1, start=300, loss__critic=value, score__real=value)
    assert health.status == f"diverged at step 400 (loss/critic is {value:.3g})"


def test_nonfinite_metrics_do_not_end_a_run():
    assert watch(Health(), 6, metric__reverse_kl=math.inf).status == "healthy"


@pytest.mark.parametrize("sign", [{"health__distance_ratio": 0.01}, {"health__duplicates": 0.99}])
def test_collapse_is_logged_once_it_lasts(sign, caplog):
    health = watch(Health(), 4)
    with caplog.at_level(logging.WARNING):
        assert watch(health, 4, start=400, **sign).status == "healthy"
        assert watch(health, 6, start=800, **sign).status == "collapsed at step 500"
    assert [record.message for record in caplog.records] == ["health: collapsed at step 500"]
    assert watch(health, 1, start=1400).status == "healthy"


def test_one_mode_or_class_is_immediate_collapse():
    health = watch(Health(), 2)
    health.read_metrics(200, {"metric/largest_share_mnist_cnn": 0.95})
    assert health.status == "collapsed at step 200"
    assert watch(health, 1, start=200).status == "collapsed at step 200"
    health.read_metrics(400, {"metric/largest_share_mnist_cnn": 0.3})
    assert health.status == "healthy"


@pytest.mark.parametrize(("real", "fake", "healthy"), [(1, 1, 1), (0.95, 0.96, 1), (0.95, 1, 0)])
def test_data_of_almost_one_class_is_no_collapse(real, fake, healthy):
    health = watch(Health(), 2)
    health.read_metrics(200, {"metric/largest_share": fake}, real_share=real)
    assert health.status == ("healthy" if healthy else "collapsed at step 200")


def test_one_class_of_noise_is_no_collapse():
    health = watch(Health(), 2)
    one_class = {"metric/largest_share_mnist_cnn": 1.0}
    health.read_metrics(200, {**one_class, "metric/precision_mnist_cnn": 0.0})
    assert health.status.startswith("nothing learned")
    health.read_metrics(300, {**one_class, "metric/precision_mnist_cnn": 0.02})
    assert health.status == "nothing learned (hardly any sample looks real) by step 300"
    health.read_metrics(400, {**one_class, "metric/precision_mnist_cnn": 0.8})
    assert health.status == "collapsed at step 400"


@pytest.mark.parametrize("quality", ["metric/high_quality", "metric/precision_mnist_cnn"])
def test_unrealistic_samples_mean_nothing_learned(quality):
    health = watch(Health(), 2)
    for step, value in ((200, 0.0), (300, 0.004)):
        health.read_metrics(step, {quality: value, "metric/largest_share": 0.2})
        expected = f"nothing learned (hardly any sample looks real) by step {step}"
        assert watch(health, 1, start=step).status == expected
    health.read_metrics(400, {quality: 0.4})
    assert health.status == "healthy"


@pytest.mark.parametrize(("frechet", "learned"), [(5, True), (60, True), (62, False), (900, False)])
def test_readable_images_without_precision_are_learned(frechet, learned):
    noise = {0: 0.3, 0.1: 5.4, 0.2: 22.3, 0.4: 99.6, 1: 517}  # of glyphs
    yardstick = make_yardstick("metric/frechet_glyphs_cnn", {NOISE: list(noise.items())})
    health = watch(Health(), 2)
    values = {"metric/frechet_glyphs_cnn": frechet, "metric/precision_glyphs_cnn": 0.0}
    health.read_metrics(200, values, {"metric/frechet_glyphs_cnn": yardstick})
    assert (health.status == "healthy") == learned
    values["metric/largest_share_glyphs_cnn"] = 0.95  # but all of one class
    health.read_metrics(400, values, {"metric/frechet_glyphs_cnn": yardstick})
    assert health.status == "nothing learned (hardly any sample looks real) by step 400"


def test_vanishing_critic_loss_is_saturated():
    health = watch(Health(zero_score_loss=1.386), 3)
    assert watch(health, 5, start=300, loss__critic=0.01).status == (
        "critic saturated since step 400"
    )


def test_only_losses_that_fall_to_zero_have_a_scale():
    """The loss of another f-divergence is 0 where the critic separates nothing."""
    real = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    assert zero_score_loss(losses.GAN(), real) == pytest.approx(2 * math.log(2))
    own = losses.FGAN(divergence=losses.f_divergences.GAN())
    assert zero_score_loss(own, real) == pytest.approx(2 * math.log(2))
    for other in (losses.f_divergences.KL(), losses.f_divergences.Alpha()):
        assert zero_score_loss(losses.FGAN(divergence=other), real) == 0


def test_loss_without_scale_saturates_by_gradient_only():
    health = watch(Health(zero_score_loss=0.0), 3, loss__critic=0.0)
    assert watch(health, 5, start=300, loss__critic=0.0).status == "healthy"
    assert watch(health, 5, start=800, grad_norm__generator=1e-6).status == (
        "critic saturated since step 900"
    )


def test_generator_without_gradient_is_saturated():
    assert watch(Health(), 5, grad_norm__generator=0.0).status == "critic saturated since step 100"


def test_exploding_scores_warn_before_divergence():
    health = watch(Health(), 3)
    assert watch(health, 5, start=300, score__fake=5e5).status == (
        "scores exploding since step 400"
    )


def test_worst_condition_is_reported():
    health = watch(Health(zero_score_loss=1.386), 5, loss__critic=0.01, health__distance_ratio=0.01)
    assert health.status == "collapsed at step 100"


def test_collapse_stats_detect_one_repeated_image():
    rng = torch.Generator().manual_seed(0)
    real, other = torch.randn(2, 64, 1, 8, 8, generator=rng)
    collapse_stats = CollapseStats(real)
    well = collapse_stats.measure(other)
    assert well["health/distance_ratio"].item() == pytest.approx(1, abs=0.1)
    assert well["health/duplicates"] == 0
    ill = collapse_stats.measure(other[:1].expand(64, -1, -1, -1))
    assert ill["health/distance_ratio"] == 0
    assert ill["health/duplicates"] == 1


def test_collapse_stats_compare_different_real_samples():
    rng = torch.Generator().manual_seed(0)
    real = torch.randn(16, 1, 8, 8, generator=rng).repeat(4, 1, 1, 1)  # of few training samples
    fake = torch.randn(4, 1, 8, 8, generator=rng).repeat(16, 1, 1, 1)
    near = fake + 1e-6 * torch.randn(fake.shape, generator=rng)
    assert CollapseStats(real).measure(near)["health/duplicates"] == 1
    constant = CollapseStats(torch.ones(64, 1, 8, 8)).measure(torch.zeros(64, 1, 8, 8))
    assert constant["health/distance_ratio"] == 1
    assert constant["health/duplicates"] == 1


def test_collapse_stats_run_on_meta_device():
    collapse_stats = CollapseStats(torch.randn(8, 2))
    collapse_stats.mean_distance = collapse_stats.mean_distance.to("meta")
    collapse_stats.threshold = collapse_stats.threshold.to("meta")
    measured = collapse_stats.measure(torch.empty(8, 2, device="meta"))
    assert all(value.device.type == "meta" for value in measured.values())
