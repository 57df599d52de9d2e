"""Which loss for my images? `gan-zoo compare dataset.root=photos budget=1h`."""

import functools
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gan_zoo import launch
from gan_zoo.atomic_write import write_text
from gan_zoo.command_line import EXIT_FAILED, exit_with, from_here, program
from gan_zoo.compare.data_words import choose_data, inspect_data
from gan_zoo.compare.networks import candidate_networks
from gan_zoo.compare.plan import Plan, make_plan
from gan_zoo.compare.request import DRY_RUN, Request, has_data, has_key, parse_request
from gan_zoo.compare.sweep_words import longer_run_words, sweep_words
from gan_zoo.launch.config_catalog import choices
from gan_zoo.launch.main import main as train
from gan_zoo.launch.overrides import as_typed, is_sweep, unquoted_value
from gan_zoo.launch.resume import NEWEST, SWEEPS, newest_sweep
from gan_zoo.run_folder import has_sweep
from gan_zoo.schema import ConfigError, suggest
from gan_zoo.setting_keys import latest

_HELP = f"""\
{{compare}} [budget=1h] [losses=A,B,...] [seeds=3] [{DRY_RUN}] [KEY=VALUE ...]

Which loss suits my images? Looks at the data, measures what this machine can train in the budget,
prints the plan, trains it as a sweep, writes a report, and recommends a loss.

  {{compare}} dataset.root=photos               a folder or zip of images, or an .npz, in an hour
  {{compare}} dataset.root=photos budget=20m    smaller networks, perhaps fewer losses
  {{compare}} dataset=ring losses=gan,wgan seeds=5
  {{compare}} dataset.root=photos {DRY_RUN}     only the plan, and its command
  {{compare}} sweep=resume                      after Ctrl-C: runs the remaining jobs

budget   for everything: 90s, 10m, 1h or 1h30m
losses   two or more names; by default six, or fewer if the budget is small
seeds    runs of each loss
Any other setting of training, such as conditional=true or batch_size=32, holds for all runs."""
_STATE, _PLAN, _RESULT = "compare.json", "plan.txt", "recommendation.txt"


@launch.one_line_hydra_errors()
def main() -> None:
    """Plan, train and report a comparison, or resume one, and recommend a loss."""
    begin, words = time.monotonic(), sys.argv[1:]
    if not {"-h", "--help"}.isdisjoint(words):
        print(_HELP.format(compare=program("scripts/compare.py")))
        return
    request = parse_request(words, choices()["loss"])
    launch.check_overrides(request.words)
    sweep = _begun_sweep(request.words)
    if sweep is not None:
        state = _load_state(sweep, request)
        if request.dry_run:
            print((sweep / _PLAN).read_text(encoding="utf-8"), end="")
            return
        _train_and_recommend(["-m", f"sweep={sweep.name}", *_retry(request)], sweep, state)
        return
    elapsed = functools.partial(_seconds_since, begin)
    plan, folder, words, state = _plan(request, elapsed)
    if request.dry_run:
        return
    write_text(folder / _STATE, json.dumps(state, indent=1, ensure_ascii=False) + "\n")
    _train_and_recommend(["-m", *words], folder, state)
    print(f"took {elapsed() / 60:.1f} min; planned were {(plan.seconds + plan.spent) / 60:.1f}")


def _plan(
    request: Request, elapsed: Callable[[], float]
) -> tuple[Plan, Path, list[str], dict[str, Any]]:
    """Measure, print and save the plan; return it, the sweep's folder and words, and the state."""
    given = launch.prepare_overrides(request.words)
    _check(given, request)
    from gan_zoo.compare.certainty import real_distance  # these import torch or scipy
    from gan_zoo.compare.compared_metric import compared_metric
    from gan_zoo.compare.plan_text import format_lines, measured_lines, plan_lines
    from gan_zoo.launch.run_costs import CostMeter

    print("looking at the data", file=sys.stderr)
    data = inspect_data(given, _compose)
    meter = CostMeter((*data.words, *given), request)
    networks = candidate_networks(data.shape, data.sides, given)
    metric = compared_metric(meter.evaluator_of(networks[0]), given)  # before any measuring
    plan = make_plan(networks, request, meter.measure, elapsed)
    words = sweep_words(plan, data.words, given, f"compare-{datetime.now():%Y-%m-%d_%H-%M-%S}")
    evaluator = meter.evaluator_of(plan.network)
    real = real_distance(evaluator)
    lines = plan_lines(plan, request, data.facts)
    every = _compose(_single(words))["evaluate_every"]
    lines |= measured_lines(plan, every, evaluator, real, metric.tag)
    text = format_lines({**lines, "command": from_here("train.py", "-m", *words)})
    print(text, flush=True)
    folder = _sweep_folder(words)
    if not request.dry_run:
        write_text(folder / _PLAN, f"{text}\n")
    longer = {loss: longer_run_words(words, plan, loss) for loss in plan.losses}
    deviation = real.deviation if real else 0.0
    state = {"words": request.words, "own_words": request.own_words}
    return plan, folder, words, {**state, "deviation": deviation, "longer": longer}


def _check(given: Sequence[str], request: Request) -> None:
    """Raise ConfigError for mistakes in the words, before torch is imported."""
    for word in given:
        if is_sweep(word):
            key, _, value = word.partition("=")
            more = f"{program('train.py')} -m"
            allowed = f"compare sweeps over losses and seeds; use {more} for more"
            raise ConfigError(key, value, allowed)
    own = choose_data(given, _compose)
    for loss in request.losses:
        _compose([f"loss={loss}", *own, *given])
    if not has_data(request.words):
        allowed = "is missing; name your images, as dataset.root=FOLDER"
        raise ConfigError("dataset.root", inspect.Parameter.empty, allowed)


def _compose(words: Sequence[str]) -> dict[str, Any]:
    """Return the plain configuration of a run. Raises ConfigError for unknown keys."""
    return launch.to_dict(launch.compose_run(words)[0])


def _sweep_folder(words: Sequence[str]) -> Path:
    """Return the folder of the sweep that these words of its command name."""
    return Path(launch.compose_run(_single(words))[0].hydra.sweep.dir)


def _single(words: Sequence[str]) -> list[str]:
    """Return the words that all runs of a sweep share."""
    return [word for word in words if not is_sweep(word)]


def _begun_sweep(words: Sequence[str]) -> Path | None:
    """Return the folder of the sweep to resume; None for a new one. Raises ConfigError."""
    named = as_typed([word for word in words if word.startswith("sweep=")])
    name = unquoted_value(named[0]) if named else None
    if name is None:
        return None
    folder = newest_sweep(name) if name in NEWEST else SWEEPS / name
    if has_sweep(folder):
        return folder
    if not has_data(words):
        if (folder / _STATE).is_file():
            _, planned = _read_state(folder)
            command = from_here("scripts/compare.py", *latest([*planned, f"sweep={name}"]))
            raise ConfigError("sweep", name, f"was planned but not begun: type {command}")
        found = sorted(path.parent.name for path in SWEEPS.glob("*/compare.json"))
        allowed = f"there is no such comparison in {SWEEPS}"
        raise ConfigError("sweep", name, f"{allowed}; {suggest(name, found)}" if found else allowed)
    return None


def _retry(request: Request) -> list[str]:
    return [word for word in request.words if word.startswith("retry_failed=")]


def _load_state(folder: Path, request: Request) -> dict[str, Any]:
    """Load what planning saved. Raises ConfigError for other words, or a sweep not planned here."""
    state, planned = _read_state(folder)
    for word in (*request.own_words, *request.words):
        key, _, value = word.partition("=")
        if key not in ("sweep", "retry_failed") and word not in planned:
            allowed = f"is not in the plan of sweep {folder.name}; give another name for a new one"
            raise ConfigError(key, value, allowed)
    return state


def _read_state(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Return what planning saved, and the words that were typed. Raises ConfigError without it."""
    try:
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        return state, [*state["words"], *state["own_words"]]
    except (OSError, ValueError, KeyError, TypeError):
        allowed = (
            f"was not planned by compare; {program('train.py')} sweep={folder.name} resumes it"
        )
        raise ConfigError("sweep", folder.name, allowed) from None


def _train_and_recommend(words: Sequence[str], folder: Path, state: dict[str, Any]) -> None:
    """Train a sweep, which ends in a report; then print and write the recommendation.

    The recommendation also follows if jobs failed; then the program ends with the sweep's code.
    """
    sys.argv[1:] = words
    code = 0
    try:
        train()
    except SystemExit as ended:
        if ended.code != EXIT_FAILED:
            raise
        code = EXIT_FAILED
    from gan_zoo.compare.recommendation import recommend_from  # imports scipy

    fixed_steps = has_key(state["words"], "steps")
    found = recommend_from(folder, state["deviation"], fixed_steps)
    lines = ["", *found.sentences]
    if found.loss:
        lines.append(f"Train it longer: {from_here('train.py', *state['longer'][found.loss])}")
    if code:
        retry = from_here("scripts/compare.py", f"sweep={folder.name}", "retry_failed=true")
        lines.append(f"Run the failed jobs again: {retry}")
    lines.append(f"Report: {os.path.relpath(folder / 'report' / 'report.html')}")
    print("\n".join(lines), flush=True)
    write_text(folder / _RESULT, "\n".join(lines[1:]) + "\n")
    if code:
        exit_with("not all jobs succeeded", code)


def _seconds_since(begin: float) -> float:
    return time.monotonic() - begin
