"""Stacked runs make the steps that they would make alone."""

import pytest
import torch

from gan_zoo import checkpoints, losses, regularizers
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.ranks import Ranks
from gan_zoo.training.stack.settings import differing
from gan_zoo.training.stack.trainer import StackedTrainer
from rank_cases import LOSSES, REGULARIZERS, assert_equal, make_trainer, result

CASES = [{"loss": loss} for loss in LOSSES]
CASES += [{"regularizer": regularizer} for regularizer in REGULARIZERS]
CASES += [
    {"loss": "wgan", "regularizer": "gradient_penalty", "images": True},
    {"loss": "hinge", "regularizer": "spectral_norm", "images": True},
    {"loss": "lsgan", "images": True, "norm": "batch"},
]
VARIED = {  # numbers that differ between the runs of a stack
    "slope": [losses.GeneralizedLossSensitive(slope=x, margin_scale=2 + x) for x in (-1, 0, 0.5)],
    "weight": [losses.LossSensitive(real_weight=x) for x in (0, 1, 0.1)],
    "targets": [losses.LeastSquares(a=x, b=1 + x, c=1 - x) for x in (-1, 0, 0.5)],
    "pointwise": [losses.PointwiseGeneralized(slope=x) for x in (-1, 0, 0.5)],
    "gradient_penalty": [regularizers.GradientPenalty(weight=x, target=x / 5) for x in (1, 5, 10)],
    "r1": [regularizers.R1(weight=x) for x in (1, 5, 10)],
    "clip": [regularizers.WeightClip(bound=x) for x in (0.01, 0.1, 1)],
    "projection": [regularizers.WeightProjection(bound=x) for x in (0.01, 0.1, 1)],
    "noise": [regularizers.Augmentation(noise=x) for x in (0.01, 0.1, 1)],
    "combined": [
        regularizers.Combined(
            parts={
                "clip": regularizers.WeightClip(bound=x),
                "penalty": regularizers.Dragan(weight=x, target=x),
            }
        )
        for x in (0.01, 0.1, 1)
    ],
}


def make_trainers(loss="gan", regularizer="none", images=False, norm="none", varied=()):
    """Three trainers with other seeds, and with other numbers of loss or regularizer."""
    trainers = []
    for seed in range(3):
        given = [loss, regularizer, images]
        if varied:
            given[isinstance(varied[seed], regularizers.Regularizer)] = varied[seed]
        trainers.append(make_trainer(Ranks(), *given, seed=seed, norm=norm, unlabeled=False))
    return trainers


def stack(trainers, loss="gan", compiled=False):
    adam = Adam(lr=1e-3)
    optimizers = {"generator": adam, "critic": RMSprop(lr=1e-3) if loss == "wgan" else adam}
    return StackedTrainer(trainers, optimizers, compiled)


def assert_equal_runs(alone, together, steps=10, **case):
    for trainer in alone:
        for _ in range(steps):
            trainer.train_steps()
    stacked = stack(together, case.get("loss", "gan"))
    for _ in range(steps):
        stacked.train_steps()
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        assert_equal(result(one), result(two))
        found = two.compute_metrics()
        for name, value in one.compute_metrics().items():
            torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stacked_runs_equal_separate_ones(case):
    assert_equal_runs(make_trainers(**case), make_trainers(**case), **case)


@pytest.mark.parametrize("name", VARIED)
def test_numbers_of_loss_and_regularizer_may_differ(name):
    varied = VARIED[name]
    assert differing(varied) if name != "combined" else True
    assert_equal_runs(make_trainers(varied=varied), make_trainers(varied=varied))


@pytest.mark.parametrize("loss", ["gan", "wgan"])  # Adam, RMSprop
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_learning_rates_may_differ(loss, compiled):
    alone, together = make_trainers(loss), make_trainers(loss)
    for trainers in (alone, together):
        for trainer, rate in zip(trainers, (1e-3, 1e-2, 3e-3), strict=True):
            trainer.gan.critic_optimizer.param_groups[0]["lr"] = rate
    stacked = stack(together, loss, compiled)
    for _ in range(8):
        stacked.train_steps()
        for trainer in alone:
            trainer.train_steps()
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        assert_equal(result(one), result(two), 1e-8 if compiled else 1e-9)
        assert one.state_dict()["critic_optimizer"]["param_groups"][0]["lr"] in (1e-3, 1e-2, 3e-3)
        norms = (each.compute_metrics()["grad_norm/critic"] for each in (one, two))
        torch.testing.assert_close(*norms)


def test_stacked_run_goes_on_alone_from_its_state(tmp_path):
    alone, together = make_trainers(regularizer="dragan"), make_trainers(regularizer="dragan")
    stacked = stack(together)
    for _ in range(5):
        stacked.train_steps()
        alone[1].train_steps()
    stacked.hand_out()
    path = tmp_path / "1.pt"
    checkpoints.save(path, together[1].state_dict())
    checkpoints.save(tmp_path / "alone.pt", alone[1].state_dict())
    assert path.stat().st_size < 1.3 * (tmp_path / "alone.pt").stat().st_size  # not of all runs
    saved = torch.load(path)["generator"].values()
    assert all(x.untyped_storage().nbytes() == x.nbytes for x in saved)
    resumed = make_trainers(regularizer="dragan")[1]
    resumed.load_state_dict(torch.load(path))
    for trainer in (alone[1], resumed):
        for _ in range(5):
            trainer.train_steps()
    assert_equal(result(alone[1]), result(resumed))


def test_stack_of_resumed_runs_equals_runs_alone():
    alone, together = make_trainers(), make_trainers()
    for trainer in (*alone, *together):
        for _ in range(4):
            trainer.train_steps()
    assert_equal_runs(alone, together)


@pytest.mark.slow
def test_compiled_stack_equals_runs_alone(caplog):
    case = {"loss": "hinge", "regularizer": "spectral_norm"}
    alone, together = make_trainers(**case), make_trainers(**case)
    stacked = stack(together, compiled=True)
    for _ in range(5):
        stacked.train_steps()
        for trainer in alone:
            trainer.train_steps()
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        assert_equal(result(one), result(two), 1e-8)
    assert not [record for record in caplog.records if record.name.startswith("gan_zoo")]


def test_runs_that_differ_in_more_than_numbers_are_refused():
    with pytest.raises(TypeError, match="form differs"):
        differing([losses.GAN(), losses.GAN(form="minimax")])
    trainers = [make_trainer(Ranks(), "cls_gan", "none", seed=seed) for seed in range(2)]
    with pytest.raises(TypeError, match="samples have no labels"):
        stack(trainers)
    trainers = make_trainers()
    trainers[1].train_steps()
    with pytest.raises(TypeError, match="at different steps"):
        stack(trainers)
