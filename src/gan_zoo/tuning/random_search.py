"""The same random search for every loss, and its best trials with fresh seeds: which runs."""

import dataclasses
import random
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gan_zoo import launch
from gan_zoo.launch.config_catalog import CONFIGS
from gan_zoo.report.run_files import read_settings
from gan_zoo.schema import ConfigError, suggest
from gan_zoo.setting_keys import key_of, latest
from gan_zoo.tuning.space import parse_space

FRESH_SEEDS = range(100, 105)  # seeds that no search uses
PAPER, DEFAULT = "paper", "default"
_SEED = 0  # of all runs of a search


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """One run of a search, or of its best trials with fresh seeds.

    Attributes:
        recipe: name of its settings: trial-07, paper or default.
        settings: words that may differ from run to run.
        words: those that all runs share.
    """

    loss: str
    recipe: str
    seed: int
    settings: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.recipe}-{self.loss}-seed-{self.seed}"

    @property
    def overrides(self) -> list[str]:
        return [*self.words, f"loss={self.loss}", *self.settings, f"seed={self.seed}"]


@dataclasses.dataclass(frozen=True)
class RandomSearch:
    """What is drawn for every loss, as configs/tune_losses.yaml has it.

    Attributes:
        dataset: its name in the file.
        losses: to tune.
        words: that all runs share.
        space: words with what is drawn, as `tune` has them.
        regularizers: such words, too; each trial has one list of them, in turn.
    """

    dataset: str
    losses: tuple[str, ...]
    words: tuple[str, ...]
    space: tuple[str, ...]
    regularizers: tuple[tuple[str, ...], ...]

    def settings(self, number: int) -> tuple[str, ...]:
        """Draw the settings of a trial: for its number they are the same in every search.

        Each setting is drawn by its own generator, so that it does not depend on the others.
        Raises ConfigError for a wrong word.
        """
        given = (*self.space, *self.regularizers[number % len(self.regularizers)])
        space = parse_space([*self.words, *given])
        drawn = {each.key: each.at(_share(number, each.key)) for each in space.parameters}
        searched = dict(zip(drawn, space.own_words(drawn), strict=True))
        return tuple(searched.get(word.partition("=")[0], word) for word in given)

    def trials(self, losses: Sequence[str], count: int) -> list[PlannedRun]:
        """Return the runs of the search: the first trial of every loss, the second, and so on."""
        return [
            PlannedRun(loss, f"trial-{number:02d}", _SEED, settings, self.words)
            for number in range(count)
            for settings in [self.settings(number)]
            for loss in losses
        ]

    def fresh(
        self, best: Mapping[str, tuple[str, Sequence[str]]], seeds: Sequence[int] = FRESH_SEEDS
    ) -> list[PlannedRun]:
        """Return runs with fresh seeds of each loss's recipes and best trial.

        best: the name and the settings of that trial, by loss.
        """
        return [
            PlannedRun(loss, recipe, seed, tuple(settings), self.words)
            for seed in seeds
            for loss, trial in best.items()
            for recipe, settings in [(PAPER, ["recipe=paper"]), (DEFAULT, []), trial]
        ]


def read_search(dataset: str, typed: Sequence[str], losses: Sequence[str] = ()) -> RandomSearch:
    """Read the search of a dataset.

    Args:
        dataset: its name in configs/tune_losses.yaml.
        typed: words of the command line, which override those of the file, also what is drawn. A
            typed regularizer takes the place of all lists of them.
        losses: those to tune; none for all of the file.

    Raises ConfigError for an unknown name.
    """
    found = _content()
    if dataset not in found["datasets"]:
        raise ConfigError("DATASET", dataset, suggest(dataset, found["datasets"]))
    for loss in losses:
        if loss not in found["losses"]:
            raise ConfigError("--losses", loss, suggest(loss, found["losses"]))
    for word in typed:
        if "=" in word and key_of(word) in ("loss", "seed"):
            raise ConfigError(*word.split("=", 1), "cannot be set here; --losses chooses losses")
    typed = launch.prepare_overrides(typed)  # as the commands of its runs have them
    words = latest([*found["datasets"][dataset], *found["words"], *typed])
    keys = {key_of(word) for word in typed}
    return RandomSearch(
        dataset=dataset,
        losses=tuple(losses or found["losses"]),
        words=tuple(words),
        space=_without(keys, found["space"]),
        regularizers=tuple(
            () if key_of(choice) in keys else (choice, *_without(keys, numbers))
            for choice, *numbers in found["regularizers"]
        ),
    )


def _without(keys: Container[str], words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in words if key_of(word) not in keys)


def dataset_names() -> list[str]:
    """Return the names of the datasets that have a search."""
    return list(_content()["datasets"])


def _content() -> Mapping[str, Any]:
    return read_settings(CONFIGS / "tune_losses.yaml")


def skipped_losses(runs: Sequence[PlannedRun]) -> dict[str, str]:
    """Return the losses that cannot be trained, and why; runs: one of each loss.

    Raises ConfigError, as the first of them does, if none can be.
    """
    skipped = dict(_refused(runs))
    if len(skipped) == len(runs):
        raise next(iter(skipped.values()))
    return {loss: str(error) for loss, error in skipped.items()}


def _refused(runs: Sequence[PlannedRun]) -> Iterator[tuple[str, ConfigError]]:
    """Yield the loss and the error of each run that does not pass the checks of a run."""
    for run in runs:
        try:
            launch.check_overrides(run.overrides)
            (experiment,) = launch.check_jobs([launch.compose_run(run.overrides)])
            if not experiment.settings.evaluate_every:
                raise ConfigError("evaluate_every", 0, "a search needs evaluations")
        except ConfigError as error:
            yield run.loss, error


def _share(number: int, key: str) -> float:
    """Draw a share of the range of a setting, the same on every machine."""
    return random.Random(f"trial {number}: {key}").random()
