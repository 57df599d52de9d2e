"""What samples are, in words: their classes, how they were split, which files were left out."""

from collections.abc import Mapping

from gan_zoo.data.in_memory import InMemoryDataset


def class_names_of(samples: InMemoryDataset) -> tuple[str, ...]:
    """Names of the classes; their numbers where none are known."""
    return samples.class_names or tuple(map(str, range(samples.num_classes)))


def class_counts(samples: InMemoryDataset) -> dict[str, int]:
    """Number of samples of each class, by its name; hidden labels count for none."""
    labels = samples.y[samples.y >= 0]
    counts = labels.bincount(minlength=samples.num_classes).tolist()
    return dict(zip(class_names_of(samples), counts, strict=True))


def contents(samples: InMemoryDataset, most: int = 12) -> dict[str, str]:
    """Lines about samples by their titles: split, excluded, and classes, the first `most` by name.

    Those that have nothing to say are left out.
    """
    lines = {"split": samples.split_from, "excluded": _counted(samples.excluded, most)}
    if samples.num_classes > 1:
        lines["classes"] = f"{samples.num_classes:,}: {_counted(class_counts(samples), most)}"
    return {title: line for title, line in lines.items() if line}


def summary_of(samples: InMemoryDataset) -> dict[str, object]:
    """The same for summary.json: split_from, excluded and classes with their counts."""
    classes = class_counts(samples) if samples.num_classes > 1 else {}
    excluded = dict(samples.excluded)
    return {"split_from": samples.split_from, "excluded": excluded, "classes": classes}


def _counted(counts: Mapping[str, int], most: int) -> str:
    """Names with their counts; of many, the first, and the range of the others."""
    listed = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    others = list(counts.values())[most:]
    if others:
        listed.append(f"and {len(others):,} more of {min(others):,} to {max(others):,}")
    return ", ".join(listed)
