"""What a study trains: the sweeps or searches of configs/study/NAME.yaml. No torch."""

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gan_zoo.launch.config_catalog import CONFIGS, has_setting
from gan_zoo.schema import ConfigError, suggest
from gan_zoo.setting_keys import latest

BUDGETS = ("full", "small")
_FOLDER = CONFIGS / "study"
_OF_FILES = ("dataset.root", "dataset.download")  # keys that datasets without files lack


@dataclasses.dataclass(frozen=True)
class StudySweep:
    """One sweep of a study.

    Attributes:
        part: its name in the study and in tables.
        name: of the sweep, and of its folder in outputs/sweeps.
        words: of its command, without `sweep=`.
    """

    part: str
    name: str
    words: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Study:
    """A file of configs/study.

    Attributes:
        title: its question.
        content: of the file: claim, source, words, sweeps or searches, curves, tables and figures.
    """

    name: str
    title: str
    content: Mapping[str, Any]

    @property
    def searches(self) -> bool:
        """Whether it tunes every loss on each of its parts, which are datasets."""
        return "searches" in self.content

    @property
    def parts(self) -> list[str]:
        """The names of its sweeps or searches."""
        return list(self._words_of_parts)

    @property
    def _words_of_parts(self) -> Mapping[str, Any]:
        return self.content["searches" if self.searches else "sweeps"]

    def sweeps(
        self, budget: str, parts: Sequence[str] = (), given: Sequence[str] = ()
    ) -> list[StudySweep]:
        """Return the sweeps of a budget, whose words replace those of all budgets.

        Args:
            budget: one of BUDGETS.
            parts: names of the sweeps to return; empty for all.
            given: words of the user, which replace any others; the folder of a dataset's files goes
                to sweeps of such datasets only.
        """
        found = []
        for part in parts or self.parts:
            own = self._words_of_parts[part]
            layers = (self.content["words"], own["words"], self.content[budget], own.get(budget))
            words = [word for text in layers for word in shlex.split(text or "")]
            name = "-".join(["study", self.name, *([] if budget == "full" else [budget]), part])
            taken = [word for word in given if _has_key(words, word.partition("=")[0])]
            found.append(StudySweep(part, name, tuple(latest([*words, *taken]))))
        return found


class Stage(NamedTuple):
    """A part of a study while it trains: a sweep, a search, or its fresh seeds.

    Attributes:
        title: of the line that is shown before it.
        train: trains its missing runs; a SystemExit tells of failed ones, or of a signal.
        write: writes the results of all runs that have ended; returns a line about them.
    """

    title: str
    train: Callable[[], None]
    write: Callable[[], str]


def _has_key(words: Sequence[str], key: str) -> bool:
    """Return whether a sweep has a setting, of those that datasets without files lack."""
    named = [word.partition("=")[2] for word in words if word.startswith("dataset=")]
    if key not in _OF_FILES or not named:
        return True
    return has_setting("dataset", named[-1], key)


def study_names() -> list[str]:
    """List the studies."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_study(name: str) -> Study:
    """Load a study. Raises ConfigError for a name that none has."""
    if name not in study_names():
        raise ConfigError("study", name, suggest(name, study_names()))
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    return Study(name, title, yaml.safe_load(text))


def results_path(study: str, budget: str) -> Path:
    """Return the file that a study's results are written to."""
    return Path("outputs/studies") / f"{study}{'' if budget == 'full' else '-' + budget}.csv"
