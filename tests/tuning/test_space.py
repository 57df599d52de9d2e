"""What a search is over, as typed, and its mistakes in one line."""

import itertools
import re

import numpy as np
import pytest

from gan_zoo.schema import ConfigError
from gan_zoo.tuning.corners import check_corners, objective_tag
from gan_zoo.tuning.space import Choice, NumberRange, parse_space


def parameter(word):
    """Return what one word searches."""
    (found,) = parse_space([word]).parameters
    return found


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("loss.slope=interval(-1,1)", NumberRange("loss.slope", -1.0, 1.0)),
        (
            "optimizer.lr=interval(1e-5, 1e-2, log)",
            NumberRange("optimizer.lr", 1e-5, 1e-2, log=True),
        ),
        ("optimizer.lr=tag(log,interval(1,2))", NumberRange("optimizer.lr", 1.0, 2.0, log=True)),
        ("n_critic=int(interval(1,8))", NumberRange("n_critic", 1, 8)),
        ("batch_size=int(interval(8,64,log))", NumberRange("batch_size", 8, 64, log=True)),
        ("n_critic=range(1,6)", NumberRange("n_critic", 1, 5, step=1)),
        ("batch_size=range(32,100,32)", NumberRange("batch_size", 32, 96, step=32)),
        ("n_critic=range(5,0,-1)", NumberRange("n_critic", 1, 5, step=1)),
        ("ema=range(0.5,1,0.25)", NumberRange("ema", 0.5, 0.75, step=0.25)),
        ("loss.slope=range(0,1.1,0.3)", NumberRange("loss.slope", 0.0, 0.9, step=0.3)),
        ("ema=range(1,0,-0.1)", NumberRange("ema", 0.1, 1.0, step=0.1)),
        ("loss=choice(gan,wgan)", Choice("loss", ("gan", "wgan"))),
        ("loss=gan,wgan", Choice("loss", ("gan", "wgan"))),
        ("loss/divergence=choice(kl,jsd,kl)", Choice("loss/divergence", ("kl", "jsd"))),
        (
            "optimizer.betas=choice([0,0.9],[0.5,0.999])",
            Choice("optimizer.betas", ("[0,0.9]", "[0.5,0.999]")),
        ),
    ],
)
def test_word_defines_parameter(word, expected):
    found = parameter(word)
    assert found == expected
    assert all(type(a) is type(b) for a, b in zip(found.ends(), expected.ends(), strict=True))


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("ema=interval(1;2)", "ema=interval(1;2): must be interval(A,B), interval(A,B,log), range"),
        ("ema=interval(1)", "ema=interval(1): must be interval(A,B)"),
        ("ema=interval(2,1)", "ema=interval(2,1): must go from a smaller to a larger number"),
        ("ema=interval(0,inf)", "ema=interval(0,inf): must go from a smaller to a larger"),
        ("ema=interval(0,1,log)", "ema=interval(0,1,log): a logarithmic interval must begin above"),
        ("ema=tag(lin,interval(0,1))", "ema=tag(lin,interval(0,1)): must be interval(A,B)"),
        ("n_critic=range(1,9,log)", "n_critic=range(1,9,log): must be interval(A,B)"),
        ("n_critic=range(1,2)", "n_critic=range(1,2): must have two values or more"),
        ("loss=glob(*gan)", "loss=glob(*gan): must be interval(A,B)"),
        ("seed=0,1", "seed=0,1: cannot be searched; --seeds trains each trial several times"),
        ("steps=range(10,30,10)", "steps=range(10,30,10): cannot be searched: trials are compared"),
        ("hydra.run.dir=x", "hydra.run.dir=x: cannot be set here"),
        ("resume=auto", "resume=auto: cannot be set here"),
        ("loss=gan", "KEY=VALUE: nothing to search for: add for example 'optimizer.lr=interval"),
        ("steps 100", "steps 100: "),
    ],
)
def test_mistake_is_one_line(word, line):
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}") as caught:
        parse_space([word])
    assert "\n" not in str(caught.value)


def test_key_is_given_once():
    with pytest.raises(ConfigError, match="steps=2: is given twice"):
        parse_space(["steps=1", "loss=gan,wgan", "steps=2"])


def test_paths_are_used_as_typed():
    space = parse_space(["dataset=npz", "dataset.root=my images/a=b.npz", "loss=gan,wgan"])
    assert space.words == ("dataset=npz", "dataset.root='my images/a=b.npz'")


def test_words_have_four_digits_inside_the_interval():
    found = parameter("ema=interval(0.1,0.99999)")
    assert found.word(0.123456) == "ema=0.1235"
    assert found.word(0.999985) == "ema=0.99999"
    assert parameter("n_critic=int(interval(1,99999))").word(12345) == "n_critic=12345"


def test_corners_combine_ends_and_choices():
    space = parse_space(["loss=gan,wgan,hinge", "ema=interval(0,0.9)", "steps=5"])
    corners = [space.own_words(values) for values in space.corners()]
    pairs = itertools.product(("gan", "wgan", "hinge"), ("0.0", "0.9"))
    assert corners == [[f"loss={loss}", f"ema={ema}"] for loss, ema in pairs]


def test_many_corners_differ_in_one_setting():
    keys = [f"k{number}" for number in range(10)]
    corners = parse_space([f"{key}=interval(0,1)" for key in keys]).corners()
    assert len(corners) == 11
    assert [sum(values.values()) for values in corners] == [0, *[1] * 10]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["optimizr.lr=interval(0.1,1)"], r"optimizr: .* optimizer\? \(in the corner optimizr.lr="),
        (["loss=glsgan", "loss.slope=interval(0,2)"], r"loss.slope=2.0: .*corner loss.slope=2.0\)"),
        (["loss=choice(gan,wgann)"], r"loss=wgann: did you mean wgan\? \(in the corner loss=wgann"),
        (["batch_size=range(8,1000000,999991)"], r"batch_size=999999: must be at most .*corner"),
    ],
)
def test_wrong_corner_is_named(words, line):
    with pytest.raises(ConfigError, match=line):
        check_corners(parse_space(["dataset=ring", *words]))


def objective(metric, *words):
    return objective_tag(check_corners(parse_space(["loss=gan,wgan", *words])), metric)


def test_objective_is_what_selects_the_best_checkpoint():
    assert objective(None, "dataset=ring") == "metric/sliced_wasserstein"
    assert objective("jsd", "dataset=ring") == "metric/jsd"
    assert objective(None, "dataset=ring", "evaluation.monitor=modes") == "metric/modes"
    assert objective(None).startswith("metric/frechet_glyphs")


def test_objective_has_no_suffix_that_only_the_data_know(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((40, 8, 8), np.uint8), y=np.arange(40) % 2)
    words = ["dataset=npz", f"dataset.root={tmp_path / 'x.npz'}", "batch_size=8"]
    assert objective(None, *words) == "metric/frechet"
    assert objective("classes_covered_npz_cnn", *words) == "metric/classes_covered"


def test_error_of_a_classifier_needs_a_critic_that_classifies():
    classifier = check_corners(parse_space(["loss=cls_gan", "batch_size=choice(8,16)"]))
    assert objective_tag(classifier, "classification_error") == "metric/classification_error"
    with pytest.raises(ConfigError, match="^--metric=classification_error: "):
        objective("classification_error", "conditional=true")


@pytest.mark.parametrize(
    ("metric", "words", "line"),
    [
        ("modess", [], "--metric=modess: did you mean metric/modes"),
        ("largest_share", [], "--metric=largest_share: "),  # neither direction is better
        (None, ["evaluate_every=0"], "evaluate_every=0: a search needs evaluations"),
    ],
)
def test_impossible_objective_is_one_line(metric, words, line):
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}"):
        objective(metric, "dataset=ring", *words)
