"""What a dataset holds and which layers see it: `python scripts/describe.py dataset=ring`."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose

from gan_zoo import launch
from gan_zoo.command_line import given_path
from gan_zoo.schema import ConfigError, instantiate

if TYPE_CHECKING:
    from gan_zoo.data.in_memory import InMemoryDataset

_LISTED = 200  # classes named


def main() -> None:
    """Print counts, classes and fingerprints of both splits, and the networks; draw samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("override", nargs="*", help="as for train.py, such as dataset.size=32")
    parser.add_argument(
        "--out", type=given_path, default=Path("outputs/datasets"), help="for the picture"
    )
    asked = parser.parse_args(launch.prepare_overrides(sys.argv[1:]))
    launch.check_overrides(asked.override)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with launch.initialize():
        config = compose("train", asked.override, return_hydra_config=True)
    name = config.hydra.runtime.choices.dataset
    plain = launch.to_dict(config)
    dataset = instantiate(plain["dataset"], "dataset")
    samples = dataset.load("train")
    tell("dataset", f"{name}, {type(dataset).__module__}.{type(dataset).__name__}")
    tell("sample", f"{'x'.join(map(str, samples.shape))} of {samples.x.dtype}")
    tell("train", counts(samples))
    try:
        tell("test", counts(dataset.load("test")))
    except ConfigError as error:
        tell("test", f"none: {error}")
    from gan_zoo.data.class_counts import contents

    for title, line in contents(samples, _LISTED).items():
        tell(title, line)
    tell("picture", draw(dataset, samples, asked.out / f"{name}.png"))
    print(layers(plain, samples))


def tell(name: str, value: Any) -> None:
    """Print one line of the summary."""
    print(f"{name:<13} {value}")


def counts(samples: "InMemoryDataset") -> str:
    """One split in a line: number and bytes of its samples, its classes, its fingerprint."""
    sizes = samples.y.bincount(minlength=samples.num_classes)
    classes = f"{samples.num_classes:,} classes of {sizes.min():,} to {sizes.max():,}"
    labels = classes if samples.num_classes > 1 else "no labels"
    size = f"{samples.size / 1e6:,.1f} MB"
    return f"{len(samples):,} samples, {size}, {labels}, fingerprint {samples.fingerprint()}"


def layers(config: dict[str, Any], samples: "InMemoryDataset") -> str:
    """The layers of both networks for these samples, with output shapes and parameters."""
    from gan_zoo.architectures.summary import tables

    classes = samples.num_classes if config["conditional"] else 1
    given = {"shape": samples.shape, "num_classes": classes}
    nodes = config["architecture"]
    players = [instantiate(nodes[p], f"architecture.{p}", **given) for p in ("generator", "critic")]
    return tables(*players, samples.shape)


def draw(dataset: Any, samples: "InMemoryDataset", path: Path) -> Path:
    """Write a picture of samples drawn at random, by classes if there are any."""
    import torch
    from PIL import Image

    from gan_zoo.data.class_counts import class_names_of
    from gan_zoo.monitoring.sample_grid import grid_columns, grid_labels, row_names

    classes = samples.num_classes
    names = class_names_of(samples) if classes > 1 else ()
    count = min(dataset.grid_size, len(samples)) // classes * classes or dataset.grid_size
    y, columns = grid_labels(count, classes), grid_columns(count, classes)
    chosen = samples.sample_with_labels(y, torch.Generator().manual_seed(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = dataset.render(samples.gather(chosen)[0], columns, row_names(y, columns, names))
    Image.fromarray(pixels).save(path)
    return path


if __name__ == "__main__":
    with launch.one_line_hydra_errors():
        main()
