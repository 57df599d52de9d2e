"""Evaluates checkpoints without their runs, as scripts/evaluate.py does."""

import copy
import json
import logging
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm

from gan_zoo import checkpoints
from gan_zoo.architectures.networks import Critic, Generator
from gan_zoo.atomic_write import atomic_write, write_text
from gan_zoo.devices import find_device
from gan_zoo.evaluation.arguments import EvalArgs
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.evaluation.result import EvalResult
from gan_zoo.experiment import build_networks
from gan_zoo.metrics.feature_net import weights_hash
from gan_zoo.printable import list_names
from gan_zoo.resumed_run import check_root
from gan_zoo.run_folder import run_above
from gan_zoo.schema import ConfigError, instantiate
from gan_zoo.training.numerics import disable_tf32
from gan_zoo.training.rng import make_rng

log = logging.getLogger(__name__)


class OfflineEvaluator:
    """Evaluates runs one by one; runs of one dataset share its reference.

    Attributes:
        results: of the runs evaluated so far.
    """

    def __init__(self, args: EvalArgs):
        self.settings, self.root = args.settings, args.root
        self.device = find_device(args.device)
        disable_tf32()
        self.results: dict[Path, EvalResult] = {}
        self._evaluators: dict[str, Evaluator] = {}

    def evaluate(self, run: Path) -> EvalResult:
        """Evaluate a run's newest valid checkpoint, or a checkpoint, and write the result.

        Raises ConfigError for a checkpoint or dataset that cannot be read, DivergedError for a
        generator whose samples are not finite.
        """
        if run.is_dir() and not any(run.glob("checkpoints/*.pt")):
            allowed = f"holds no checkpoints/*.pt, and so no run to evaluate{run_above(run)}"
            raise ConfigError("run", run, allowed)
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
        results = checkpoints.results_folder(run) / checkpoints.evaluation_name(run)
        write(result, path, content["step"], weights, results)
        return result

    def _evaluator(self, content: Mapping[str, Any]) -> Evaluator:
        """Return the evaluator that runs of one dataset share, if they have the same labels."""
        node = content["config"]["dataset"]
        if self.root and "root" not in node:
            log.warning("dataset.root=%s: not used, for this run's data is no file", self.root)
        elif self.root:
            node = {**node, "root": self.root}
        check_root(node)
        seed = content["config"]["seed"] if node.get("labels_per_class") else None
        key = json.dumps([node, content["num_classes"], seed], sort_keys=True)
        if key not in self._evaluators:
            dataset = instantiate(node, "dataset")
            samples = dataset.train
            if samples.shape != tuple(content["shape"]):
                allowed = f"has samples of {samples.shape}, the run generates {content['shape']}"
                raise ConfigError("dataset", type(dataset).__name__, allowed)
            if content["num_classes"] == 1:
                samples = samples.unlabeled()
            elif dataset.labels_per_class is not None:  # requested are those that training requests
                samples = samples.drop_labels(dataset.labels_per_class, make_rng(seed, "labeled"))
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
        has, had = (list_names(each, 5) or "unnamed" for each in (samples.class_names, names))
        allowed = f"has {samples.num_classes} classes ({has}), the run was trained on {count}"
        raise ConfigError(key, place, f"{allowed} ({had})")
    before = content.get("dataset_fingerprint", dataset.fingerprint)
    if before != dataset.fingerprint:
        found = f"contains other data ({dataset.fingerprint})"
        log.warning("%s=%s: %s than the run was trained on (%s)", key, place, found, before)


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


def write(result: EvalResult, checkpoint: Path, step: int, weights: str, results: Path) -> None:
    """Write the numbers of an evaluation into `results`.json, and its pictures into `results`.

    Numbers of an earlier evaluation of the same weights are kept where this one has none.
    """
    file = results.with_name(f"{results.name}.json")
    before = _earlier(file, weights)
    metrics = {name: _plain(value) for name, value in result.numbers.items()}
    yardsticks = before.get("yardstick", {}).items()
    kept = {tag: yardstick for tag, yardstick in yardsticks if tag not in metrics}
    content = {
        "checkpoint": checkpoint.name,
        "weights": weights,
        "step": step,
        "metrics": {**before.get("metrics", {}), **metrics},
        "protocol": {**before.get("protocol", {}), **result.protocols},
        "histograms": {**before.get("histograms", {}), **result.histograms},
        "yardstick": {**kept, **result.plain_yardsticks()},
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_text(file, text + "\n")
    for name, pixels in result.pictures.items():
        with atomic_write(results / f"{name}.png") as file:
            Image.fromarray(pixels).save(file, "PNG")


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
