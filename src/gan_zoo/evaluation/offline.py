"""Evaluates checkpoints without their runs, as scripts/evaluate.py does."""

import copy
import dataclasses
import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm

from gan_zoo import checkpoints
from gan_zoo.architectures.networks import Critic, Generator
from gan_zoo.atomic_write import write_text
from gan_zoo.command_line import given_path
from gan_zoo.devices import find_device
from gan_zoo.evaluation.config import Evaluation
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.evaluation.result import EvalResult
from gan_zoo.experiment import build_networks
from gan_zoo.latest_sweep import resolve_all
from gan_zoo.metrics.feature_net import weights_hash
from gan_zoo.metrics.metric_info import find_metric
from gan_zoo.run_folder import folders_below
from gan_zoo.schema import ConfigError, instantiate, suggest

_KEYS = ("metrics", "num_samples", "seed", "cache", "device", "dataset.root")
_LISTED = 5  # classes in a message

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class EvalArgs:
    """Runs or checkpoints to evaluate, and how.

    Attributes:
        root: of the dataset's files, which were moved after training; empty if they were not.
    """

    runs: tuple[Path, ...]
    settings: Evaluation
    device: str
    root: str = ""


def parse(words: Sequence[str]) -> EvalArgs:
    """Parse a command line: KEY=VALUE with a known KEY is a setting, every other word a run.

    A run's folder may contain an equals sign, such as ./seed=0. The folder of a sweep stands for
    its runs that have checkpoints. Raises ConfigError for a setting of a wrong type, or a run that
    does not exist, or a word that is neither.
    """
    values = {key: text for key, _, text in (word.partition("=") for word in words) if key in _KEYS}
    paths = [given_path(word) for word in words if word.partition("=")[0] not in _KEYS]
    runs = tuple(run for path in resolve_all(paths) for run in _runs_of(path))
    for run in runs:
        if not run.exists():
            raise _missing(run)
    if not runs:
        raise _no_runs(words)
    device, root = values.pop("device", "cpu"), values.pop("dataset.root", "")
    settings = Evaluation(**{key: _value(key, text) for key, text in values.items()})
    return EvalArgs(runs, settings, device, root)


def _no_runs(words: Sequence[str]) -> ConfigError:
    """Return the error of a command line without a run; seed=0 may be meant as a folder."""
    for word in words:
        if Path(word).exists():
            return ConfigError("run", word, f"is a setting here; type ./{word} for the folder")
    return ConfigError("run", "", "name at least one run's folder or checkpoint")


def _missing(run: Path) -> ConfigError:
    """Return the error of a word that is no setting, and names no run that exists."""
    key, equals, text = str(run).partition("=")
    if (name := key.lstrip("-")) != key and name.replace("-", "_") in _KEYS:
        allowed = f"settings have no dashes: type {name.replace('-', '_')}={text or 'VALUE'}"
        return ConfigError("run", run, allowed)
    if equals and key.isidentifier():
        allowed = f"is neither a setting nor a run's folder; {suggest(key, _KEYS)}"
        return ConfigError(key, text, allowed)
    keys = ", ".join(f"{key}=" for key in _KEYS)
    return ConfigError("run", run, f"does not exist; settings are {keys}")


def _runs_of(path: Path) -> list[Path]:
    """Return a run or checkpoint itself, or else all runs with checkpoints below a folder."""
    if (path / "checkpoints").is_dir():
        return [path]
    below = sorted(run for run in folders_below([path]) if any(run.glob("checkpoints/*.pt")))
    return below or [path]  # a folder without any is refused when it is evaluated


def _value(key: str, text: str) -> Any:
    """Convert a setting; text of a wrong type is left for `Evaluation` to refuse."""
    if key == "metrics":
        return tuple(text.strip("[]").replace(" ", "").split(","))
    if key in ("num_samples", "seed") and text.removeprefix("-").isdecimal():
        return int(text)
    return text


class OfflineEvaluator:
    """Evaluates runs one by one; runs of one dataset share its reference.

    Attributes:
        results: of the runs evaluated so far.
    """

    def __init__(self, args: EvalArgs):
        self.settings, self.root = args.settings, args.root
        self.device = find_device(args.device)
        self.results: dict[Path, EvalResult] = {}
        self._evaluators: dict[str, Evaluator] = {}

    def evaluate(self, run: Path) -> EvalResult:
        """Evaluate a run's newest valid checkpoint, or a checkpoint, and write the result.

        Raises ConfigError for a checkpoint or dataset that cannot be read, DivergedError for a
        generator whose samples are not finite.
        """
        if run.is_dir() and not any(run.glob("checkpoints/*.pt")):
            raise ConfigError("run", run, "holds no checkpoints/*.pt, and so no run to evaluate")
        path, content = checkpoints.load_latest(run)
        with checkpoints.must_fit(content["step"], path):
            generator, critic, classifier = load_networks(content, self.device)
        weights = weights_hash(generator) + weights_hash(critic)
        loss = instantiate(content["config"]["loss"], "loss")
        evaluator = self._evaluator(content)
        _check_data(evaluator, content)

        def progress(names: Iterable[str]) -> Iterable[str]:
            bar = tqdm(names, str(run), leave=False, disable=None)
            for name in bar:
                bar.set_postfix_str(name)
                yield name

        result = evaluator.evaluate(generator, critic, classifier, loss, progress)
        self.results[run] = result
        folder = checkpoints.results_folder(run)
        write(result, path, content["step"], weights, folder)
        return result

    def _evaluator(self, content: Mapping[str, Any]) -> Evaluator:
        """Return the evaluator that runs of one dataset share, if they are conditional alike."""
        node = content["config"]["dataset"]
        if self.root and "root" in node:
            node = {**node, "root": self.root}
        key = json.dumps([node, content["num_classes"]], sort_keys=True)
        if key not in self._evaluators:
            dataset = instantiate(node, "dataset")
            samples = dataset.train
            if samples.shape != tuple(content["shape"]):
                allowed = f"has samples of {samples.shape}, the run generates {content['shape']}"
                raise ConfigError("dataset", type(dataset).__name__, allowed)
            samples = samples if content["num_classes"] > 1 else samples.unlabeled()
            self._evaluators[key] = Evaluator(dataset, samples, self.settings, self.device)
        return self._evaluators[key]


def _check_data(evaluator: Evaluator, content: Mapping[str, Any]) -> None:
    """Warn where the dataset was changed after a run was trained on it.

    Raises ConfigError for other classes, by which the run's samples would be judged wrongly.
    """
    samples, dataset = evaluator.samples, evaluator.dataset
    key, place = dataset.source
    count, names = content["num_classes"], tuple(map(str, content.get("class_names", ())))
    if count > 1 and (samples.num_classes != count or names not in ((), samples.class_names)):
        has = f"has {samples.num_classes} classes ({_listed(samples.class_names)})"
        raise ConfigError(key, place, f"{has}, the run was trained on {count} ({_listed(names)})")
    before = content.get("dataset_fingerprint", dataset.fingerprint)
    if before != dataset.fingerprint:
        found = f"contains other data ({dataset.fingerprint})"
        log.warning("%s=%s: %s than the run was trained on (%s)", key, place, found, before)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) or "unnamed"


def load_networks(
    content: Mapping[str, Any], device: torch.device
) -> tuple[Generator, Critic, Critic | None]:
    """Build the averaged generator, the critic, and its average if it classifies."""
    config = content["config"]
    generator, critic = build_networks(config, tuple(content["shape"]), content["num_classes"])
    instantiate(config["regularizer"], "regularizer").prepare(critic)
    generator.load_state_dict(content["ema"])
    critic.load_state_dict(content["critic"])
    generator, critic = generator.to(device), critic.to(device)
    if not critic.classifies:
        return generator, critic, None
    classifier = copy.deepcopy(critic)
    classifier.load_state_dict(content["ema_critic"])
    return generator, critic, classifier


def write(result: EvalResult, checkpoint: Path, step: int, weights: str, folder: Path) -> None:
    """Write evaluation.json and evaluation/*.png into a run's folder.

    Numbers of an earlier evaluation of the same weights are kept where this one has none.
    """
    before = _earlier(folder / "evaluation.json", weights)
    metrics = {name: _plain(value) for name, value in result.numbers.items()}
    content = {
        "checkpoint": checkpoint.name,
        "weights": weights,
        "step": step,
        "metrics": {**before.get("metrics", {}), **metrics},
        "protocol": {**before.get("protocol", {}), **result.protocols},
        "histograms": {**before.get("histograms", {}), **result.histograms},
        "yardstick": {**before.get("yardstick", {}), **result.plain_yardsticks()},
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_text(folder / "evaluation.json", text + "\n")
    for name, pixels in result.pictures.items():
        (folder / "evaluation").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "evaluation" / f"{name}.png")


def _earlier(path: Path, weights: str) -> dict[str, Any]:
    """Read an earlier evaluation of the weights with this hash; {} without one.

    A folder may hold a newer run whose checkpoint has the same name and step.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    same = isinstance(found, dict) and found.get("weights") == weights
    return found if same else {}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no other numbers


def format_results(results: Mapping[Path, EvalResult]) -> str:
    """Format values by metric and run, one table for each protocol: only these are comparable."""
    tables: dict[str, dict[str, dict[Path, float]]] = {}
    for run, result in results.items():
        for name, value in result.numbers.items():
            protocol = json.dumps(result.protocols[name], sort_keys=True)
            tables.setdefault(protocol, {}).setdefault(name, {})[run] = value
    return "\n\n".join(_table(json.loads(p), rows, results) for p, rows in tables.items())


def _meanings(
    tag: str, values: Mapping[Path, float], results: Mapping[Path, EvalResult]
) -> list[str]:
    """Describe how far from real a metric's values are; of several runs, by few metrics."""
    found = []
    for i, (run, value) in enumerate(values.items(), 1):
        yardstick = results[run].yardsticks.get(tag)
        if yardstick and (len(results) == 1 or tag in results[run].telling_tags()):
            found.append(f"{tag:<40}  [{i}] {yardstick.sentence(value)}")
    return found


def _table(
    protocol: Mapping[str, Any],
    rows: Mapping[str, Mapping[Path, float]],
    results: Mapping[Path, EvalResult],
) -> str:
    runs = list(dict.fromkeys(run for values in rows.values() for run in values))
    lines = ["protocol: " + ", ".join(f"{key} {value}" for key, value in protocol.items())]
    lines += [f"  [{i}] {run}" for i, run in enumerate(runs, 1)]
    lines.append(_row("", [f"[{i}]" for i in range(1, len(runs) + 1)]))
    for tag, values in rows.items():
        metric, cells = find_metric(tag), [f"{values[r]:.5g}" if r in values else "-" for r in runs]
        lines.append(_row(tag, cells, metric.unit if metric else ""))
    lines += [line for tag, values in rows.items() for line in _meanings(tag, values, results)]
    return "\n".join(lines)


def _row(name: str, cells: Sequence[str], unit: str = "") -> str:
    return f"{name:<40}{''.join(f'{cell:>12}' for cell in cells)}  {unit}".rstrip()
