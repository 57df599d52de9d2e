"""Several processes of one run ("ranks"): together they make the steps of one process."""

import pytest
import torch

from forked_scripts import run_ranks
from rank_cases import LOSSES, REGULARIZERS, train_cases

CORE = [(loss, "none") for loss in LOSSES] + [("gan", regularizer) for regularizer in REGULARIZERS]
CORE += [("wgan", "gradient_penalty", True), ("hinge", "spectral_norm", True)]
ALL = [
    (loss, regularizer)
    for loss in LOSSES
    for regularizer in ("none", "gradient_penalty", "r1", "weight_clip", "spectral_norm")
]


def trained_by(count, cases, steps, folder):
    """What each process has after training the cases."""
    run_ranks(train_cases, count, cases, steps, str(folder))
    return [torch.load(folder / f"{count}-{rank}.pt") for rank in range(count)]


def assert_equal(one, two, tolerance=1e-9):
    """Compare all but the critic's last bias, on which pairs do not depend: its gradient is rounding.

    Mean scores depend on it.
    """
    assert one.keys() == two.keys()
    last_bias = [name for name in one if name.startswith("critic") and name.endswith("bias")][-1]
    for name in {*one} - {last_bias}:
        error = (one[name] - two[name]).abs().max() / one[name].abs().max().clamp(min=1e-3)
        assert error <= (1e-6 if name.startswith("score/") else tolerance), name


@pytest.mark.parametrize(
    ("cases", "steps"), [(CORE, 12), pytest.param(ALL, 50, marks=pytest.mark.slow)]
)
def test_two_processes_train_as_one(cases, steps, tmp_path):
    (alone,), (first, second) = (trained_by(n, cases, steps, tmp_path) for n in (1, 2))
    for case, one, ours, others in zip(cases, alone, first, second, strict=True):
        print(case)
        assert all(torch.equal(x, others[name]) for name, x in ours.items())
        assert_equal(one, ours)
