"""The plan by measurements that are given: which network, how many losses, seeds and steps."""

import dataclasses
import math
import re

import pytest

from gan_zoo.compare.networks import candidate_networks
from gan_zoo.compare.plan import MAX_STEPS, RESERVE, Costs, Network, make_plan
from gan_zoo.compare.plan_text import format_lines, plan_lines
from gan_zoo.compare.request import DEFAULT_LOSSES, MAX_SEEDS, Request
from gan_zoo.compare.sweep_words import longer_run_words, sweep_words
from gan_zoo.monitoring.console import estimate
from gan_zoo.schema import ConfigError

SMALL, MIDDLE, LARGE = (
    Network(name, (f"architecture={name}",), 1000) for name in ("small", "middle", "large")
)
SPEED = {"small": 0.01, "middle": 0.03, "large": 0.1}  # seconds per step


class Measurements:
    """Costs by network, and which networks were measured."""

    def __init__(self, evaluation=1.0, spent=0.0, **speed):
        self.speed, self.evaluation, self.spent = SPEED | speed, evaluation, spent
        self.measured = []

    def measure(self, network):
        self.measured.append(network.name)
        return Costs(dict.fromkeys(DEFAULT_LOSSES, self.speed[network.name]), self.evaluation, 1.0)

    def elapsed(self):
        return self.spent * len(self.measured)


def plan_for(budget, measurements=None, **asked):
    given = measurements or Measurements()
    request = Request(budget=budget, **asked)
    return make_plan([SMALL, MIDDLE, LARGE], request, given.measure, given.elapsed)


@pytest.mark.parametrize(("hours", "name"), [(0.15, "small"), (0.5, "middle"), (2, "large")])
def test_largest_network_that_fits_is_chosen(hours, name):
    plan = plan_for(3600 * hours)
    assert plan.network.name == name
    assert (plan.losses, plan.seeds) == (DEFAULT_LOSSES, 3)
    assert plan.steps >= plan.network.useful_steps


def test_network_after_one_that_is_too_slow_is_not_measured():
    measurements = Measurements()
    plan = plan_for(540, measurements)
    assert measurements.measured == ["small", "middle"]
    assert plan.rejected == MIDDLE
    assert plan_for(7200).rejected is None


@pytest.mark.parametrize("budget", [100, 180, 300, 540, 1800, 7200, 36_000])
def test_expected_time_stays_below_the_budget(budget):
    plan = plan_for(budget)
    assert plan.seconds + plan.spent <= budget - RESERVE * (budget - plan.spent) + 1


def test_losses_and_then_seeds_are_left_out():
    found = [(len(plan.losses), plan.seeds) for plan in map(plan_for, (540, 200, 140, 100, 80))]
    assert found == sorted(found, reverse=True)
    assert found[0] == (6, 3)
    assert found[-1] == (2, 2)
    assert plan_for(200).losses == DEFAULT_LOSSES[: len(plan_for(200).losses)]


def test_named_losses_and_seeds_are_kept():
    kept = plan_for(150, losses=("gan", "wgan", "hinge", "lsgan"), fixed_losses=True)
    assert len(kept.losses) == 4
    assert kept.seeds == 2
    with pytest.raises(ConfigError, match="budget=1m40s"):
        plan_for(100, fixed_losses=True, fixed_seeds=True)


def test_hopeless_budget_names_the_smallest_sensible_one():
    with pytest.raises(ConfigError, match=r"budget=1m: is too short .* 4 runs of 1,000") as error:
        plan_for(60, Measurements(small=1.0))
    needed = int(str(error.value).rpartition("budget=")[2].split("m")[0])
    assert plan_for(60 * needed, Measurements(small=1.0)).jobs == 4
    with pytest.raises(ConfigError):
        plan_for(60 * (needed - 3), Measurements(small=1.0))


@pytest.mark.parametrize("evaluation", [1.0, 10.0, 12.0, 15.0, 60.0])
@pytest.mark.parametrize("asked", [{}, {"steps": 1000}, {"evaluate_every": 400}])
def test_larger_budget_never_compares_less(evaluation, asked):
    """The recommended budget is enough, and so is every larger one."""
    costs = Costs(dict.fromkeys(DEFAULT_LOSSES, 0.25), evaluation, 1.0)

    def plan(minutes):
        request = Request(budget=60 * minutes, **asked)
        return make_plan([SMALL], request, lambda _: costs, lambda: 60.0)

    with pytest.raises(ConfigError) as error:
        plan(2)
    needed = int(re.search(r"need budget=(\d+)m or more", str(error.value))[1])
    plans = [plan(minutes) for minutes in range(needed, needed + 150)]
    losses = [len(each.losses) for each in plans]
    assert losses == sorted(losses)
    seeds = [each.seeds for each in plans]
    assert seeds == sorted(seeds)


def test_spare_time_goes_to_seeds():
    plan = plan_for(20 * 3600)
    assert plan.network == LARGE
    assert 3 < plan.seeds <= MAX_SEEDS or plan.steps < MAX_STEPS
    rich = plan_for(1000 * 3600)
    assert (rich.seeds, rich.steps) == (MAX_SEEDS, MAX_STEPS)
    assert plan_for(1000 * 3600, fixed_seeds=True).seeds == 3


def test_given_steps_are_kept():
    plan = plan_for(1800, steps=77)
    assert plan.steps == 77
    assert plan.steps % plan.evaluations == 0
    assert plan.network == LARGE


def test_time_of_measuring_counts():
    quick, slow = plan_for(1800), plan_for(1800, Measurements(spent=300))
    assert slow.spent > quick.spent
    assert slow.steps < quick.steps or slow.network != quick.network


def test_slow_evaluations_happen_at_the_end_only():
    assert plan_for(1800).evaluations > 1
    plan = plan_for(1800, Measurements(evaluation=30.0))
    assert plan.evaluations == 1
    assert plan.evaluate_every == plan.steps


@pytest.mark.parametrize("every", [1, 70, 400, 100_000])
@pytest.mark.parametrize("budget", [200, 540, 1800, 7200, 36_000])
def test_given_evaluations_are_planned(every, budget):
    costs = Costs(dict.fromkeys(DEFAULT_LOSSES, 0.01), 0.5, 1.0)
    request = Request(budget=budget, evaluate_every=every)
    network = dataclasses.replace(SMALL, useful_steps=50)
    plan = make_plan([network], request, lambda _: costs, lambda: 0)
    assert plan.evaluations == math.ceil(plan.steps / every)
    limit = budget - RESERVE * budget
    assert plan.seconds <= limit
    longer = dataclasses.replace(plan, steps=plan.steps + 50)
    longer = dataclasses.replace(longer, evaluations=math.ceil(longer.steps / every))
    assert longer.seconds > limit or plan.steps == MAX_STEPS  # nothing is wasted, either


def test_given_evaluations_of_given_steps_count_in_full():
    costs = Costs(dict.fromkeys(DEFAULT_LOSSES, 0.01), 0.5, 1.0)

    def plan(budget):
        request = Request(budget=budget, steps=200, evaluate_every=1, fixed_losses=True)
        return make_plan([SMALL], request, lambda _: costs, lambda: 0)

    assert plan(3600).evaluations == 200
    assert plan(3600).seconds > 200 * 0.5 * plan(3600).jobs
    assert plan(3600).evaluate_every == 40  # of pictures, which nobody asked for at each step
    with pytest.raises(ConfigError, match="is too short on this machine") as error:
        plan(600)
    needed = int(str(error.value).rpartition("budget=")[2].split("m")[0])
    assert plan(60 * needed).jobs == 12


def test_slowest_loss_counts_in_full():
    measurements = Measurements()

    def measure(network):
        costs = measurements.measure(network)
        return dataclasses.replace(costs, step=costs.step | {"wgan": 10 * costs.step["gan"]})

    request = Request(budget=600, losses=("gan", "wgan"), fixed_losses=True)
    slow = make_plan([SMALL], request, measure, lambda: 0)
    equal = make_plan([SMALL], request, measurements.measure, lambda: 0)
    assert slow.steps < equal.steps / 4


@pytest.mark.parametrize(
    ("shape", "sides", "words", "names"),
    [
        ((2,), [], [], ["mlp_points"]),
        ((1, 28, 28), [], [], [f"dcgan, width {w}, 28x28 pixels" for w in (8, 16, 32, 64)]),
        ((1, 30, 40), [], [], ["mlp, 40x30 pixels"]),
        ((3, 32, 32), [], ["architecture.generator.width=4"], ["networks as given"]),
    ],
)
def test_networks_suit_the_data(shape, sides, words, names):
    assert [each.name for each in candidate_networks(shape, sides, words)] == names


def test_large_photos_are_scaled_to_two_sides():
    networks = candidate_networks((3, 32, 32), [32, 64], [])
    assert "dataset.size=32" in networks[0].words
    assert "dataset.size=64" in networks[-1].words


def test_words_of_the_sweep_have_each_key_once():
    plan = plan_for(540)
    words = sweep_words(plan, ["dataset=npz"], ["dataset.root=x", "steps=5", "sweep=mine"], "other")
    keys = [word.partition("=")[0] for word in words]
    assert len(keys) == len({*keys})
    assert words[:2] == ["seed=0,1,2", f"loss={','.join(DEFAULT_LOSSES)}"]
    assert {"steps=5", "sweep=mine", "dataset.root=x", "architecture=small"} <= {*words}
    longer = longer_run_words(words, plan, "gan")
    assert longer[0] == "loss=gan"
    assert f"steps={4 * plan.steps}" in longer
    assert not {"seed", "sweep"} & {word.partition("=")[0] for word in longer}


def test_longer_run_has_no_words_of_the_launcher():
    """A single run refuses a launcher."""
    plan = plan_for(540)
    given = [
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=1",
        "hydra.sweep.dir=x",
        "precision=bf16",
    ]
    words = sweep_words(plan, ["dataset=ring"], given, "name")
    assert {*given} <= {*words}
    longer = longer_run_words(words, plan, "gan")
    assert {*given} & {*longer} == {"precision=bf16"}
    assert "dataset=ring" in longer


def test_plan_tells_jobs_time_and_what_is_left_out():
    request = Request(budget=200)
    given = Measurements(spent=5)
    plan = make_plan([SMALL], request, given.measure, given.elapsed)
    text = format_lines(plan_lines(plan, request, {"data": "600 images"}))
    assert text.startswith("data         600 images\n")
    assert f"{plan.jobs}: {len(plan.losses)} losses, each with 3 seeds" in text
    assert "no time for" in text
    assert "budget=3m20s" in text
    assert f"{estimate(plan.seconds)} (report: 15 s), after 5.0 s of measuring" in text


def test_measuring_stops_after_a_tenth_of_the_budget():
    measurements = Measurements(spent=400)
    assert plan_for(3600, measurements).network == SMALL
    assert measurements.measured == ["small"]
