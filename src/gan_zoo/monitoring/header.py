"""What was composed, in words: printed before training and kept in TensorBoard."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from gan_zoo.experiment import Experiment


def header(experiment: Experiment, players: list[nn.Module]) -> str:
    """A few lines that say in full which loss, regularizer and recipe a run is made of."""
    config = experiment.config
    top = {key: value for key, value in config.items() if not isinstance(value, Mapping)}
    sizes = [f"{sum(p.numel() for p in player.parameters()):,}" for player in players]
    words = {
        "loss": experiment.loss.title,
        "formula": experiment.loss.formula,
        "regularizer": experiment.regularizer.title,
        "parameters": "generator {}, critic {}".format(*sizes),
    }
    lines = [f"{name:<13} {text}" for name, text in words.items()]
    settings = {"run": top, **{k: v for k, v in config.items() if isinstance(v, Mapping)}}
    for name, node in settings.items():
        lines.append(f"{name:<13} " + ", ".join(f"{k}={_short(v)}" for k, v in leaves(node)))
    return "\n".join(lines)


def table(config: Mapping[str, Any]) -> str:
    """The configuration as a Markdown table."""
    rows = [f"| `{key}` | `{value}` |" for key, value in leaves(config)]
    return "\n".join(["| key | value |", "|---|---|", *rows])


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a nested mapping."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _short(value: Any) -> str:
    return str(value).removeprefix("gan_zoo.")
