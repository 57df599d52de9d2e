"""Describe a dataset and the networks for it: `gan-zoo describe dataset=ring`."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo import launch
from gan_zoo.atomic_write import atomic_write
from gan_zoo.command_line import as_called, given_path
from gan_zoo.experiment import build_networks
from gan_zoo.schema import ConfigError, instantiate

if TYPE_CHECKING:
    from gan_zoo.data.in_memory import InMemoryDataset

_LISTED = 200  # classes listed


@launch.one_line_hydra_errors()
def main() -> None:
    """Print both splits and the networks, and write an image of random samples."""
    parser = argparse.ArgumentParser(description=as_called(__doc__))
    parser.add_argument("override", nargs="*", help="as for train.py, such as dataset.size=32")
    parser.add_argument(
        "--out", type=given_path, default=Path("outputs/datasets"), help="folder of the image"
    )
    args = parser.parse_args(launch.prepare_overrides(sys.argv[1:]))
    launch.check_overrides(args.override)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config, _ = launch.compose_run(args.override)
    name = config.hydra.runtime.choices.dataset
    plain = launch.to_dict(config)
    dataset = instantiate(plain["dataset"], "dataset")
    samples = dataset.load("train")
    show("dataset", f"{name}, {type(dataset).__module__}.{type(dataset).__name__}")
    show("sample", f"{'x'.join(map(str, samples.shape))} of {samples.x.dtype}")
    show("train", counts(samples))
    try:
        show("test", counts(dataset.load("test")))
    except ConfigError as error:
        show("test", f"none: {error}")
    for title, line in samples.describe(_LISTED).items():
        show(title, line)
    show("image", write_samples(dataset, samples, args.out / f"{name}.png"))
    print(layers(plain, samples))


def show(name: str, value: Any) -> None:
    """Print one line of the summary."""
    print(f"{name:<13} {value}")


def counts(samples: "InMemoryDataset") -> str:
    """Format one split: number and bytes of its samples, its classes, its fingerprint."""
    from gan_zoo.data.in_memory import count_range

    sizes = samples.y.bincount(minlength=samples.num_classes)
    classes = f"{samples.num_classes:,} classes of {count_range(sizes.tolist())} images"
    labels = classes if samples.num_classes > 1 else "no labels"
    size = f"{samples.size / 1e6:,.1f} MB"
    return f"{len(samples):,} samples, {size}, {labels}, fingerprint {samples.fingerprint()}"


def layers(config: dict[str, Any], samples: "InMemoryDataset") -> str:
    """Format the layers of both networks, with output shapes and parameters."""
    from gan_zoo.architectures.summary import layer_tables

    classes = samples.num_classes if config["conditional"] else 1
    return layer_tables(*build_networks(config, samples.shape, classes), samples.shape)


def write_samples(dataset: Any, samples: "InMemoryDataset", path: Path) -> Path:
    """Write an image of random samples, in rows by class if there are classes."""
    import torch

    from gan_zoo.monitoring.sample_grid import grid_columns, grid_labels, render, row_names

    classes = samples.num_classes
    names = samples.label_names if classes > 1 else ()
    count = min(dataset.grid_size, len(samples)) // classes * classes or dataset.grid_size
    y, columns = grid_labels(count, classes), grid_columns(count, classes)
    chosen = samples.sample_with_labels(y, torch.Generator().manual_seed(0))
    x = samples.gather(chosen)[0]
    with atomic_write(path) as file:
        render(dataset, x, columns, row_names(y, columns, names)).save(file)
    return path
