"""Look at the data of a comparison, and choose the overrides that suit it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_zoo.compare.image_facts import (
    ImageFacts,
    choose_batch_size,
    choose_dataset,
    choose_sides,
    choose_test_share,
    read_image_facts,
)
from gan_zoo.compare.request import has_key
from gan_zoo.data.image_files import ImageFolder
from gan_zoo.schema import ConfigError, LocalPath, coerce, instantiate
from gan_zoo.setting_keys import key_of

if TYPE_CHECKING:
    from gan_zoo.data.dataset import Dataset
    from gan_zoo.data.in_memory import InMemoryDataset

_LEAST_HELD_OUT = 4  # real samples, below which most metrics cannot be computed
Compose = Callable[[Sequence[str]], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Data:
    """The data of a comparison.

    Attributes:
        words: overrides chosen here, without those that were given.
        sides: in pixels, that images may be scaled to; empty if their size is fixed.
        shape: of a sample.
        facts: lines for the plan, by title.
    """

    words: tuple[str, ...]
    sides: tuple[int, ...]
    shape: tuple[int, ...]
    facts: Mapping[str, str]


def choose_data(given: Sequence[str], compose: Compose) -> tuple[str, ...]:
    """Return the override that selects the dataset of a root; none where one with a root is chosen.

    compose: from overrides to a plain configuration. Raises ConfigError for a missing root, before
    torch is imported.
    """
    words: tuple[str, ...] = ()
    if has_key(given, "dataset.root") and not _chooses_root(given, compose):
        root = compose(["dataset=image_folder", *given])["dataset"]["root"]
        place = Path(coerce(root, LocalPath, "dataset.root"))
        words = (f"dataset={choose_dataset(place)}",)
    instantiate(compose([*words, *given])["dataset"], "dataset")
    return words


def _chooses_root(given: Sequence[str], compose: Compose) -> bool:
    """Return whether a dataset was typed, or one that has a root comes with an experiment."""
    if "dataset" in map(key_of, given):
        return True
    choices = [word for word in given if not key_of(word).startswith("dataset.")]
    return "root" in compose(choices)["dataset"]


def inspect_data(given: Sequence[str], compose: Compose) -> Data:
    """Look at size, count, channels and labels of the data. Raises ConfigError if unreadable."""
    words = [*choose_data(given, compose)]
    dataset = _load([*words, *given], compose)
    sides: list[int] = []
    images = read_image_facts(Path(dataset.root)) if isinstance(dataset, ImageFolder) else None
    if images is not None:
        if not has_key(given, "dataset.size"):
            sides = choose_sides(images)
        if images.gray and not has_key(given, "dataset.channels"):
            words.append("dataset.channels=1")
    smallest = [f"dataset.size={side}" for side in sides[:1]]
    dataset = _load([*words, *smallest, *given], compose)
    if share := _share(dataset, given):
        words.append(share)
        dataset = _load([*words, *smallest, *given], compose)
    if not dataset.has_test() and has_key(given, "dataset.test_share"):
        allowed = "leaves no held-out samples to compare generated ones with"
        raise ConfigError("dataset.test_share", f"{dataset.test_share:g}", allowed)
    _check_count(dataset, compose([*words, *given])["dataset"])
    default, train = compose([*words, *given])["batch_size"], dataset.train
    batch_size = choose_batch_size(len(train), default)
    if batch_size != default and not has_key(given, "batch_size"):
        words.append(f"batch_size={batch_size}")
    facts = _facts(dataset, images, sides)
    return Data(tuple(words), tuple(sides), train.shape, facts)


def _check_count(dataset: "Dataset", node: Mapping[str, Any]) -> None:
    """Raise ConfigError where a metric has too few held-out samples to tell losses apart."""
    held_out = len(dataset.load("test")) if dataset.has_test() else 0
    if held_out >= _LEAST_HELD_OUT:
        return
    key = "dataset.root" if "root" in node else "dataset"
    allowed = (
        f"has too few {dataset.unit} to compare losses: {len(dataset.train) + held_out}, of which "
        f"{held_out} can be held out; {_LEAST_HELD_OUT} or more are needed there"
    )
    raise ConfigError(key, node.get("root", type(dataset).__name__), allowed)


def _load(words: Sequence[str], compose: Compose) -> "Dataset":
    return instantiate(compose(words)["dataset"], "dataset")


def _share(dataset: "Dataset", given: Sequence[str]) -> str:
    """Return the override that holds out more of few images; empty if the split is fixed."""
    if has_key(given, "dataset.test_share") or not hasattr(dataset, "test_share"):
        return ""
    if "test_share" not in dataset.train.split_from:  # folders or arrays make the split
        return ""
    held_out = len(dataset.load("test")) if dataset.has_test() else 0
    share = choose_test_share(len(dataset.train) + held_out)
    return f"dataset.test_share={share:g}" if share != dataset.test_share else ""


def _facts(dataset: "Dataset", images: ImageFacts | None, sides: Sequence[int]) -> dict[str, str]:
    train = dataset.train
    held_out = len(dataset.load("test"))
    counts = f"{len(train):,} {dataset.unit} to train on, {held_out:,} held out"
    facts = {"data": f"{type(dataset).__name__}: {counts}", **train.describe(most=10)}
    if len(train.shape) == 3:
        facts["images"] = _sizes(train, images, sides)
    if train.num_classes > 1:
        facts["labels"] = (
            f"{train.num_classes:,} classes; the metric uses them, training only with "
            "conditional=true"
        )
    return facts


def _sizes(train: "InMemoryDataset", images: ImageFacts | None, sides: Sequence[int]) -> str:
    color = "gray" if train.shape[0] == 1 else f"{train.shape[0]} channels"
    if images is None:
        return f"{train.shape[2]}x{train.shape[1]} pixels, {color}"
    text = f"{images.size_range}, {color}"
    if not images.equal_squares:
        text += "; of each the middle square is used (dataset.fit=pad or stretch for all of it)"
    if sides:
        scaled = " or ".join(f"{side}x{side}" for side in sides)
        text += f"; to be scaled to {scaled}" if images.size_range != f"{scaled} pixels" else ""
    return text
