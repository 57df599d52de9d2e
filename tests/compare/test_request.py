"""The words of gan-zoo compare."""

import pytest

from gan_zoo.compare.request import (
    DEFAULT_LOSSES,
    format_duration,
    parse_duration,
    parse_request,
)
from gan_zoo.launch.config_catalog import choices
from gan_zoo.schema import ConfigError

LOSSES = choices()["loss"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("6m", 360), ("1h", 3600), ("1h30m", 5400), ("1.5h", 5400)]
)
def test_budget_is_a_time(text, seconds):
    assert parse_duration(text) == seconds
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("budget=1x", "budget=1x: must be a time such as 90s, 10m, 1h or 1h30m"),
        ("budget=", "budget=: must be a time"),
        ("budget=1 h", "must be a time"),
        ("budget=h", "must be a time"),
        ("budget=5s", "budget=5s: must be at least 30s"),
        ("losses=foo,gan", "losses=foo: choose one of"),
        ("losses=gan,hing", "losses=hing: did you mean hinge?"),
        ("losses=gan", "losses=gan: must be two or more different losses"),
        ("losses=gan,gan", "losses=gan,gan: must be two or more different losses"),
        ("losses=", "losses=: choose one of"),
        ("seeds=1", "seeds=1: must be a number of seeds from 2 to 100"),
        ("seeds=0,1", "seeds=0,1: must be a number of seeds from 2 to 100"),
        ("loss=gan,wgan", "loss=gan,wgan: .* type losses="),
        ("seed=0,1", "seed=0,1: .* type seeds="),
        ("evaluate_every=0", "evaluate_every=0: without evaluations"),
        ("--fast", "is no option"),
        ("photos", "photos.* settings are typed as KEY=VALUE"),
    ],
)
def test_mistake_names_key_value_and_what_is_allowed(word, message):
    with pytest.raises(ConfigError, match=message):
        parse_request([word], LOSSES)


def test_own_words_are_separated_from_those_of_training():
    words = ["dataset.root=a", "budget=2h", "losses=gan,wgan", "seeds=4", "--dry-run", "steps=70"]
    request = parse_request(words, LOSSES)
    assert request.words == ("dataset.root=a", "steps=70")
    assert (request.budget, request.losses, request.seeds) == (7200, ("gan", "wgan"), 4)
    assert request.steps == 70
    assert request.dry_run
    assert request.fixed_losses
    assert request.fixed_seeds


@pytest.mark.parametrize(
    ("word", "steps", "every"),
    [
        ("steps=1_000", 1000, None),
        ("evaluate_every=20", None, 20),
        ("evaluate_every=x", None, None),
    ],
)
def test_numbers_of_training_that_the_plan_needs_are_read(word, steps, every):
    request = parse_request([word], LOSSES)
    assert (request.steps, request.evaluate_every) == (steps, every)


def test_defaults_are_losses_that_exist():
    request = parse_request([], LOSSES)
    assert request.losses == DEFAULT_LOSSES
    assert {*DEFAULT_LOSSES} <= {*LOSSES}
    assert not request.fixed_losses
