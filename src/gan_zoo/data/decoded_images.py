"""Datasets of encoded images: decoded to one size at the first start, then mapped from a cache."""

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from gan_zoo.cpu_cores import available_cores
from gan_zoo.data.dataset import DataSpec, Images
from gan_zoo.printable import list_names, printable
from gan_zoo.schema import ConfigError, LocalPath, Range, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.decoded_cache import RowWriter
    from gan_zoo.data.image_decoding import ImageTransform
    from gan_zoo.data.in_memory import InMemoryDataset

log = logging.getLogger(__name__)

_CHUNK = 64  # images per task: a task for each would cost as much as the decoding
_IN_FLIGHT = 256  # chunks held in memory
_LISTED = 5  # damaged files named in the log

Item = tuple[str, int]  # an image's name, and its label
Side = Annotated[int, Range(ge=4, le=2048)]


@settings
class DecodedImages(Images):
    """Images that are scaled to one size and cached on disk.

    Attributes:
        size: side of the images in pixels.
        channels: 1 for gray, 3 for color.
        fit: crop the middle of the scaled image, pad it with black, or stretch it.
        cache: folder for the decoded images; about size * size * channels bytes an image.
    """

    size: Side = 64
    channels: Literal[1, 3] = 3
    fit: Literal["crop", "pad", "stretch"] = "crop"
    cache: LocalPath = "~/.cache/gan_zoo"

    def spec(self) -> DataSpec:
        return DataSpec((self.channels, self.size, self.size))

    def transform(self) -> "ImageTransform":
        """Return the transform of each image."""
        from gan_zoo.data.image_decoding import ImageTransform

        return ImageTransform(self.size, self.channels, self.fit)

    def decode(
        self,
        root: Path,
        key: Any,
        items: Callable[[], tuple[Sequence[Item], int]],
        read: Callable[[str], bytes],
        about: Callable[[], Mapping[str, Any]] = dict,
    ) -> "InMemoryDataset":
        """Decode all readable images, or map them from the cache.

        Args:
            root: where the images come from, for messages.
            key: what the samples depend on besides the transform: names, sizes, times.
            items: name and label of each image, and the number of classes; called if the samples
                are not in the cache.
            read: the encoded image of a name.
            about: class_names, split_from and excluded of the `InMemoryDataset`, and
                notes, a line each, for the log; called as `items` is.

        Raises ConfigError where no image can be decoded, or the disk or a permission keeps a file
        from being read: that may change, and the cache would not. Logs the names of damaged ones.
        """
        from gan_zoo.data.decoded_cache import load_or_build

        transform = self.transform()

        def build(rows: "RowWriter") -> dict[str, Any]:
            named, num_classes = items()
            rows.allocate(len(named))
            count = f"{len(named):,}"
            log.info("decoding %s images of %s, once, into %s", count, root, self.cache)
            skipped = _decode_all(named, _reporting(read, root), transform, rows)
            if len(skipped) == len(named):
                examples = {image.details: image for image in reversed(skipped)}
                listed = list_names(list(examples.values())[::-1], _LISTED)
                allowed = f"none of {count} images can be read, such as {listed}"
                raise ConfigError("dataset.root", root, allowed)
            facts = dict(about())
            facts["excluded"] = {**facts.get("excluded", {}), **Counter(s.reason for s in skipped)}
            facts["notes"] = [*facts.get("notes", ()), *_unused_bits(transform.peaks)]
            return {"num_classes": num_classes, "skipped": skipped, **facts}

        samples, facts = load_or_build(self.cache, [self.fit, key], transform.shape, build)
        for note in facts.get("notes", ()):
            log.warning("%s", note)
        if skipped := facts["skipped"]:
            log.warning(
                "%s of %s images cannot be read and are excluded (listed in %s): %s",
                f"{len(skipped):,}",
                f"{len(skipped) + len(samples):,}",
                facts["listed"],
                list_names(skipped, _LISTED),
            )
        return samples


def _reporting(read: Callable[[str], bytes], root: Path) -> Callable[[str], bytes]:
    """Return the same function, raising ConfigError for what the system raises."""

    def read_or_report(name: str) -> bytes:
        try:
            return read(name)
        except OSError as error:
            if error.errno is None:  # a decompressor's, of damaged bytes
                raise
            reason = f"{printable(name)} cannot be read ({error.strerror})"
            allowed = f"{reason}; make it readable, or move it away"
            raise ConfigError("dataset.root", root, allowed) from None

    return read_or_report


def _decode_all(
    items: Sequence[Item],
    read: Callable[[str], bytes],
    transform: "ImageTransform",
    rows: "RowWriter",
) -> "list[Skipped]":
    """Add all readable images in order. Returns the others, each with the reason."""
    from tqdm import tqdm

    skipped = []
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]

    def decode(chunk: Sequence[Item]) -> "list[np.ndarray | Skipped]":
        return [_try_decode(name, read, transform) for name, _ in chunk]

    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(available_cores()) as threads,  # Pillow releases Python's lock to decode
        tqdm(total=len(items), unit="image", desc="decoding", disable=None) as bar,
    ):
        warnings.simplefilter("ignore")  # Pillow's remarks on files that are odd but readable
        for start in range(0, len(chunks), _IN_FLIGHT):
            batch = chunks[start : start + _IN_FLIGHT]
            for chunk, results in zip(batch, threads.map(decode, batch), strict=True):
                for (_, label), result in zip(chunk, results, strict=True):
                    if isinstance(result, Skipped):
                        skipped.append(result)
                    else:
                        rows.add(result, label)
                bar.update(len(chunk))
    return skipped


class Skipped(str):
    """The name of an image that cannot be used, with details.

    Attributes:
        details: why, in the words of the image's reader.
        reason: why, in words that many images may share.
    """

    details: str
    reason: str

    def __new__(cls, name: str, details: str, reason: str = "cannot be read") -> "Skipped":
        self = super().__new__(cls, f"{printable(name)} ({details})")
        self.details, self.reason = details, reason
        return self


def _try_decode(
    name: str, read: Callable[[str], bytes], transform: "ImageTransform"
) -> "np.ndarray | Skipped":
    """Decode an image, or return its name with the reason for the failure."""
    from PIL import UnidentifiedImageError

    from gan_zoo.data.image_decoding import UnknownRangeError

    try:
        return transform.decode(read(name))
    except ConfigError:
        raise
    except UnidentifiedImageError:  # Pillow's text names an object in memory
        return Skipped(name, "is in no format that Pillow reads")
    except UnknownRangeError as error:
        return Skipped(name, f"{error}; save it with 8 or 16 bits", str(error))
    except Exception as error:  # Pillow's many decoders raise anything on damaged bytes
        reason = printable(" ".join(str(error).split()))[:200] or type(error).__name__
        return Skipped(name, reason)


def _unused_bits(peaks: Sequence[int]) -> list[str]:
    """Explain that no image of 16 bits uses them all, as from a camera that measures 12."""
    bits = max(peaks, default=0).bit_length()
    if not 0 < bits < 16:
        return []
    return [
        f"the largest value in {len(peaks):,} images of 16 bits is {max(peaks):,}: they use "
        f"{bits} bits and look dark; multiply their values by {1 << (16 - bits)} to use all 16"
    ]
