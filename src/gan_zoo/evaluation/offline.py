"""The words of an evaluation's command line; no torch."""

import copy
import dataclasses
import json
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
from gan_zoo.latest_sweep import resolve_all
from gan_zoo.schema import ConfigError, instantiate

_KEYS = ("metrics", "num_samples", "seed", "cache", "device")


@dataclasses.dataclass(frozen=True)
class EvalArgs:
    """Runs or checkpoints to evaluate, and how."""

    runs: tuple[Path, ...]
    settings: Evaluation
    device: str


def parse(words: Sequence[str]) -> EvalArgs:
    """KEY=VALUE with a known KEY is a setting; every other word is a run.

    A run's folder may well hold an equals sign: ./seed=0 is one. Raises ConfigError for a setting
    of a wrong kind, or a run that does not exist.
    """
    pairs = {key: text for key, sign, text in (w.partition("=") for w in words) if key in _KEYS}
    paths = [given_path(word) for word in words if word.partition("=")[0] not in _KEYS]
    runs = tuple(resolve_all(paths))
    for run in runs:
        if not run.exists():
            keys = ", ".join(f"{key}=" for key in _KEYS)
            raise ConfigError("run", run, f"does not exist; settings are {keys}")
    if not runs:
        raise ConfigError("run", "", "name at least one run's folder or checkpoint")
    device = pairs.pop("device", "cpu")
    values = {key: _READ.get(key, str)(text) for key, text in pairs.items()}
    return EvalArgs(runs, Evaluation(**values), device)


def _whole(text: str) -> int | str:
    """A whole number, or the text itself for the settings to complain of."""
    return int(text) if text.removeprefix("-").isdecimal() else text


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.strip("[]").replace(" ", "").split(","))


_READ = {"num_samples": _whole, "seed": _whole, "metrics": _names}


Found = dict[Path, EvalResult]


class OfflineEvaluator:
    """Evaluates runs one by one; those that share a dataset share its reference.

    Attributes:
        found: what each run's checkpoint was found to be.
    """

    def __init__(self, asked: EvalArgs):
        self.asked, self.device = asked, find_device(asked.device)
        self.found: Found = {}
        self._evaluators: dict[str, Evaluator] = {}

    def evaluate(self, place: Path) -> EvalResult:
        """Judge a run's newest checkpoint, or a checkpoint, and write what is found beside it.

        Raises ConfigError for a checkpoint or dataset that cannot be read, DivergedError for a
        generator whose samples are not finite.
        """
        path = checkpoints.latest_path(place)
        content = checkpoints.load(path)
        generator, critic, classifier = load_networks(content, self.device)
        loss = instantiate(content["config"]["loss"], "loss")
        evaluator = self._evaluator(content)

        def shown(names: Iterable[str]) -> Iterable[str]:
            bar = tqdm(names, str(place), leave=False, disable=None)
            for name in bar:
                bar.set_postfix_str(name)
                yield name

        result = evaluator.evaluate(generator, critic, classifier, loss, shown)
        self.found[place] = result
        write(result, path, content["step"], place if place.is_dir() else path.parent.parent)
        return result

    def _evaluator(self, content: Mapping[str, Any]) -> Evaluator:
        """Runs of one dataset, labeled alike, are examined by one examiner."""
        node = content["config"]["dataset"]
        key = json.dumps([node, content["num_classes"]], sort_keys=True)
        if key not in self._evaluators:
            dataset = instantiate(node, "dataset")
            samples = dataset.train
            if samples.shape != tuple(content["shape"]):
                allowed = f"holds samples of {samples.shape}, the run makes {content['shape']}"
                raise ConfigError("dataset", type(dataset).__name__, allowed)
            samples = samples if content["num_classes"] > 1 else samples.unlabeled()
            self._evaluators[key] = Evaluator(dataset, samples, self.asked.settings, self.device)
        return self._evaluators[key]


def load_networks(
    content: Mapping[str, Any], device: torch.device
) -> tuple[Generator, Critic, Critic | None]:
    """The averaged generator, the critic, and its average if it classifies, of a checkpoint."""
    config = content["config"]
    given = {"shape": tuple(content["shape"]), "num_classes": content["num_classes"]}
    generator, critic = (
        instantiate(config["architecture"][player], f"architecture.{player}", **given)
        for player in ("generator", "critic")
    )
    instantiate(config["regularizer"], "regularizer").prepare(critic)
    generator.load_state_dict(content["ema"])
    critic.load_state_dict(content["critic"])
    generator, critic = generator.to(device), critic.to(device)
    if not critic.classifies:
        return generator, critic, None
    classifier = copy.deepcopy(critic)
    classifier.load_state_dict(content["ema_critic"])
    return generator, critic, classifier


def write(result: EvalResult, checkpoint: Path, step: int, folder: Path) -> None:
    """evaluation.json and evaluation/*.png in a run's folder."""
    content = {
        "checkpoint": checkpoint.name,
        "step": step,
        "metrics": {name: _plain(value) for name, value in result.numbers.items()},
        "protocol": result.protocols,
        "histograms": result.histograms,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_text(folder / "evaluation.json", text + "\n")
    for name, pixels in result.pictures.items():
        (folder / "evaluation").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "evaluation" / f"{name}.png")


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no other numbers


def format_results(found: Found) -> str:
    """Numbers by metric and run, one part for each protocol, so that only like stand together."""
    parts: dict[str, dict[str, dict[Path, float]]] = {}
    for run, result in found.items():
        for name, value in result.numbers.items():
            protocol = json.dumps(result.protocols[name], sort_keys=True)
            parts.setdefault(protocol, {}).setdefault(name, {})[run] = value
    return "\n\n".join(_part(json.loads(protocol), rows) for protocol, rows in parts.items())


def _part(protocol: Mapping[str, Any], rows: Mapping[str, Mapping[Path, float]]) -> str:
    runs = list(dict.fromkeys(run for values in rows.values() for run in values))
    said = ", ".join(f"{key} {value}" for key, value in protocol.items())
    lines = [f"protocol: {said}"]
    lines += [f"  [{i}] {run}" for i, run in enumerate(runs, 1)]
    lines.append(_line("", [f"[{i}]" for i in range(1, len(runs) + 1)]))
    for name, values in rows.items():
        lines.append(_line(name, [f"{values[r]:.5g}" if r in values else "-" for r in runs]))
    return "\n".join(lines)


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:<40}" + "".join(f"{cell:>12}" for cell in cells)
