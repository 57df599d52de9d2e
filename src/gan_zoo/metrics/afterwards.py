"""Runs evaluated after training, from their checkpoints alone."""

import copy
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm

from gan_zoo import checkpoints
from gan_zoo.architectures.players import Critic, Generator
from gan_zoo.devices import find_device
from gan_zoo.metrics.command import Asked
from gan_zoo.metrics.examiner import Examiner
from gan_zoo.metrics.judge import Judgement
from gan_zoo.schema import SettingError, construct

Found = dict[Path, Judgement]


class Runs:
    """Evaluates runs one by one; those that share a dataset share its reference.

    Attributes:
        found: what each run's checkpoint was found to be.
    """

    def __init__(self, asked: Asked):
        self.asked, self.device = asked, find_device(asked.device)
        self.found: Found = {}
        self._examiners: dict[str, Examiner] = {}

    def evaluate(self, place: Path) -> Judgement:
        """Judge a run's newest checkpoint, or a checkpoint, and write what is found beside it.

        Raises SettingError for a checkpoint or dataset that cannot be read, DivergedError for a
        generator whose samples are not finite.
        """
        path = checkpoints.newest(place)
        content = checkpoints.load(path)
        generator, critic, classifier = players(content, self.device)
        loss = construct(content["config"]["loss"], "loss")
        examiner = self._examiner(content)

        def shown(names: Iterable[str]) -> Iterable[str]:
            bar = tqdm(names, str(place), leave=False, disable=None)
            for name in bar:
                bar.set_postfix_str(name)
                yield name

        judgement = examiner.examine(generator, critic, classifier, loss, shown)
        self.found[place] = judgement
        write(judgement, path, content["step"], place if place.is_dir() else path.parent.parent)
        return judgement

    def _examiner(self, content: Mapping[str, Any]) -> Examiner:
        """Runs of one dataset, labelled alike, are examined by one examiner."""
        node = content["config"]["dataset"]
        key = json.dumps([node, content["num_classes"]], sort_keys=True)
        if key not in self._examiners:
            dataset = construct(node, "dataset")
            samples = dataset.train
            if samples.shape != tuple(content["shape"]):
                allowed = f"holds samples of {samples.shape}, the run makes {content['shape']}"
                raise SettingError("dataset", type(dataset).__name__, allowed)
            samples = samples if content["num_classes"] > 1 else samples.unlabelled()
            self._examiners[key] = Examiner(dataset, samples, self.asked.settings, self.device)
        return self._examiners[key]


def players(
    content: Mapping[str, Any], device: torch.device
) -> tuple[Generator, Critic, Critic | None]:
    """The averaged generator, the critic, and its average if it classifies, of a checkpoint."""
    config = content["config"]
    given = {"shape": tuple(content["shape"]), "num_classes": content["num_classes"]}
    generator, critic = (
        construct(config["architecture"][player], f"architecture.{player}", **given)
        for player in ("generator", "critic")
    )
    construct(config["regularizer"], "regularizer").prepare(critic)
    generator.load_state_dict(content["average"])
    critic.load_state_dict(content["critic"])
    generator, critic = generator.to(device), critic.to(device)
    if not critic.classifies:
        return generator, critic, None
    classifier = copy.deepcopy(critic)
    classifier.load_state_dict(content["classifier"])
    return generator, critic, classifier


def write(judgement: Judgement, checkpoint: Path, step: int, folder: Path) -> None:
    """evaluation.json and evaluation/*.png in a run's folder."""
    content = {
        "checkpoint": checkpoint.name,
        "step": step,
        "metrics": {name: _plain(value) for name, value in judgement.numbers.items()},
        "protocol": judgement.protocols,
        "histograms": judgement.histograms,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    partial = folder / "evaluation.json.partial"
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(folder / "evaluation.json")
    for name, pixels in judgement.pictures.items():
        (folder / "evaluation").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "evaluation" / f"{name}.png")


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no other numbers


def table(found: Found) -> str:
    """Numbers by metric and run, one part for each protocol, so that only like stand together."""
    parts: dict[str, dict[str, dict[Path, float]]] = {}
    for run, judgement in found.items():
        for name, value in judgement.numbers.items():
            protocol = json.dumps(judgement.protocols[name], sort_keys=True)
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
