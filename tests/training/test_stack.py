"""Stacked runs make the steps that they would make alone."""

import pytest
import torch

from gan_zoo import checkpoints, losses, regularizers
from gan_zoo.losses import f_divergences
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.ranks import Ranks
from gan_zoo.training.stack import trainer as trainer_of_stack
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


def make_trainers(loss="gan", regularizer="none", images=False, norm="none", varied=(), count=3):
    """Trainers with other seeds, and with other numbers of loss or regularizer."""
    trainers = []
    for seed in range(count):
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


def test_stack_of_resumed_runs_has_changed_settings():
    alone, together = make_trainers(), make_trainers()
    changed = Adam(lr=1e-2, betas=(0.9, 0.99))
    for trainer in (*alone, *together):
        trainer.train_steps(4)
        state, gan = trainer.state_dict(), trainer.gan
        gan.generator_optimizer = changed(gan.generator.parameters())
        gan.critic_optimizer = changed(gan.critic.parameters())
        gan.__post_init__()
        trainer.load_state_dict(state)
    stacked = StackedTrainer(together, {"generator": changed, "critic": changed}, compiled=False)
    for trainer in (stacked, *alone):
        trainer.train_steps(4)
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        assert_equal(result(one), result(two))
        (group,) = two.state_dict()["critic_optimizer"]["param_groups"]
        assert (group["lr"], group["betas"]) == (1e-2, (0.9, 0.99))


def assert_equal_compiled(alone, together):
    """Compare compiled steps of a stack with those of runs alone; returns the stack."""
    stacked = stack(together, compiled=True)
    for _ in range(5):
        stacked.train_steps()
        for trainer in alone:
            trainer.train_steps()
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        assert_equal(result(one), result(two), 1e-8)
    return stacked


@pytest.mark.slow
def test_compiled_stack_equals_runs_alone(caplog):
    case = {"loss": "hinge", "regularizer": "spectral_norm"}
    alone, together = make_trainers(**case), make_trainers(**case)
    stacked = assert_equal_compiled(alone, together)
    for block in stacked._blocks:  # updates read gradients in order
        for gradients in block.runner.gradients().values():
            assert all(gradient.is_contiguous() for gradient in gradients)
    assert not [record for record in caplog.records if record.name.startswith("gan_zoo")]


def test_runs_that_differ_in_more_than_numbers_are_refused():
    with pytest.raises(TypeError, match="form differs"):
        differing([losses.GAN(), losses.GAN(form="minimax")])
    divergences = (f_divergences.Alpha(alpha=x) for x in (0.5, 2))
    with pytest.raises(TypeError, match="divergence differs"):
        differing([losses.FGAN(divergence=each) for each in divergences])
    trainers = [make_trainer(Ranks(), "cls_gan", "none", seed=seed) for seed in range(2)]
    with pytest.raises(TypeError, match="samples have no labels"):
        stack(trainers)
    trainers = make_trainers()
    trainers[1].train_steps()
    with pytest.raises(TypeError, match="at different steps"):
        stack(trainers)
    with pytest.raises(TypeError, match="GAN and Hinge differ in more than numbers"):
        stack(make_trainers(varied=[losses.GAN(), losses.Hinge(), losses.GAN()]))
    trainers = [make_trainer(Ranks(), "gan", "none", images=images) for images in (False, True)]
    with pytest.raises(TypeError, match="networks have other parameters"):
        stack(trainers)


def test_runs_with_and_without_noise_are_refused():
    noises = [regularizers.Augmentation(noise=x) for x in (0.1, 0, 0.1)]
    with pytest.raises(TypeError, match="need different random numbers"):
        stack(make_trainers(varied=noises))


class MeanOfAllScores(losses.Wasserstein):
    def critic(self, real, fake):
        return (fake.score - real.score).mean()


class MeanOfAllGradients(regularizers.R1):
    def penalty(self, critic, batch):
        return super().penalty(critic, batch).mean()


class ClipByForeach(regularizers.Regularizer):
    def after_step(self, parameters):
        torch._foreach_clamp_min_(list(parameters), -0.1)


def test_changes_of_one_run_only_are_refused():
    with pytest.raises(TypeError, match="after_step takes one run only"):
        stack(make_trainers(varied=[ClipByForeach()] * 3))


@pytest.mark.parametrize("wrong", [MeanOfAllScores(), MeanOfAllGradients()], ids=["loss", "r1"])
def test_mean_over_all_runs_is_refused(wrong):
    stacked = stack(make_trainers(varied=[wrong] * 3))
    with pytest.raises(TypeError, match=r"MeanOfAll\w+ returns a shape of \(\) for 3 runs"):
        stacked.train_steps()


@pytest.mark.parametrize(
    ("case", "compiled"),
    [
        ({"regularizer": "dragan"}, False),
        ({"loss": "lsgan", "images": True, "norm": "batch"}, False),
        pytest.param(
            {"loss": "hinge", "regularizer": "spectral_norm"}, True, marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
def test_run_that_leaves_changes_no_other(case, compiled):
    undisturbed, left = make_trainers(**case), make_trainers(**case)
    for trainers in (undisturbed, left):
        stacked = stack(trainers, compiled=compiled)
        for step in range(6):
            if trainers is left and step == 3:
                for network in (left[1].gan.generator, left[1].gan.critic):
                    for tensor in network.state_dict().values():
                        tensor.fill_(torch.nan if tensor.is_floating_point() else 0)
                stacked.leave(left[1])
                before = left[1].step
            stacked.train_steps()
        stacked.hand_out()
    assert (left[1].step, left[0].step) == (before, 6)
    for one, two in zip(undisturbed[::2], left[::2], strict=True):
        one, two = ({**each.compute_metrics(), **result(each)} for each in (one, two))
        torch.testing.assert_close(two, one, rtol=0, atol=0)


def test_metrics_do_not_depend_on_when_they_are_handed_out():
    found = []
    for stops in ((), (2, 3, 7)):
        trainers = make_trainers(count=3)
        stacked = stack(trainers)
        for step in range(1, 12):
            stacked.train_steps()
            if step in stops:
                stacked.hand_out()
            if step == 7:
                stacked.hand_out()
                reset = [trainer.compute_metrics() for trainer in trainers]
                stacked.hand_out()  # nothing more
        stacked.hand_out()
        found.append((reset, [trainer.compute_metrics() for trainer in trainers]))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


def test_runs_with_other_sums_may_be_stacked():
    """As resumed runs have that logged at other times when each was trained alone."""
    alone, together = make_trainers(), make_trainers()
    for trainers in (alone, together):
        for step in (1, 2, 3):
            for trainer in trainers:
                trainer.train_steps()
            trainers[step - 1].compute_metrics()
    stacked = stack(together)
    for trainer in (stacked, *alone):
        trainer.train_steps()
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        expected, found = (
            {str(x["names"]): (x["sum"], x["count"]) for x in each.metrics.state_dict()}
            for each in (one, two)
        )
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("other", [0, 1])
def test_sums_of_runs_without_a_step_of_the_stack_stay(other):
    trainers = make_trainers()
    for trainer in trainers:
        trainer.train_steps()
    trainers[other].compute_metrics()
    stacked = stack(trainers)
    before = [trainer.metrics.compute(reset=False) for trainer in trainers]
    stacked.train_steps(0)
    stacked.hand_out()
    assert [trainer.metrics.compute() for trainer in trainers] == before


def test_blocks_of_runs_equal_runs_alone(monkeypatch):
    monkeypatch.setattr(trainer_of_stack, "LARGEST_BLOCK", {False: 4})
    alone, together = make_trainers(count=10), make_trainers(count=10)
    stacked = stack(together)
    for step in range(6):
        if step == 4:
            stacked.hand_out()
            stacked.leave(together[-1])
        stacked.train_steps()
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        for _ in range(two.step):
            one.train_steps()
        if two is not together[-1]:
            assert_equal(result(one), result(two))
    assert [trainer.step for trainer in together] == [6] * 9 + [4]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["learning rates", "slope", "r1"])
def test_compiled_blocks_have_their_own_numbers(name, monkeypatch):
    monkeypatch.setattr(trainer_of_stack, "LARGEST_BLOCK", {True: 1})
    alone, together = (make_trainers(varied=VARIED.get(name, ())) for _ in range(2))
    for trainers in (alone, together) if name == "learning rates" else ():
        for trainer, rate in zip(trainers, (1e-3, 1e-2, 3e-3), strict=True):
            trainer.gan.critic_optimizer.param_groups[0]["lr"] = rate
    assert_equal_compiled(alone, together)
