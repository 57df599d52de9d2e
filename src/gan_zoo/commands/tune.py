"""Search for the settings with the best metric: `gan-zoo tune NAME 'KEY=interval(A,B)' ...`.

  KEY=interval(A,B)      any number from A to B
  KEY=interval(A,B,log)  the same, equal ratios being equally likely: for learning rates
  KEY=int(interval(A,B)) whole numbers from A to B
  KEY=range(A,B,STEP)    A, A+STEP, ... below B
  KEY=choice(A,B,C)      one of these; loss=choice(wgan,hinge) chooses a file
  KEY=VALUE              of all trials, as for training

Each trial trains several seeds, ordinary runs in outputs/sweeps/NAME/trial-0000-seed-0 and so on,
and counts with the mean of the metric at their end. A run that diverges, or whose best value so far
is worse than the median of the other trials at the same step, ends its trial early.
`gan-zoo tune NAME` continues a search that was stopped or killed.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo import latest_sweep
from gan_zoo.command_line import (
    EXIT_FAILED,
    as_called,
    exit_code,
    exit_with,
    from_here,
    one_line_errors,
    whole_number,
)
from gan_zoo.cpu_cores import thread_share
from gan_zoo.launch.resume import SWEEPS
from gan_zoo.report.number_format import counted
from gan_zoo.run_folder import folders_below
from gan_zoo.run_lock import FolderInUse, lock_folder
from gan_zoo.schema import ConfigError, suggest
from gan_zoo.training.signals import Interrupted, catch_signals
from gan_zoo.tuning.corners import check_corners, objective_tag
from gan_zoo.tuning.results import format_best, format_importance, fresh_command, write_pictures
from gan_zoo.tuning.search import Search, SearchFailed
from gan_zoo.tuning.space import EXAMPLE, Space, parse_space
from gan_zoo.tuning.study import (
    DATABASE,
    SearchSettings,
    ended_trials,
    open_study,
    ranked,
    require_optuna,
    saved_settings,
)

if TYPE_CHECKING:
    from optuna import Study

    from gan_zoo.experiment import RunConfig

_TRIALS, _SEEDS = 40, 2
_NAME = re.compile(r"[\w-][\w.-]*", re.ASCII)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the search, and of its folder in outputs/sweeps")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="see above")
    number = whole_number(1)
    parser.add_argument("--trials", type=number, help=f"how many (default {_TRIALS})")
    parser.add_argument("--jobs", type=number, default=1, help="trials at once (default 1)")
    parser.add_argument("--seeds", type=number, help=f"runs of each trial (default {_SEEDS})")
    parser.add_argument("--metric", help="to optimize (default: the one that selects best.pt)")
    parser.add_argument(
        "--random", action="store_true", help="draw at random, and stop no trial early"
    )
    return parser.parse_intermixed_args()


@one_line_errors()
def main() -> None:
    """Search, or continue a search, and print the best trials."""
    args = arguments()
    folder = _folder(args.name)
    saved = None
    if (folder / DATABASE).is_file():
        require_optuna()
        saved = saved_settings(folder)
    elif not args.overrides:
        found = [path.parent.name for path in SWEEPS.glob(f"*/{DATABASE}")]
        instead = suggest(args.name, found) if found else f"a new one needs settings, as {EXAMPLE}"
        raise ConfigError("NAME", args.name, f"there is no such search in {SWEEPS}; {instead}")
    overrides = _same("KEY", tuple(args.overrides) or None, saved and saved.overrides) or ()
    space = parse_space(overrides)
    require_optuna()
    experiment = check_corners(space)
    typed = objective_tag(experiment, args.metric) if args.metric or not saved else None
    settings = SearchSettings(
        overrides=overrides,
        metric=_same("--metric", typed, saved and saved.metric),
        trials=args.trials or (saved.trials if saved else _TRIALS),
        seeds=_same("--seeds", args.seeds, saved and saved.seeds) or _SEEDS,
        random=bool(_same("--random", args.random or None, saved and saved.random)),
    )
    try:
        with lock_folder(folder):
            _search(folder, settings, space, experiment.settings, args.jobs)
    except FolderInUse:
        raise ConfigError("NAME", args.name, "another process runs this search") from None


def _folder(name: str) -> Path:
    """Return the folder of a search. Raises ConfigError for a name that none can have."""
    if not _NAME.fullmatch(name):
        raise ConfigError("NAME", name, "must be a name of letters, digits, dots, - and _")
    folder = SWEEPS / name
    jobs = (below for below in folders_below([folder]) if (below / ".hydra").is_dir())
    if not (folder / DATABASE).is_file() and any(jobs):
        raise ConfigError("NAME", name, f"{folder} is the folder of a sweep: choose another name")
    return folder


def _same(key: str, given: Any, saved: Any) -> Any:
    """Return a setting that a search keeps when it continues.

    Raises ConfigError where another one is given.
    """
    if saved is None or given is None:
        return given if saved is None else saved
    if given != saved:
        text, before = (" ".join(v) if isinstance(v, tuple) else v for v in (given, saved))
        allowed = f"this search began with {before}: leave it out, or choose another name"
        raise ConfigError(key, text, allowed)
    return saved


def _search(
    folder: Path, settings: SearchSettings, space: Space, run: "RunConfig", jobs: int
) -> None:
    """Run the missing trials, and show what was found; run: settings that all runs share."""
    from gan_zoo.devices import visible_gpus  # imports torch

    study = open_study(folder, settings, run.steps)
    latest_sweep.note(folder)
    search = Search(
        study, settings, space, folder, steps=run.steps, seed=run.seed, gpus=visible_gpus()
    )
    better = "lower" if study.direction.name == "MINIMIZE" else "higher"
    shown = [f"{counted(settings.trials, 'trial')} of {counted(settings.seeds, 'seed')}"]
    threads = f", {counted(thread_share(jobs), 'thread')} each"
    is_chosen = run.threads != "auto" or "OMP_NUM_THREADS" in os.environ
    shown.append(f"{jobs} at once{'' if is_chosen else threads}")
    shown.append(f"{settings.metric} ({better} is better)")
    shown.append(f"{counted(len(space.corners()), 'corner')} of the space checked")
    print("; ".join(shown), flush=True)
    try:
        with catch_signals() as flag:
            search.run(jobs, flag)
    except Interrupted as error:
        words = ["scripts/tune.py", folder.name, *(["--jobs", str(jobs)] if jobs > 1 else [])]
        exit_with(error, exit_code(error), f"{from_here(*words)} continues")
    except SearchFailed as error:
        exit_with(str(error), EXIT_FAILED)
    from gan_zoo.report.build import report_sweep  # imports matplotlib

    if not ranked(study):
        print("no trial is complete: nothing to report; search other values, or more steps")
    elif report_sweep(folder, settings.metric):
        print(f"report: {folder / 'report' / 'report.html'}")
    _finish(study, settings, space, folder, run.seed)


def _finish(
    study: "Study", settings: SearchSettings, space: Space, folder: Path, seed: int
) -> None:
    """Print and plot what was found; exits with a code that is not 0 if any trial failed."""
    complete = len(ranked(study))
    if complete > 1:
        for path in write_pictures(study, settings.metric, space, folder):
            print(f"picture: {path}")
    print(format_best(study, settings, space))
    if len(space.parameters) > 1 and (importance := format_importance(study)):
        print(importance)
    if complete:
        command = fresh_command(study, settings, space, seed, folder.name)
        print(f"the best trial with fresh seeds:\n  {command}")
    failed = [trial for trial in ended_trials(study) if trial.state.name == "FAIL"]
    if failed:
        lines = [f"  trial {trial.number}: {trial.user_attrs['reason']}" for trial in failed]
        print(f"{counted(len(failed), 'trial')} failed:", *lines, sep="\n", file=sys.stderr)
        sys.exit(EXIT_FAILED)
