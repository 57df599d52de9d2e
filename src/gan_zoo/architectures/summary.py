"""Tables of a network's layers, output shapes and parameters.

Runs a copy on the meta device, where tensors have shapes and no data.
"""

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gan_zoo.architectures.networks import Critic, Generator


class Row(NamedTuple):
    """One layer. shape: of its output for one sample."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def describe(module: nn.Module, *inputs: Tensor) -> list[Row]:
    """List the layers of a network in the order in which they finish, for inputs (N, ...).

    A layer is a module without submodules, or with parameters of its own, so that the rows'
    parameters add up to the network's. A layer that runs twice has two rows, the second without
    parameters.
    """
    meta = copy.deepcopy(module).to("meta").eval()
    rows: list[Row] = []
    counted: set[nn.Parameter] = set()

    def hook(name: str, layer: nn.Module) -> Any:
        def add_row(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, tuple):  # of attention or a recurrent layer: with its state
                output = output[0]
            if output is None:  # no features of the label
                return
            new = set(_own(layer)) - counted
            counted.update(new)
            count = sum(parameter.numel() for parameter in new)
            rows.append(Row(name, _kind(layer), tuple(output.shape[1:]), count))

        return add_row

    for name, layer in meta.named_modules():
        if _is_layer(name, layer):
            layer.register_forward_hook(hook(name, layer))
    with torch.no_grad():
        meta(*(x.to("meta") for x in inputs))
    return rows


def layer_table(module: nn.Module, *inputs: Tensor) -> str:
    """Format the layers: one line each, and the sum of the parameters."""
    rows = describe(module, *inputs)
    lines = [(row.name, row.kind, _cross(row.shape), f"{row.parameters:,}") for row in rows]
    lines = [("layer", "kind", "output", "parameters"), *lines]
    lines += [("", "", "sum", f"{sum(row.parameters for row in rows):,}")]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    aligned = ((*line[:3], line[3].rjust(widths[3])) for line in lines)
    return "\n".join("  ".join(map(str.ljust, line, widths)) for line in aligned)


def layer_tables(generator: Generator, critic: Critic, shape: tuple[int, ...]) -> str:
    """Format both networks for samples of `shape`."""
    y = torch.zeros(2, dtype=torch.int64, device="meta")
    z = torch.empty(2, generator.z_dim, device="meta", dtype=next(generator.parameters()).dtype)
    x = torch.empty(2, *shape, device="meta", dtype=next(critic.parameters()).dtype)
    return f"generator\n{layer_table(generator, z, y)}\n\ncritic\n{layer_table(critic, x, y)}"


def _is_layer(name: str, module: nn.Module) -> bool:
    inside = "parametrizations" in name.split(".")  # spectral norm, part of its layer
    return not inside and (not any(module.children()) or bool(_own(module)))


def _own(layer: nn.Module) -> list[nn.Parameter]:
    """Return parameters of the module itself, including those of a weight's parametrization."""
    parametrized = getattr(layer, "parametrizations", nn.Module())
    return [*layer.parameters(recurse=False), *parametrized.parameters()]


def _kind(layer: nn.Module) -> str:
    return type(layer).__name__.removeprefix("Parametrized")


def _cross(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
