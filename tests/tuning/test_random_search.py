"""The same random search for every loss: what is drawn, and which runs it has."""

import re

import pytest

from gan_zoo import launch
from gan_zoo.launch.config_catalog import choices
from gan_zoo.schema import ConfigError
from gan_zoo.tuning.random_search import (
    FRESH_SEEDS,
    PlannedRun,
    dataset_names,
    read_search,
    skipped_losses,
)
from gan_zoo.tuning.space import parse_space


def test_every_loss_is_tuned():
    assert sorted(read_search("mnist", []).losses) == choices()["loss"]


def test_every_loss_has_the_same_trials():
    search = read_search("mnist", [])
    trials = search.trials(search.losses, 20)
    assert len({run.name for run in trials}) == 20 * len(search.losses)
    settings = {
        loss: [run.settings for run in trials if run.loss == loss] for loss in search.losses
    }
    assert all(drawn == settings["gan"] for drawn in settings.values())
    assert len(set(settings["gan"])) == 20


def test_draws_are_the_same_everywhere():
    (first,) = read_search("ring", []).trials(["gan"], 1)
    assert "optimizer.generator.lr=0.0009684" in first.settings
    assert first.settings[-1] == "regularizer=spectral_norm"


def test_draws_are_in_their_ranges():
    search = read_search("glyphs", [])
    for number in range(50):
        found = dict(word.split("=", 1) for word in search.settings(number))
        assert 1e-4 <= float(found["optimizer.critic.lr"]) <= 1e-2
        assert found["n_critic"] in ("1", "2", "3")
        assert 0.01 <= float(found.get("regularizer.bound", 0.1)) <= 0.3


@pytest.mark.parametrize(
    ("word", "share", "value"),
    [
        ("x=interval(1,3)", 0.5, 2),
        ("x=interval(1,100,log)", 0.5, 10),
        ("x=int(interval(1,3))", 0.99, 3),
        ("x=range(0,10,4)", 0.34, 4),
        ("x=int(interval(1,64,log))", 0.5, 8),
        ("x=choice(a,b)", 0.5, "b"),
    ],
)
def test_value_at_a_share_of_the_range(word, share, value):
    (parameter,) = parse_space([word]).parameters
    assert parameter.at(share) == (value if value == "b" else pytest.approx(value))


def test_every_regularizer_can_be_trained():
    search = read_search("glyphs", [])
    runs = search.trials(["cls_gan"], len(search.regularizers))
    launch.check_jobs(launch.compose_run(run.overrides) for run in runs)


@pytest.mark.parametrize("dataset", dataset_names())
def test_every_dataset_has_a_search(dataset):
    (run,) = read_search(dataset, ["steps=7"]).trials(["gan"], 1)
    config, _ = launch.compose_run(run.overrides)
    assert (config.steps, config.evaluate_every, config.seed) == (7, 7, 0)


def test_loss_that_needs_labels_is_skipped():
    search = read_search("ring", [])
    skipped = skipped_losses(search.trials(["gan", "cls_gan"], 1))
    assert skipped.keys() == {"cls_gan"}
    assert "needs a dataset with labels" in skipped["cls_gan"]


@pytest.mark.parametrize(
    ("word", "line"), [("steps=many", "steps=many"), ("evaluate_every=0", "needs evaluations")]
)
def test_mistake_in_all_losses_is_an_error(word, line):
    search = read_search("ring", [word])
    with pytest.raises(ConfigError, match=line):
        skipped_losses(search.trials(["gan", "wgan"], 1))


@pytest.mark.parametrize(
    ("dataset", "typed", "losses", "line"),
    [
        ("rings", [], (), "DATASET=rings: .*ring"),
        ("ring", [], ("wgam",), "--losses=wgam: .*wgan"),
        ("ring", ["loss=gan"], (), "loss=gan: cannot be set here; --losses chooses"),
        ("ring", ["+seed=1"], (), "seed=1: cannot be set here"),
    ],
)
def test_mistake_is_one_line(dataset, typed, losses, line):
    with pytest.raises(ConfigError, match=line):
        read_search(dataset, typed, losses).settings(0)


def test_typed_word_overrides_what_is_drawn():
    drawn, search = read_search("ring", []), read_search("ring", ["n_critic=5"])
    for number in range(10):
        others = [word for word in drawn.settings(number) if not word.startswith("n_critic=")]
        assert list(search.settings(number)) == others
    (run,) = search.trials(["gan"], 1)
    assert launch.compose_run(run.overrides)[0].n_critic == 5


def test_typed_regularizer_overrides_all_that_are_drawn():
    search = read_search("ring", ["regularizer=r1", "optimizer=adam_ttur"])
    runs = search.trials(["gan"], len(search.regularizers))
    launch.check_jobs(launch.compose_run(run.overrides) for run in runs)
    assert not any("regularizer" in word for run in runs for word in run.settings)


def test_fresh_runs_have_three_recipes_and_new_seeds():
    search = read_search("ring", [])
    runs = search.fresh({"wgan": ("trial-03", ["n_critic=2"])})
    assert {run.seed for run in runs} == set(FRESH_SEEDS)
    assert 0 not in FRESH_SEEDS  # the seed of the search
    recipes = {run.recipe: run.settings for run in runs}
    assert recipes == {"paper": ("recipe=paper",), "default": (), "trial-03": ("n_critic=2",)}


def test_folder_names_a_run():
    name = PlannedRun("gan", "trial-00", 0, (), ()).name
    assert re.fullmatch(r"[\w-]+", name)
