"""The Optuna study of a search: SEARCH/search.db, which outlives the process that writes it."""

import dataclasses
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo.report.metric_choice import lower_is_better
from gan_zoo.schema import ConfigError
from gan_zoo.tuning.outcome import Outcome

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

DATABASE = "search.db"
_NAME = "search"
_SETTINGS = "settings"
_MAX_RANDOM = 10  # trials before those that learn from others


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """What a search was started with, as its study stores it.

    Attributes:
        overrides: as typed.
        metric: tag of what is optimized.
        trials: how many there shall be.
        seeds: runs of each trial.
        random: whether trials are drawn at random, and none is stopped early.
    """

    overrides: tuple[str, ...]
    metric: str
    trials: int
    seeds: int
    random: bool


def require_optuna() -> None:
    """Raises ConfigError where Optuna is not installed."""
    try:
        import optuna
    except ImportError:
        allowed = 'needs Optuna: pip install "gan-zoo[tune]"'
        raise ConfigError("tune", inspect.Parameter.empty, allowed) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def saved_settings(folder: Path) -> SearchSettings | None:
    """Return the settings of the search in a folder; None if it was killed before its start."""
    import optuna

    try:
        study = optuna.load_study(study_name=_NAME, storage=_url(folder))
        found: dict[str, Any] = study.user_attrs[_SETTINGS]
    except (KeyError, optuna.exceptions.OptunaError):
        return None
    return SearchSettings(**{**found, "overrides": tuple(found["overrides"])})


def open_study(folder: Path, settings: SearchSettings, steps: int) -> "Study":
    """Create a search's study or load it, with these settings.

    steps: of a run. A trial whose best value is worse than the median of the others at the same
    step is stopped, once five trials are complete, after the first half of its first run.
    """
    import optuna

    better = "minimize" if lower_is_better(settings.metric) else "maximize"
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if not settings.random:
        pruner = optuna.pruners.MedianPruner(n_warmup_steps=steps // 2)
    study = optuna.create_study(
        storage=_url(folder),
        study_name=_NAME,
        direction=better,
        pruner=pruner,
        load_if_exists=True,
    )
    study.set_user_attr(_SETTINGS, dataclasses.asdict(settings))
    return study


def ask(study: "Study", settings: SearchSettings, seed: int) -> "Trial":
    """Begin the next trial.

    The sampler is seeded anew for each trial: a search that was interrupted does not draw again
    what it has drawn, and (with one job) goes the way of an uninterrupted one.
    """
    study.sampler = _sampler(settings, seed + len(study.get_trials(deepcopy=False)))
    return study.ask()


def running_trials(study: "Study") -> list["Trial"]:
    """Return the trials that a killed search has left unfinished."""
    import optuna

    running = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING])
    return [optuna.trial.Trial(study, trial._trial_id) for trial in running]


def record(study: "Study", trial: "Trial", outcome: Outcome) -> None:
    """End a trial in the study, with the reason if it was pruned or failed."""
    from optuna.trial import TrialState

    if outcome.pruned or outcome.failed:
        trial.set_user_attr("reason", outcome.pruned or outcome.failed)
        study.tell(trial, state=TrialState.FAIL if outcome.failed else TrialState.PRUNED)
    else:
        trial.set_user_attr("seeds", outcome.values)
        study.tell(trial, outcome.mean)


def ended_trials(study: "Study") -> list["FrozenTrial"]:
    """Return the trials that are complete, pruned or failed."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]


def ranked(study: "Study") -> list["FrozenTrial"]:
    """Return the complete trials, the best first."""
    complete = [trial for trial in ended_trials(study) if trial.state.name == "COMPLETE"]
    sign = -1 if study.direction.name == "MAXIMIZE" else 1
    return sorted(complete, key=lambda trial: sign * trial.values[0])


def _sampler(settings: SearchSettings, seed: int) -> "BaseSampler":
    import optuna

    if settings.random:
        return optuna.samplers.RandomSampler(seed=seed)
    startup = min(_MAX_RANDOM, max(3, settings.trials // 4))
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup, constant_liar=True)


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE}"
