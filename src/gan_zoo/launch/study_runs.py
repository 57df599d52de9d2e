"""Train a study: its sweeps or searches one after the other, and a file of their results."""

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gan_zoo.command_line import EXIT_FAILED, EXIT_SIGNAL, exit_with, from_here, program
from gan_zoo.launch.command_options import named_commands
from gan_zoo.launch.overrides import MULTIRUN
from gan_zoo.launch.resume import SWEEPS
from gan_zoo.launch.sweep_end import IN_STUDY
from gan_zoo.launch.usage_errors import refuse_word
from gan_zoo.monitoring.console import show
from gan_zoo.report.number_format import counted
from gan_zoo.schema import ConfigError, suggest
from gan_zoo.setting_keys import key_of
from gan_zoo.studies.plan import (
    BUDGETS,
    Stage,
    Study,
    StudySweep,
    load_study,
    results_path,
    study_names,
)

_KEYS = ("study", "study.budget", "study.part")
_OPTIONS = (*MULTIRUN, "-h", "--help")


def names_study(words: Sequence[str]) -> bool:
    """Return whether a command line is that of a study."""
    return any(_is_own(word) for word in words)


def _is_own(word: str) -> bool:
    return key_of(word).partition(".")[0] == "study" and "=" in word


def study_help(words: Sequence[str]) -> str:
    """Describe a study, with the command of each of its sweeps or searches."""
    study, budget, parts, given = parse_study_request(words)
    lines = [study.title, "", f"Claim:  {study.content['claim']}"]
    lines += [f"Source: {study.content['source']}", ""]
    for sweep in study.sweeps(budget, parts, given):
        lines += [_command(study, budget, given, sweep), ""]
    typed = [word for word in words if word not in _OPTIONS]
    called = shlex.join([*program("train.py").split(), *typed])
    other = next(each for each in BUDGETS if each != budget)
    lines.append(f"{called} trains them one after the other; study.budget={other} others.")
    lines.append(f"study.part=NAME,... chooses some of them: {', '.join(study.parts)}.")
    return "\n".join(lines)


def _command(study: Study, budget: str, given: Sequence[str], sweep: StudySweep) -> str:
    if study.searches:
        own = [f"study={study.name}", f"study.part={sweep.part}", f"study.budget={budget}"]
        trials, seeds = (study.content[key][budget] for key in ("trials", "fresh_seeds"))
        return (
            f"{shlex.join([*program('train.py').split(), *own, *given])}\n"
            f"    {trials} trials of each loss, then {seeds} new seeds of its best: "
            f"{shlex.join(sweep.words)}"
        )
    command = shlex.join([*program("train.py").split(), "-m", *sweep.words])
    return f"{command} sweep={sweep.name}"


def run_study(words: Sequence[str], train: Callable[[list[str]], None]) -> None:
    """Train the missing runs of a study, then write the results of all of its runs.

    train: trains a sweep, given the words of its command. A sweep with failed runs does not end the
    study; a mistake or a signal does. The results so far are written after every sweep.
    """
    study, budget, parts, given = parse_study_request(words)
    stages, failed, line = _stages(study, budget, parts, given, train), False, ""
    for number, stage in enumerate(stages, 1):
        show(f"\nstudy {study.name}, {number} of {len(stages)}: {stage.title}")
        code = _exit_code(stage.train)
        if code not in (0, EXIT_FAILED) and code < EXIT_SIGNAL:
            sys.exit(code)
        failed = failed or code == EXIT_FAILED
        line = stage.write()
        if code > EXIT_SIGNAL:
            again = from_here("train.py", *words)
            print(f"{again} trains what is missing of the study", file=sys.stderr)
            sys.exit(code)
    _write_picture(study, _folders(study, budget), results_path(study.name, budget))
    show(f"\n{line}")
    if failed:
        exit_with("not all runs of the study succeeded", EXIT_FAILED)


def _stages(
    study: Study,
    budget: str,
    parts: Sequence[str],
    given: Sequence[str],
    train: Callable[[list[str]], None],
) -> list[Stage]:
    sweeps = study.sweeps(budget, parts, given)
    if study.searches:
        from gan_zoo.launch.study_searches import search_stages  # imports numpy

        return search_stages(study, budget, sweeps)
    path, folders = results_path(study.name, budget), _folders(study, budget)

    def write() -> str:
        return f"results of {counted(_write(study, folders, path), 'run')}: {path}"

    return [
        Stage(each.part, partial(train, ["-m", *each.words, f"sweep={each.name}"]), write)
        for each in sweeps
    ]


def _folders(study: Study, budget: str) -> dict[str, Path]:
    """Return the folders of all parts, also of those that are not trained now."""
    return {each.part: SWEEPS / each.name for each in study.sweeps(budget)}


def parse_study_request(words: Sequence[str]) -> tuple[Study, str, list[str], list[str]]:
    """Return what a command line asks for: the study, its budget, some parts, and other words.

    Raises ConfigError for names that there are not.
    """
    own = {key_of(word): word.partition("=")[2] for word in words if _is_own(word)}
    given = [word for word in words if not _is_own(word) and word not in _OPTIONS]
    for key, value in own.items():
        if key not in _KEYS:
            raise ConfigError(key, value, f"unknown key; {suggest(key, _KEYS)}")
        if "study" not in own:
            raise ConfigError(key, value, f"needs a study=NAME: {', '.join(study_names())}")
    study, budget = load_study(own["study"]), own.get("study.budget", BUDGETS[0])
    if budget not in BUDGETS:
        raise ConfigError("study.budget", budget, suggest(budget, BUDGETS))
    parts = own["study.part"].split(",") if "study.part" in own else []
    for part in parts:
        if part not in study.parts:
            raise ConfigError("study.part", part, suggest(part, study.parts))
    for option in named_commands(given):
        refuse_word(option, f"is for a single run; study={study.name} --help shows commands")
    for word in given:
        if key_of(word) in ("sweep", "hydra.sweep.dir"):
            allowed = f"a study names its sweeps study-{study.name}-PART: leave it out"
            raise ConfigError(key_of(word), word.partition("=")[2], allowed)
    return study, budget, parts, given


def _exit_code(train: Callable[[], None]) -> int:
    before = IN_STUDY.set(True)
    try:
        train()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        IN_STUDY.reset(before)
    return 0


def _write(study: Study, folders: dict[str, Path], path: Path) -> int:
    """Write the results of all runs that have ended, and return their number."""
    from gan_zoo.studies.results import write_results  # imports numpy

    return write_results(folders, study.content.get("curves", {}), path)


def _write_picture(study: Study, folders: dict[str, Path], path: Path) -> None:
    """Write the picture of samples of a study that has one."""
    picture = path.with_name(f"{path.stem}-samples.png")
    if "samples" in study.content:
        from gan_zoo.studies.samples import write_samples  # imports matplotlib

        write_samples(folders, study.content["samples"], picture)
    if study.content.get("allocation"):
        from gan_zoo.studies.allocation import write_allocation  # imports torch

        write_allocation([*folders.values()], picture)
