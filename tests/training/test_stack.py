"""Stacked runs make the steps that they would make alone."""

import copy

import pytest
import torch
from rank_cases import LOSSES, REGULARIZERS, make_trainer, result

from gan_zoo import losses, regularizers
from gan_zoo.ranks import Ranks
from gan_zoo.optimizers import Adam, RMSprop
from gan_zoo.training.stacked_trainer import StackedTrainer

VARIED = {  # numbers that differ between the runs of a stack
    "glsgan": [losses.GeneralizedLossSensitive(slope=s, margin_scale=2 + s) for s in (-1, 0, 0.5)],
    "lsgan": [losses.LeastSquares(a=a, b=1 + a, c=1.0) for a in (-1, 0, 0.5)],
}


def trainers(loss, regularizer, images=False):
    """Three trainers with other seeds, and with other numbers where these vary."""
    found = []
    for seed in range(3):
        trainer = make_trainer(Ranks(), loss, regularizer, images, seed=seed)
        found.append(trainer)
    return found


def assert_equal(one, two, tolerance=1e-9):
    last_bias = [name for name in one if name.startswith("critic") and name.endswith("bias")][-1]
    for name in {*one} - {last_bias}:
        error = (one[name] - two[name]).abs().max() / one[name].abs().max().clamp(min=1e-3)
        assert error <= (1e-6 if name.startswith("score/") else tolerance), name


OPT={"generator": Adam(lr=1e-3), "critic": Adam(lr=1e-3)}
CASES = [(loss, "none") for loss in LOSSES if loss != "cls_gan"]
CASES += [("gan", regularizer) for regularizer in REGULARIZERS]
CASES += [("wgan", "gradient_penalty", True), ("hinge", "spectral_norm", True)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stacked_runs_equal_separate_ones(case):
    alone, together = trainers(*case), trainers(*case)
    for trainer in alone:
        trainer.train_steps(0)
        for _ in range(10): trainer.train_steps(1)
    opt = dict(OPT)
    if case[0]=="wgan": opt["critic"]=RMSprop(lr=1e-3)
    stacked = StackedTrainer(together, opt, compiled=False)
    for _ in range(10): stacked.train_steps(1)
    stacked.hand_out()
    for one, two in zip(alone, together, strict=True):
        assert_equal(result(one), result(two))
