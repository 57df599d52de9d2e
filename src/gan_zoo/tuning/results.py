"""What a search has found: the best trials, what mattered, a command, and pictures."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from gan_zoo.atomic_write import atomic_write
from gan_zoo.command_line import from_here
from gan_zoo.report.number_format import counted
from gan_zoo.tuning.space import NumberRange, Space
from gan_zoo.tuning.study import SearchSettings, ended_trials, ranked

if TYPE_CHECKING:
    from optuna import Study

_BEST = 5  # trials in the table
_FRESH = 5  # seeds of the command


def format_best(study: "Study", settings: SearchSettings, space: Space) -> str:
    """Format how trials ended, and the best of them: value, number and settings."""
    complete = ranked(study)
    states = [trial.state.name for trial in ended_trials(study)]
    counts = {"pruned": states.count("PRUNED"), "failed": states.count("FAIL")}
    others = "".join(f", {count} {name}" for name, count in counts.items() if count)
    lines = [f"{counted(len(states), 'trial')}: {len(complete)} complete{others}"]
    if complete:
        lines.append(f"{settings.metric}  trial  settings")
    for trial in complete[:_BEST]:
        words = " ".join(space.own_words(trial.params))
        lines.append(f"{trial.values[0]:>{len(settings.metric)}.4g}  {trial.number:>5}  {words}")
    return "\n".join(lines)


def format_importance(study: "Study") -> str:
    """Format the share of the metric's variation that each setting explains.

    Empty where there is none: Optuna would share it equally.
    """
    if len({trial.values[0] for trial in ranked(study)}) < 2:
        return ""
    from optuna.importance import get_param_importances

    with warnings.catch_warnings(action="ignore"):  # that there are few trials
        found = get_param_importances(study)
    return "importance: " + ", ".join(f"{key} {share:.0%}" for key, share in found.items())


def fresh_command(
    study: "Study", settings: SearchSettings, space: Space, seed: int, name: str
) -> str:
    """Return the command that trains the best trial with seeds that the search has not used.

    seed: first of those that it has used.
    """
    first = seed + settings.seeds
    seeds = ",".join(map(str, range(first, first + _FRESH)))
    best = ranked(study)[0]
    words = [word for word in space.overrides(best.params) if not word.startswith("seed=")]
    # a sweep of its own, for another trial may be the best later
    sweep = f"sweep={name}-best-{best.number}"
    return from_here("train.py", "-m", *words, f"seed={seeds}", sweep)


def write_pictures(study: "Study", metric: str, space: Space, folder: Path) -> list[Path]:
    """Plot history, importance and each setting of the complete trials; returns the PNG files."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    plotted = {
        "history": (plots.plot_optimization_history, 1),
        "importance": (plots.plot_param_importances, 1),
        "settings": (plots.plot_slice, len(ranked(study)[0].params)),
    }
    paths = []
    for name, (plot, columns) in plotted.items():
        with warnings.catch_warnings(action="ignore"):  # Optuna's plots are experimental
            figure = np.ravel(plot(study, target_name=metric))[0].figure
        figure.set_size_inches(4 * columns + 3, 4)
        for axes in figure.axes:
            for parameter in space.parameters:
                if axes.get_xlabel() == parameter.key and isinstance(parameter, NumberRange):
                    axes.set_xlim(parameter.low, parameter.high)
        paths.append(folder / f"search-{name}.png")
        with atomic_write(paths[-1]) as file:
            figure.savefig(file, dpi=100, bbox_inches="tight")
        pyplot.close(figure)
    return paths
