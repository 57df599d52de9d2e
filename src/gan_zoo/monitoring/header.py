"""Header of a run: its loss, recipe, data and networks, logged before training."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from gan_zoo.experiment import Experiment
from gan_zoo.monitoring.console import bold
from gan_zoo.setting_keys import flatten


def run_header(
    experiment: Experiment,
    generator: nn.Module,
    critic: nn.Module,
    changed: Collection[str] = (),
    threads: str = "",
) -> str:
    """Describe loss, regularizer, data, networks and settings of a run in a few lines.

    changed: dotted keys of settings that are set in bold; threads: describes those of the CPU.
    """
    config = experiment.config
    architecture = config["architecture"]
    call = _Calls(changed)
    optimizers = (
        f"{name} {call(config['optimizer'][name], f'optimizer.{name}')}" for name in architecture
    )
    scalars = [
        call.setting(key, value) for key, value in config.items() if not isinstance(value, Mapping)
    ]
    lines = {
        "loss": f"{experiment.loss.title}: {call(config['loss'], 'loss')}",
        "formula": experiment.loss.formula,
        "note": experiment.loss.remark(),
        "regularizer": ": ".join(
            (experiment.regularizer.title, call(config["regularizer"], "regularizer"))
        ),
        "dataset": call(config["dataset"], "dataset"),
        **experiment.dataset.train.describe(),
        **{
            name: f"{call(architecture[name], f'architecture.{name}')}, {_parameters(network)}"
            for name, network in (("generator", generator), ("critic", critic))
        },
        "optimizer": ", ".join(optimizers),
        "warmup": _warmup(config["warmup"], call),
        "CPU threads": threads,
        "run": ", ".join(scalars),
    }
    return "\n".join(f"{name:<12} {text}" for name, text in lines.items() if text)


def config_table(config: Mapping[str, Any]) -> str:
    """Format the configuration as a Markdown table."""
    rows = [f"| `{key}` | `{value}` |" for key, value in flatten(config)]
    return "\n".join(["| key | value |", "|---|---|", *rows])


class _Calls:
    """Formats nodes as calls, such as glyphs.Glyphs(size=28, ...), with some settings in bold.

    Args:
        changed: dotted keys of those; a node whose `_target_` is one is named in bold.
    """

    def __init__(self, changed: Collection[str]):
        self.changed = changed

    def __call__(self, node: Mapping[str, Any], key: str) -> str:
        name = ".".join(str(node["_target_"]).split(".")[-2:])
        settings = (
            self.setting(f"{key}.{own}", value) for own, value in node.items() if own != "_target_"
        )
        shown = bold(name) if f"{key}._target_" in self.changed else name
        return f"{shown}({', '.join(settings)})"

    def setting(self, key: str, value: Any) -> str:
        """Format a setting with the last part of its key."""
        nested = isinstance(value, Mapping) and "_target_" in value
        text = f"{key.rpartition('.')[2]}={self(value, key) if nested else value}"
        return bold(text) if key in self.changed else text


def _warmup(node: Mapping[str, Any], call: _Calls) -> str:
    """Format the warmup as a call; empty if there is none."""
    return call(node, "warmup") if node["steps"] or node["every"] else ""


def _parameters(network: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in network.parameters()):,} parameters"
