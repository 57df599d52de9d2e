"""CASIA HWDB: Chinese characters written by hand, from the published .gnt files."""

import dataclasses
import functools
import logging
import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gan_zoo.data.decoded_images import DecodedImages, Side
from gan_zoo.printable import list_names, printable
from gan_zoo.schema import ConfigError, Fraction, LocalPath, settings

if TYPE_CHECKING:
    import numpy as np

    from gan_zoo.data.decoded_cache import RowWriter
    from gan_zoo.data.in_memory import InMemoryDataset
    from gan_zoo.data.sources import Folder

log = logging.getLogger(__name__)

_INSTEAD = "or use dataset=chinese_glyphs, which draws characters with font files"
# as in HWDB1.1trn_gnt and Gnt1.0TestPart1, but not as in latest
_MARK = re.compile(r"(?<![a-z])(?:(?P<train>tr(?:ai)?n)|(?P<test>te?st))")
_NO_MARK = "without trn or tst in the path"
_RULES = 4  # version of how splits and labels are found; part of the cache's key
_HEADER = struct.Struct("<I2sHH")
_LARGEST = 1024  # pixels of a side; the databases' largest characters have some 300


@settings
class HWDB(DecodedImages):
    """Handwritten characters, Liu et al. 2011: light ink on black, in a square of the ink's middle.

    Each file is by one writer. Files with trn or train in their paths are for training, those with
    tst or test for testing (of several marks the last one counts), and those without are not used;
    where these marks are not both there, some writers are held out.

    Attributes:
        root: folder with .gnt files, at any depth.
        characters: level_1 for the Chinese characters of GB2312's first level alone (3740 classes
            in HWDB1.0, 3755 in 1.1); all for symbols, digits and letters as well.
        test_share: share of the writers held out.
    """

    root: LocalPath
    size: Side = 28
    channels: Literal[1, 3] = 1
    fit: Literal["crop", "pad", "stretch"] = "pad"
    characters: Literal["level_1", "all"] = "level_1"
    test_share: Fraction = 0.1

    def check(self) -> None:
        """Raise ConfigError where the folder is missing."""
        if not Path(self.root).is_dir():
            allowed = f"is no folder; name the one with the .gnt files of CASIA HWDB, {_INSTEAD}"
            raise ConfigError("root", self.root, allowed)

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Load images (N, channels, size, size), labeled by the order of their GB codes.

        Raises ConfigError where there is no .gnt file, one is damaged, or a split has no character.
        """
        from gan_zoo.data.decoded_cache import load_or_build

        source = self._source
        if not source.names:
            allowed = f"holds no .gnt files; those of CASIA HWDB go there, {_INSTEAD}"
            raise ConfigError("dataset.root", self.root, allowed)
        key = [self.fit, self.characters, split, self.test_share, source.stamp, _RULES]

        def build(rows: "RowWriter") -> dict[str, Any]:
            return self._build(rows, split)

        samples, _ = load_or_build(self.cache, key, self.transform().shape, build)
        excluded = {}
        if self._has_marks and (names := self._marked[None]):
            excluded[_NO_MARK] = len(names)
            if split == "train":
                listed = f"{len(names):,} {_NO_MARK}: {list_names(names)}"
                log.warning("files of %s that are not used: %s", printable(self.root), listed)
        return dataclasses.replace(samples, split_from=self._split_from(), excluded=excluded)

    def has_test(self) -> bool:
        """Check whether marks in the paths, or `test_share`, leave a writer for the test split."""
        return bool(self._splits["test"])

    @functools.cached_property
    def _source(self) -> "Folder":
        from gan_zoo.data.sources import Folder

        return Folder(Path(self.root), (".gnt",))

    @functools.cached_property
    def _marked(self) -> dict[str | None, list[str]]:
        """Files by the split that the last mark in their paths names, None for no mark."""
        marked: dict[str | None, list[str]] = {"train": [], "test": [], None: []}
        for name in self._source.names:
            marks = [mark.lastgroup for mark in _MARK.finditer(name.lower())]
            marked[marks[-1] if marks else None].append(name)
        return marked

    @property
    def _has_marks(self) -> bool:
        return bool(self._marked["train"] and self._marked["test"])

    @functools.cached_property
    def _splits(self) -> dict[str | None, list[str]]:
        """Files of each split."""
        from gan_zoo.data.splits import hash_split

        if self._has_marks:
            return self._marked
        return hash_split(self._source.names, self.test_share)

    def _split_from(self) -> str:
        if self._has_marks:
            return "trn and tst in the paths"
        return f"test_share={self.test_share:g} of the writers, by a hash of each file's name"

    def _build(self, rows: "RowWriter", split: str) -> dict[str, Any]:
        """Add the characters of a split; classes are those that occur in either split."""
        from tqdm import tqdm

        from gan_zoo.data.splits import no_sample_left

        names = self._splits[split]
        if not names:
            allowed = no_sample_left(self._source.names, split, "writer")
            raise ConfigError("dataset.test_share", self.test_share, allowed)
        log.info("decoding the .gnt files of %s, once, into %s", self.root, self.cache)
        codes, count = set(), 0
        for name in self._source.names:
            found = [code for code, _ in self._records(name)]
            codes.update(found)
            count += len(found) if name in names else 0
        if not count:
            allowed = "holds no Chinese character of level 1; dataset.characters=all takes any"
            raise ConfigError("dataset.root", self.root, allowed)
        labels = {code: label for label, code in enumerate(sorted(codes))}
        rows.allocate(count)
        for name in tqdm(names, unit="file", desc="decoding", disable=None):
            for code, image in self._records(name):
                rows.add(self._fitted(image), labels[code])
        return {"num_classes": len(labels), "class_names": [_character(code) for code in labels]}

    def _records(self, name: str) -> "Iterator[Record]":
        """Read the wanted characters of a file. Raises ConfigError where it is damaged."""
        try:
            for record in read_gnt(self._source.path(name)):
                if self.characters == "all" or is_level_1(record.code):
                    yield record
        except GntError as error:
            path = printable(str(Path(self.root) / name))
            raise ConfigError("dataset.root", path, str(error)) from None

    def _fitted(self, image: "np.ndarray") -> "np.ndarray":
        """Scale a character (height, width) to light ink on black, (channels, size, size)."""
        from PIL import Image

        return self.transform().fitted(Image.fromarray(255 - image))


class Record(NamedTuple):
    """One character: its GB code of two bytes, and its image uint8 (height, width)."""

    code: bytes
    image: "np.ndarray"


class GntError(ValueError):
    """What is wrong with a .gnt file, and at which byte."""


def read_gnt(path: Path) -> Iterator[Record]:
    """Read the characters of a .gnt file in order.

    Each record is its own size in bytes (4 bytes), the GB code of the character (2 bytes, the first
    one first), width and height in pixels (2 bytes each), then the pixels by rows, 255 for paper.
    Sizes are little-endian. Source: the databases' description, Liu et al., ICDAR 2011.

    Raises GntError at the first byte where the file departs from the format.
    """
    import numpy as np

    content, at = _map_file(path), 0
    while at < len(content):
        if len(content) - at < _HEADER.size:
            raise GntError(f"ends at byte {len(content)}, within the record that starts at {at}")
        size, code, width, height = _HEADER.unpack_from(content, at)
        if not 0 < width <= _LARGEST or not 0 < height <= _LARGEST:
            raise GntError(f"has a character of {width} x {height} pixels at byte {at}")
        if size != _HEADER.size + width * height:
            due = _HEADER.size + width * height
            raise GntError(f"has a record of {size} bytes at byte {at}, where {due} are due")
        if at + size > len(content):
            raise GntError(f"ends at byte {len(content)}, within the record that starts at {at}")
        pixels = np.frombuffer(content[at + _HEADER.size : at + size], np.uint8)
        yield Record(code, pixels.reshape(height, width))
        at += size


def _map_file(path: Path) -> memoryview:
    """Map a file into memory, so that reading the codes alone reads no pixels."""
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise GntError(f"cannot be read ({error})") from None


def is_level_1(code: bytes) -> bool:
    """Check whether a code is one of the 3755 Chinese characters of GB2312's first level."""
    row, cell = code[0] - 0xA0, code[1] - 0xA0
    return 16 <= row <= 55 and 1 <= cell <= (89 if row == 55 else 94)


def _character(code: bytes) -> str:
    """Return the character of a GB code; the code itself in hexadecimal digits for no such.

    A control character, or another one that shows nothing, is escaped.
    """
    try:
        return printable(code.rstrip(b"\0").decode("gb18030")) or code.hex()
    except UnicodeDecodeError:
        return code.hex()
