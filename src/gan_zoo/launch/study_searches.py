"""The searches of a study that tunes every loss under the same budget."""

from collections.abc import Sequence
from functools import partial

from gan_zoo.cpu_cores import available_cores
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import key_of
from gan_zoo.studies.plan import Stage, Study, StudySweep, results_path
from gan_zoo.tuning.equal_budgets import Place, train_fresh, tune, write_tables
from gan_zoo.tuning.random_search import FRESH_SEEDS, RandomSearch, read_search

_LAUNCHER, _JOBS = "hydra/launcher", "hydra.launcher.n_jobs"


def search_stages(study: Study, budget: str, sweeps: Sequence[StudySweep]) -> list[Stage]:
    """Return what a study trains for each part: a search, then fresh seeds of what it found.

    sweeps: the parts. Raises ConfigError for words that a search does not take.
    """
    results = results_path(study.name, budget).with_suffix("")
    trials = study.content["trials"][budget]
    seeds = FRESH_SEEDS[: study.content["fresh_seeds"][budget]]

    def write() -> str:
        write_tables(results)
        return f"results: {results}"

    stages = []
    for sweep in sweeps:
        search, place = search_of(sweep), Place(sweep.name, results, _jobs(sweep.words))
        fresh = partial(train_fresh, search, place, seeds)
        stages += [
            Stage(sweep.part, partial(tune, search, trials, place), write),
            Stage(f"{sweep.part}, fresh seeds", fresh, write),
        ]
    return stages


def search_of(sweep: StudySweep) -> RandomSearch:
    """Return the search of a part. Raises ConfigError for words that it does not take."""
    own, losses = _words_and_losses(sweep)
    try:
        return read_search(sweep.part, own, losses)
    except ConfigError as error:
        key = "loss" if error.key == "--losses" else error.key
        raise ConfigError(key, error.value, error.allowed) from None


def _words_and_losses(sweep: StudySweep) -> tuple[list[str], list[str]]:
    """Return the words of a part's runs, and the losses that it tunes; none for all."""
    losses = [word.partition("=")[2] for word in sweep.words if key_of(word) == "loss"]
    own = [word for word in sweep.words if key_of(word) not in ("loss", _LAUNCHER, _JOBS)]
    return own, losses[-1].split(",") if losses else []


def _jobs(words: Sequence[str]) -> int:
    """Return how many runs to train at once, as the words of a launcher say."""
    typed = {key_of(word): word.partition("=")[2] for word in words}
    launcher = typed.get(_LAUNCHER, "joblib" if _JOBS in typed else "basic")
    if launcher not in ("basic", "joblib"):
        raise ConfigError(_LAUNCHER, launcher, "must be joblib: searches run on this machine")
    count = typed.get(_JOBS, "-1")
    if count != "-1" and not (count.isdecimal() and int(count)):
        raise ConfigError(_JOBS, count, "must be a number of processes, or -1")
    if launcher == "basic":
        return 1
    return available_cores() if count == "-1" else int(count)
