"""gan_zoo from Python and notebooks: train a run, or load one, and use what it learned."""

import dataclasses
import json
import numbers
import operator
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo import launch
from gan_zoo.command_line import program
from gan_zoo.latest_sweep import resolve, resolve_all
from gan_zoo.report.build import write_report
from gan_zoo.report.history import read_records
from gan_zoo.report.run_files import read_json
from gan_zoo.run_folder import has_settings, has_sweep, run_above
from gan_zoo.sampling import Sampler, load_sampler
from gan_zoo.schema import ConfigError, at_home
from gan_zoo.setting_keys import flatten
from gan_zoo.training.numerics import torch_defaults

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


_PLAIN = re.compile(r"[\w./+-]+")

Label = str | int | Iterable[str | int] | None  # a class, several, or all


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained run: an ordinary folder, which every command reads, too, and a path as `open` has.

    Attributes:
        folder: of the run, absolute: the program may change its working directory.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder).absolute())

    def __fspath__(self) -> str:
        return str(self.folder)

    @property
    def config(self) -> dict[str, Any]:
        """All settings, as saved in .hydra/config.yaml."""
        return launch.to_dict(launch.load_config(self.folder))

    @property
    def summary(self) -> dict[str, Any]:
        """Last values, health, versions, commit and more; empty if the run is unfinished."""
        return read_json(self.folder / "summary.json") or {}

    @property
    def metrics(self) -> dict[str, list[float | None]]:
        """Columns of equal length, `step` first, for pandas.DataFrame; None where not logged."""
        path = self.folder / "metrics.jsonl"
        rows = read_records(path)[0] if path.exists() else []
        tags = dict.fromkeys(["step", *(tag for row in rows for tag in row)])
        return {tag: [row.get(tag) for row in rows] for tag in tags}

    @property
    @torch_defaults()
    def sampler(self) -> Sampler:
        """The generator's moving average of the newest checkpoint, on the CPU, read each time."""
        return load_sampler(self.folder)

    @torch_defaults()
    def sample(self, n: int, label: Label = None, seed: int = 0) -> "Tensor":
        """Generate samples (n, *shape): images in [-1, 1], NCHW, or points.

        label: a class by name or number, or several, if the run is conditional; None for all
        classes; in equal blocks. Raises ConfigError for an unknown class, and for an `n` or seed
        that is no whole number.
        """
        sampler = self.sampler
        return sampler.generate(*_latents(sampler, n, label, seed))

    @torch_defaults()
    def grid(self, n: int | None = None, label: Label = None, seed: int = 0) -> "Image":
        """Render n samples as one image, by default as many as a grid of training shows."""
        from PIL import Image

        sampler = self.sampler
        return Image.fromarray(sampler.render(*_latents(sampler, n, label, seed)).pixels)

    @torch_defaults()
    def evaluate(self, **settings: Any) -> Mapping[str, float]:
        """Evaluate the newest checkpoint again and write evaluation.json; returns the values.

        settings: metrics, num_samples, seed, cache, device and dataset.root, as scripts/evaluate.py
        has them. Raises ConfigError for a wrong one.
        """
        from gan_zoo.evaluation.arguments import parse
        from gan_zoo.evaluation.offline import OfflineEvaluator

        words = [f"{key}={_text(value)}" for key, value in flatten(settings)]
        return OfflineEvaluator(parse([str(self.folder), *words])).evaluate(self.folder).numbers

    def report(self, *others: "Run | Path | str", **options: Any) -> Path:
        """Write a report on this run and others, and return the path of its page.

        Args:
            others: runs, or folders of runs, such as outputs/sweeps/LATEST.
            options: out, metric, baseline and more, as `write_report` has them.

        Raises ConfigError for no runs.
        """
        folders = [_path("others", each, "report(*runs)") for each in others]
        return write_report([self.folder, *resolve_all(folders)], **options)[0]


@torch_defaults()
@launch.own_hydra()
def train(*overrides: str, folder: Path | str | Run | None = None, **settings: Any) -> Run:
    """Train one run, as `python train.py OVERRIDES...` would, and return it.

    Resumes a run that the folder already contains, with the same settings; a finished one is
    returned as it is. Calls in several threads train one after the other.

    Args:
        overrides: as on the command line, such as "loss=wgan".
        folder: of the run; by default a new one in outputs/runs, or the one that `resume` names.
        settings: more of them, by name: steps=500, evaluation={"num_samples": 500}.

    Raises ConfigError for a wrong setting, and Stopped if the run ended early or, at its end, a
    signal came.
    """
    for word in overrides:
        if not isinstance(word, str):
            raise ConfigError("overrides", word, "must be words: train(*words), not train(words)")
    words = [*overrides, *(f"{key}={_text(value)}" for key, value in flatten(settings))]
    for key, equals, value in (word.partition("=") for word in words):
        if equals and key.partition(".")[0] in ("study", "sweep"):
            raise ConfigError(key, value, f"is for many runs; in a terminal: {program('train.py')}")
    launch.check_overrides(words)
    config, default = launch.compose_run(launch.prepare_overrides(words))
    place = default if folder is None else _folder(folder, config.resume, default)
    launch.check_run_folder(place, resumed=True, key="folder")
    with launch.config_errors(words):
        (experiment,) = launch.check_jobs([(config, place)])
    try:
        launch.train_job(experiment, config, place)
    except ConfigError:
        launch.delete_unused(place)
        raise
    return Run(place)


def load(folder: Path | str | Run) -> Run:
    """Load a run's folder. Raises ConfigError for a folder that contains no run."""
    place = resolve(_path("folder", folder, "load(folder)"))
    if has_sweep(place):
        raise ConfigError("folder", folder, "is a sweep: choose one of its runs")
    if not has_settings(place):
        raise ConfigError("folder", folder, f"contains no run{run_above(place)}")
    return Run(place)


def _path(key: str, given: Any, call: str) -> Path:
    """Return a path, a string or a run as a path. Raises ConfigError for anything else."""
    try:
        return Path(at_home(os.fspath(given)))
    except TypeError:
        allowed = f"must be a path or a run, as in {call}, not {type(given).__name__}"
        raise ConfigError(key, given, allowed) from None


def _folder(folder: Path | str | Run, resume: str | None, default: Path) -> Path:
    """Return the folder of a run. Raises ConfigError if `resume` names another one."""
    place = _path("folder", folder, "train(folder=path)")
    if not os.fspath(folder):
        raise ConfigError("folder", folder, "must be the path of a folder")
    if resume not in (None, "auto"):
        launch.check_resumed_folder(place, resume, default, key="folder")
    return place


def _latents(sampler: Sampler, n: int | None, label: Label, seed: int) -> "tuple[Tensor, Tensor]":
    """Sample latent vectors and labels, by default of a grid. Raises ConfigError for wrong ones."""
    one = isinstance(label, str) or not isinstance(label, Iterable)
    labels = [] if label is None else [label] if one else label
    chosen = [number for each in labels for number in sampler.parse_classes(str(each))]
    count = sampler.grid_count(chosen) if n is None else _whole("n", n)
    if count < 1:
        raise ConfigError("n", n, "must be at least 1")
    return sampler.latent(count, _whole("seed", seed)), sampler.labels(count, chosen)


def _whole(key: str, value: Any) -> int:
    """Convert a whole number, also one of NumPy. Raises ConfigError for anything else."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ConfigError(key, repr(value), "must be a whole number") from None
    if abs(number) >= 2**63:
        raise ConfigError(key, value, "must be below 2^63")
    return number


def _text(value: Any) -> str:
    """Return a value as Hydra's command line has it."""
    if hasattr(value, "tolist") and not isinstance(value, numbers.Number):  # an array or tensor
        value = value.tolist()
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_item, value))}]"
    return str(value)


def _item(value: Any) -> str:
    """Return an item of a list, quoted if it has characters with a meaning in Hydra's grammar."""
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        return launch.quote(value)
    return _text(value)
