"""Every study composes: all jobs of its sweeps pass the checks that a sweep makes first."""

import pytest

from gan_zoo import launch
from gan_zoo.schema import ConfigError
from gan_zoo.studies.plan import BUDGETS, load_study, study_names
from study_jobs import in_place_of_mnist, jobs_of


def sweeps_of(name, budget):
    """The jobs of each sweep of a study, with one seed."""
    given = [*in_place_of_mnist(name), "seed=0"]
    return [jobs_of(sweep) for sweep in load_study(name).sweeps(budget, given=given)]


def every_value_once(sweeps):
    """Jobs that contain each word of a study at least once, and one of each sweep."""
    seen, chosen = set(), []
    for jobs in sweeps:
        for number, job in enumerate(jobs):
            if number == 0 or not seen.issuperset(job):
                seen.update(job)
                chosen.append(job)
    return chosen


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", study_names())
def test_every_value_passes_the_checks(name, budget):
    composed = [launch.compose_run(job) for job in every_value_once(sweeps_of(name, budget))]
    assert launch.check_jobs(composed)


@pytest.mark.slow
@pytest.mark.parametrize("name", study_names())
def test_every_job_passes_the_checks(name):
    jobs = [job for jobs in sweeps_of(name, "full") for job in jobs]
    assert launch.check_jobs([launch.compose_run(job) for job in jobs])


@pytest.mark.parametrize("name", study_names())
def test_study_states_claim_and_source(name):
    study = load_study(name)
    assert study.title.endswith("?")
    assert study.content["claim"]
    assert study.content["source"]


def test_given_words_replace_those_of_the_study():
    sweeps = load_study("mixture").sweeps("full", ["ring-tanh"], ["seed=7", "loss=gan"])
    (sweep,) = sweeps
    assert [word for word in sweep.words if word.startswith(("seed=", "loss="))] == [
        "loss=gan",
        "seed=7",
    ]


def test_folder_of_files_goes_to_datasets_that_have_one():
    sweeps = load_study("defaults").sweeps("full", given=["dataset.root=mine", "seed=7"])
    taken = {sweep.part: "dataset.root=mine" in sweep.words for sweep in sweeps}
    rendered = dict.fromkeys(("glyphs", "ring", "grid"), False)
    assert taken == {**rendered, "mnist": True, "mnist-dcgan": True}
    (labels, *_) = load_study("labels").sweeps("full", given=["dataset.root=mine"])
    assert "dataset.root=mine" in labels.words  # MNIST is in its experiment


def test_budgets_have_sweeps_of_their_own():
    study = load_study("slopes")
    names = [{sweep.name for sweep in study.sweeps(budget)} for budget in BUDGETS]
    assert not names[0] & names[1]


def test_unknown_study_is_refused():
    with pytest.raises(ConfigError, match="did you mean mixture"):
        load_study("mixtures")
