"""Several processes of one run ("ranks"): together they make the steps of one process."""

import pytest
import torch

from forked_scripts import run_ranks
from gan_zoo.ranks import Ranks
from rank_cases import (
    LOSSES,
    REGULARIZERS,
    assert_equal,
    make_trainer,
    result,
    stop_early,
    train_cases,
    train_further,
)

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


@pytest.mark.parametrize(
    ("cases", "steps"), [(CORE, 12), pytest.param(ALL, 50, marks=pytest.mark.slow)]
)
def test_two_processes_train_as_one(cases, steps, tmp_path):
    (alone,), (first, second) = (trained_by(n, cases, steps, tmp_path) for n in (1, 2))
    for case, one, ours, others in zip(cases, alone, first, second, strict=True):
        print(case)
        assert all(torch.equal(x, others[name]) for name, x in ours.items())
        assert_equal(one, ours)


def test_two_processes_train_in_bf16(tmp_path):
    case = ("gan", "gradient_penalty", False, False, "cpu", 0, "none", False, "bf16")
    (alone,), (first, second) = (trained_by(n, [case], 3, tmp_path) for n in (1, 2))
    assert all(torch.equal(x, second[0][name]) for name, x in first[0].items())
    assert_equal(alone[0], first[0], 0.02)  # gradients of the shares are rounded to three digits


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are no two CUDA devices here")
@pytest.mark.parametrize("compiled", [False, True])
def test_two_gpus_train_as_one(compiled, tmp_path):
    cases = [(*case, *[False] * (3 - len(case)), compiled, "cuda") for case in CORE]
    (alone,), (first, _) = (trained_by(n, cases, 12, tmp_path) for n in (1, 2))
    for one, ours in zip(alone, first, strict=True):
        assert_equal(*({name: x.cpu() for name, x in found.items()} for found in (one, ours)))


@pytest.mark.parametrize(
    ("case", "counts"),
    [(("gan", "gradient_penalty"), (2, 1)), (("cls_gan", "augmentation"), (1, 2))],
)
def test_checkpoints_do_not_know_the_number_of_processes(case, counts, tmp_path):
    for count, steps in zip(counts, (15, 30), strict=True):
        run_ranks(train_further, count, case, steps, str(tmp_path / "parts.pt"))
    whole = make_trainer(Ranks(), *case)
    whole.fit(30, [])
    resumed = make_trainer(Ranks(), *case)
    resumed.load_state_dict(torch.load(tmp_path / "parts.pt"))
    assert_equal(result(whole), result(resumed))
    noise = [trainer.noise.of_critic().z for trainer in (whole, resumed)]
    assert torch.equal(*noise)
    assert whole.loader.position == resumed.loader.position


@pytest.mark.parametrize("way", ["wish", "error"])
def test_all_processes_stop_after_the_same_step(way, tmp_path):
    run_ranks(stop_early, 2, way, str(tmp_path))
    assert [(tmp_path / f"{rank}.txt").read_text() for rank in range(2)] == ["6", "6"]


def test_one_process_alone_communicates_with_nobody():
    ranks, x = Ranks(), torch.rand(4, 2)
    assert ranks.share(x) is x
    assert ranks.average(x) is x
    assert ranks.average_together([x])[0] is x
    assert ranks.broadcast_object("a") == "a"
