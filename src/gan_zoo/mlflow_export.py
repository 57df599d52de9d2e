"""Copy runs into an MLflow store. MLflow (extra `mlflow`) is imported only here."""

import dataclasses
import math
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_zoo.report.runs import Run
from gan_zoo.run_folder import diverged, step_files, sweep_of
from gan_zoo.schema import ConfigError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from mlflow.entities import Run as MlflowRun

_FOLDER = "gan_zoo.folder"
_ID, _STEP = "gan_zoo.id", "gan_zoo.step"  # tags by which a second export finds a run
_VALUES, _HEALTH = "gan_zoo.values", "gan_zoo.health"  # and sees what is new of it
_AT_ONCE = 1000  # metrics in one request, as MLflow's servers allow; 100 parameters or tags
_LONGEST = 500  # characters of a parameter


@dataclasses.dataclass(frozen=True)
class Exported:
    """What an export did with a run.

    Attributes:
        run: the one exported.
        status: "added", "extended" or "unchanged".
    """

    run: Run
    status: str


def connect(uri: str) -> "MlflowClient":
    """Return a client of a store, such as sqlite:///mlflow.db or http://HOST:5000.

    Raises ConfigError without MLflow, and for a store that cannot be opened.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        allowed = 'needs MLflow; type pip install "gan-zoo[mlflow]"'
        raise ConfigError("--uri", uri, allowed) from None
    try:
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise ConfigError("--uri", uri, str(error)) from None
    return client


def export(client: "MlflowClient", runs: Sequence[Run], experiment: str = "") -> Iterator[Exported]:
    """Copy runs, and yield what was done with each.

    A run that the store has already gets only the values that are new, of its last step then (an
    evaluation comes after the losses) and of later ones. Settings become parameters, all logged
    values metrics at their steps, the newest samples and the summary artifacts.

    experiment: its name in the store; by default the one that has the run already, or else that of
    the sweep, or of the folder above the run. Raises ConfigError for one that was deleted.
    """
    everywhere = [each.experiment_id for each in client.search_experiments()]
    for run in runs:
        places = [_place(client, experiment)] if experiment else everywhere
        yield Exported(run, _export(client, run, places, experiment))


def _place(client: "MlflowClient", name: str) -> str:
    """Return the id of an experiment, a new one if needed."""
    found = client.get_experiment_by_name(name)
    if found and found.lifecycle_stage == "deleted":
        allowed = "was deleted: restore it, or name another one"
        raise ConfigError("--experiment", name, allowed)
    return found.experiment_id if found else client.create_experiment(name)


def _export(client: "MlflowClient", run: Run, places: list[str], experiment: str) -> str:
    """Export a run that experiments may have already, or else to the one of that name."""
    identity, step = _identity(run), run.curves.step
    health = str((run.summary or {}).get("health", "unfinished"))
    numbers = (value for curve in run.curves.tags.values() for value in curve.values)
    facts = {_VALUES: str(sum(map(math.isfinite, numbers))), _HEALTH: health}
    found = client.search_runs(places, f"tags.`{_ID}` = '{identity}'")
    known = _same(run, found)
    if known and facts.items() <= known.data.tags.items():
        return "unchanged"
    if known:
        target, after = known.info.run_id, int(known.data.tags[_STEP])
        client.set_tag(target, _FOLDER, str(run.folder))
        sent = _sent(client, run, target, after)
    else:
        place = _place(client, experiment or sweep_of(run.folder).name)
        target, after, sent = _create(client, run, place, identity), -1, frozenset()
    values = list(_metrics(run, after, sent))
    for begin in range(0, len(values), _AT_ONCE):
        client.log_batch(target, metrics=values[begin : begin + _AT_ONCE])
    for path in _artifacts(run.folder):
        client.log_artifact(target, str(path))
    # last: an export that is interrupted is repeated
    for tag, text in {_STEP: str(max(step, after)), **facts}.items():
        client.set_tag(target, tag, text)
    client.set_terminated(target, _status(run), end_time=_end(run))
    return "extended" if known else "added"


def _sent(client: "MlflowClient", run: Run, target: str, step: int) -> frozenset[str]:
    """Return the tags whose values at a step the store has."""
    tags = (tag for tag, curve in run.curves.tags.items() if step in curve.steps)
    return frozenset(
        tag
        for tag in tags
        if any(each.step == step for each in client.get_metric_history(target, _name(tag)))
    )


def _same(run: Run, found: "Sequence[MlflowRun]") -> "MlflowRun | None":
    """Return the exported run of a folder, or of one that was moved; a copy is another run."""
    folders = {each.data.tags.get(_FOLDER, ""): each for each in found}
    moved = (each for folder, each in folders.items() if not Path(folder).is_dir())
    return folders.get(str(run.folder)) or next(moved, None)


def _create(client: "MlflowClient", run: Run, experiment: str, identity: str) -> str:
    from mlflow.entities import Param, RunTag

    tags = {_ID: identity, _STEP: "-1", _FOLDER: str(run.folder)}
    name = str(run.folder.relative_to(sweep_of(run.folder)))
    created = client.create_run(experiment, start_time=_start(run), tags=tags, run_name=name)
    target = created.info.run_id
    parameters = [Param(_name(key), str(value)[:_LONGEST]) for key, value in run.keys.items()]
    for begin in range(0, len(parameters), 100):
        client.log_batch(target, params=parameters[begin : begin + 100])
    if command := (run.summary or {}).get("command"):
        client.log_batch(target, tags=[RunTag("gan_zoo.command", str(command))])
    return target


def _metrics(run: Run, after: int, sent: Container[str]) -> "Iterator[Metric]":
    """Yield the finite values of all tags at steps after one, and at it of tags not sent."""
    from mlflow.entities import Metric

    for tag, curve in run.curves.tags.items():
        for step, value in zip(curve.steps.tolist(), curve.values.tolist(), strict=True):
            new = step > after or (step == after and tag not in sent)
            if new and math.isfinite(value):
                yield Metric(_name(tag), value, _time(run, step), step)


def _identity(run: Run) -> str:
    """Return what names a run in any copy of its folder: its first event file, else the folder."""
    names = sorted(path.name for path in run.folder.glob("events.out.tfevents.*"))
    return (names[0] if names else str(run.folder)).replace("'", "_")


def _name(key: str) -> str:
    """Return a key without characters that MLflow forbids, such as the @ of a group."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in key)


def _start(run: Run) -> int:
    """Milliseconds since 1970."""
    return int(1000 * (run.started or 0))


def _time(run: Run, step: int) -> int:
    """Milliseconds at a step, if all steps took equally long: metrics.jsonl has no times."""
    seconds = run.seconds if math.isfinite(run.seconds) else 0.0
    return _start(run) + int(1000 * seconds * step / max(1, run.curves.step))


def _end(run: Run) -> int:
    return _time(run, run.curves.step)


def _status(run: Run) -> str:
    if run.failed or diverged(run.summary or {}):
        return "FAILED"
    return "FINISHED" if run.summary else "KILLED"


def _artifacts(folder: Path) -> list[Path]:
    """Return real samples, the newest generated ones, and the summary, where they exist."""
    newest = step_files(folder / "samples", ".png")[-1:]
    wanted = [folder / "samples" / "real.png", *newest, folder / "summary.json"]
    return [path for path in wanted if path.is_file()]
