"""Header of a run: its loss, recipe, data and networks, logged before training."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from gan_zoo.experiment import Experiment
from gan_zoo.run_folder import flatten


def run_header(experiment: Experiment, generator: nn.Module, critic: nn.Module) -> str:
    """Describe loss, regularizer, data, networks and settings of a run in a few lines."""
    config = experiment.config
    architecture = config["architecture"]
    optimizers = (f"{name} {_call(config['optimizer'][name])}" for name in architecture)
    scalars = [f"{key}={value}" for key, value in config.items() if not isinstance(value, Mapping)]
    lines = {
        "loss": f"{experiment.loss.title}: {_call(config['loss'])}",
        "formula": experiment.loss.formula,
        "note": experiment.loss.remark(),
        "regularizer": f"{experiment.regularizer.title}: {_call(config['regularizer'])}",
        "dataset": _call(config["dataset"]),
        **experiment.dataset.train.describe(),
        "generator": f"{_call(architecture['generator'])}, {_parameters(generator)}",
        "critic": f"{_call(architecture['critic'])}, {_parameters(critic)}",
        "optimizer": ", ".join(optimizers),
        "warmup": _warmup(config["warmup"]),
        "run": ", ".join(scalars),
    }
    return "\n".join(f"{name:<12} {text}" for name, text in lines.items() if text)


def config_table(config: Mapping[str, Any]) -> str:
    """Format the configuration as a Markdown table."""
    rows = [f"| `{key}` | `{value}` |" for key, value in flatten(config)]
    return "\n".join(["| key | value |", "|---|---|", *rows])


def _call(node: Mapping[str, Any]) -> str:
    """Format a node as a call: glyphs.Glyphs(size=28, ...)."""
    settings = ", ".join(f"{key}={_format(v)}" for key, v in node.items() if key != "_target_")
    return f"{'.'.join(str(node['_target_']).split('.')[-2:])}({settings})"


def _warmup(node: Mapping[str, Any]) -> str:
    """Format the warmup as a call; empty if there is none."""
    return _call(node) if node["steps"] or node["every"] else ""


def _format(value: Any) -> str:
    return _call(value) if isinstance(value, Mapping) and "_target_" in value else str(value)


def _parameters(network: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in network.parameters()):,} parameters"
