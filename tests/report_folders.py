"""Run folders with a known effect, as a sweep would leave them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gan_zoo.monitoring.sample_grid import Picture
from gan_zoo.report.comparison import compare
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.read_runs import read_runs

METRIC = "metric/frechet_glyphs_cnn"


def write_run(
    folder: Path,
    values: list[float | None],
    *,
    overrides: tuple[str, ...] = (),
    settings: Mapping[str, Any] | None = None,
    choices: Mapping[str, str] | None = None,
    summary: Mapping[str, Any] | None = None,
    number: int = 0,
) -> Path:
    """Write a finished run whose METRIC has these values at steps 100, 200, ..."""
    steps = 100 * len(values)
    config = {"seed": 0, "steps": steps, "loss": {"_target_": "gan_zoo.losses.GAN"}}
    config |= settings or {}
    chosen = {"dataset": "glyphs", "loss": "gan", **(choices or {})}
    hydra = {"runtime": {"choices": {**chosen, "hydra/launcher": "basic"}}, "job": {"num": number}}
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra/config.yaml").write_text(yaml.dump(config))
    (folder / ".hydra/hydra.yaml").write_text(yaml.dump({"hydra": hydra}))
    (folder / ".hydra/overrides.yaml").write_text(yaml.dump(list(overrides)))
    records = [
        {"step": 100 * (i + 1), "loss/critic": 1.0, METRIC: value} for i, value in enumerate(values)
    ]
    lines = [json.dumps(record) + "\n" for record in records]
    (folder / "metrics.jsonl").write_text("".join(lines))
    ended = {"steps": steps, "seconds": 12.5, "images_seen": 64 * steps, **(summary or {})}
    (folder / "summary.json").write_text(json.dumps(ended))
    return folder


def draw_grid(
    folder: Path, shade: int, count: int = 3, side: int = 5, name: str = "000200"
) -> None:
    """Write a grid of count x count tiles: the first black, each `shade` brighter than the last."""
    canvas = np.full((count * (side + 2) + 2,) * 2 + (3,), 64, np.uint8)
    for i in range(count * count):
        top, left = (2 + index * (side + 2) for index in divmod(i, count))
        canvas[top : top + side, left : left + side] = i * shade % 256
    (folder / "samples").mkdir(exist_ok=True)
    tiles = f"{side} {side} {count} 2"
    Picture(canvas, tiles).save(folder / f"samples/{name}.png")


def write_sweep(root: Path, losses: Mapping[str, list[float]]) -> Path:
    """Write a sweep over loss and seed: loss -> final values by seed."""
    for i, (loss, finals) in enumerate(losses.items()):
        for seed, final in enumerate(finals):
            write_run(
                root / f"loss={loss},seed={seed}",
                [final + 5, final],
                overrides=(f"loss={loss}", f"seed={seed}"),
                settings={"seed": seed, "loss": {"_target_": f"gan_zoo.losses.{loss}"}},
                choices={"loss": loss},
                summary={"seconds": 12.5 + i},
                number=10 * i + seed,
            )
    return root


def write_unevaluated_sweep(root, seeds=2):
    """Write a sweep whose runs hold losses, scores, gradients and a checkpoint, but no metric."""
    write_sweep(root, {"gan": [1.0] * seeds, "wgan": [2.0] * seeds})
    tags = [
        f"{kind}/{network}" for kind in ("loss", "grad_norm") for network in ("critic", "generator")
    ]
    for folder in root.iterdir():
        tags_of_run = [*tags, "score/real", "score/fake"]
        lines = [
            json.dumps({"step": step, **dict.fromkeys(tags_of_run, step / 400)})
            for step in (100, 200)
        ]
        (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints/00000200.pt").touch()
    return root


LOWER = Metric(METRIC, lower_is_better=True)


def compared(*roots, metric=LOWER, baseline=None):
    """Compare every run below the folders."""
    return compare(*read_runs(roots), metric, baseline or {})


def by_label(found):
    """Map labels to configurations."""
    return {each.label: each for each in found.configurations}


def add_metrics(root, **numbers):
    """Add numbers to the last line of every run's metrics.jsonl."""
    for path in root.glob("*/metrics.jsonl"):
        lines = path.read_text().splitlines()
        last = {**json.loads(lines[-1]), **{f"metric/{k}": v for k, v in numbers.items()}}
        path.write_text("\n".join([*lines[:-1], json.dumps(last)]) + "\n")
    return root
