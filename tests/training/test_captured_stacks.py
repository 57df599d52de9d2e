"""Stacks whose steps are captured on a GPU equal runs alone."""

import pytest
import torch

from cuda_stand_in import replace_cuda
from gan_zoo.losses import GeneralizedLossSensitive
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.ranks import Ranks
from gan_zoo.training.stack.trainer import StackedTrainer
from gan_zoo.training.step import GANState
from rank_cases import assert_equal, make_trainer, result

SLOPES = [GeneralizedLossSensitive(slope=slope) for slope in (-1, 0, 0.5)]
CASES = {  # loss, regularizer, images, norm, learning rates
    "clip": ("wgan", "weight_clip"),
    "spectral norm": ("hinge", "spectral_norm"),
    "random penalty": ("gan", "dragan"),
    "images": ("relativistic", "augmentation", True),
    "batch norm": ("lsgan", "none", True, "batch"),
    "slopes": (SLOPES, "gradient_penalty"),
    "rates of Adam": ("gan", "none", False, "none", (1e-3, 1e-2, 3e-3)),
    "rates of RMSprop": ("wgan", "weight_clip", False, "none", (1e-3, 1e-2, 3e-3)),
}


def make_trainers(
    device, loss, regularizer, images=False, norm="none", rates=(1e-3,) * 3, compiled=False
):
    trainers = []
    for seed, rate in enumerate(rates):
        own = loss if isinstance(loss, str) else loss[seed]
        given = (own, regularizer, images, compiled, device, seed, norm, False)
        trainers.append(make_trainer(Ranks(), *given))
        trainers[-1].gan.critic_optimizer.param_groups[0]["lr"] = rate
    return trainers


def assert_captured_stack_equals_runs_alone(case, device, monkeypatch=None):
    alone, together = make_trainers(device, *case), make_trainers(device, *case)
    if monkeypatch:  # what chooses runners is told that there is a GPU
        replace_cuda(monkeypatch)
        monkeypatch.setattr(GANState, "device", torch.device("cuda"))
    critic = RMSprop(lr=1e-3) if case[0] == "wgan" else Adam(lr=1e-3)
    optimizers = {"generator": Adam(lr=1e-3), "critic": critic}
    stacked = StackedTrainer(together, optimizers, compiled=True)
    assert stacked.setup_runner(4) == 4
    for count in (1, 4, 4, 1, 4):  # single steps are not captured
        stacked.train_steps(count)
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        for _ in range(14):
            one.train_steps()
        assert_equal(*({name: x.cpu() for name, x in result(each).items()} for each in (one, two)))
        norms = (each.compute_metrics()["grad_norm/critic"] for each in (one, two))
        torch.testing.assert_close(*norms)


@pytest.mark.parametrize("name", CASES)
def test_code_around_the_graph_of_a_stack_changes_nothing(name, monkeypatch, caplog):
    assert_captured_stack_equals_runs_alone(CASES[name], "cpu", monkeypatch)
    assert not [record for record in caplog.records if record.name.startswith("gan_zoo")]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("name", CASES)
def test_captured_stack_equals_runs_alone(name, caplog):
    assert_captured_stack_equals_runs_alone(CASES[name], "cuda")
    assert not [record for record in caplog.records if record.name.startswith("gan_zoo")]
