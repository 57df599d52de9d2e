"""CASIA HWDB: Chinese characters written by hand, from the published .gnt files."""

import dataclasses
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gan_zoo.data.decoded_images import DecodedImages, Side
from gan_zoo.data.file_names import shown
from gan_zoo.schema import ConfigError, Fraction, LocalPath, settings

if TYPE_CHECKING:
    from gan_zoo.data.cache import RowWriter
    from gan_zoo.data.in_memory import InMemoryDataset
    from gan_zoo.data.sources import Folder

log = logging.getLogger(__name__)

_INSTEAD = "or use dataset=chinese_glyphs, which draws characters with font files"
# as in HWDB1.1trn_gnt and Gnt1.0TestPart1, but not as in latest
_MARKS = {"train": r"(?<![a-z])tr(ai)?n", "test": r"(?<![a-z])te?st"}


@settings
class HWDB(DecodedImages):
    """Handwritten characters, Liu et al. 2011: light ink on black, in a square of the ink's middle.

    Each file is by one writer. Files with trn or train in their paths are for training, those with
    tst or test for testing; where these marks are not both there, some writers are held out.

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
        """Raises ConfigError where the folder is missing."""
        if not Path(self.root).is_dir():
            allowed = f"is no folder; name the one with the .gnt files of CASIA HWDB, {_INSTEAD}"
            raise ConfigError("root", self.root, allowed)

    def load(self, split: str = "train") -> "InMemoryDataset":
        """Images (N, channels, size, size) with the places of their GB codes as labels."""
        from gan_zoo.data.cache import load_or_build
        from gan_zoo.data.sources import Folder

        source = Folder(Path(self.root), (".gnt",))
        if not source.names:
            allowed = f"holds no .gnt files; those of CASIA HWDB go there, {_INSTEAD}"
            raise ConfigError("dataset.root", self.root, allowed)
        key = [self.fit, self.characters, split, self.test_share, source.stamp, "class_names"]

        def build(rows: "RowWriter") -> dict[str, Any]:
            return self._build(rows, source, split)

        samples, facts = load_or_build(self.cache, key, self.transform().shape, build)
        how, names = self._split_from(source.names), tuple(facts["class_names"])
        return dataclasses.replace(samples, class_names=names, split_from=how)

    def _split_from(self, names: Sequence[str]) -> str:
        """How the splits were made, in a few words."""
        if _splits(names, 0)["test"]:
            return "trn and tst in the paths"
        return f"test_share={self.test_share:g} of the writers, by a hash of each file's name"

    def has_test(self) -> bool:
        """Whether marks in the paths, or `test_share`, leave a writer for the test split."""
        from gan_zoo.data.sources import Folder

        return bool(_splits(Folder(Path(self.root), (".gnt",)).names, self.test_share)["test"])

    def _build(self, rows: "RowWriter", source: "Folder", split: str) -> dict[str, Any]:
        """Add the characters of a split; classes are those that occur in either."""
        from gan_zoo.data.gnt import GntError, is_level_1

        wanted: Callable[[bytes], bool]
        wanted = {"level_1": is_level_1, "all": lambda code: True}[self.characters]
        names = source.names
        splits, place = _splits(names, self.test_share), names[0]
        if not splits[split]:
            more = {"train": "smaller", "test": "larger"}[split]
            allowed = f"leaves no writer for the {split} split; there are {len(names)}; "
            allowed += f"a {more} share leaves some"
            raise ConfigError("dataset.test_share", self.test_share, allowed)
        log.info("decoding the .gnt files of %s, once, into %s", self.root, self.cache)
        try:
            codes: set[bytes] = set()
            for place in names:
                codes |= {code for code, _ in _records(source, place) if wanted(code)}
            labels = {code: label for label, code in enumerate(sorted(codes))}
            for place in _with_bar(splits[split]):
                self._add(rows, _records(source, place), labels)
        except GntError as error:
            raise ConfigError(
                "dataset.root", shown(str(Path(self.root) / place)), str(error)
            ) from None
        if not rows.labels:
            allowed = "holds no Chinese character of level 1; dataset.characters=all takes any"
            raise ConfigError("dataset.root", self.root, allowed)
        return {"num_classes": len(labels), "class_names": [_character(code) for code in labels]}

    def _add(self, rows: "RowWriter", records: Any, labels: dict[bytes, int]) -> None:
        """Add those characters of a file that have a label."""
        from PIL import Image

        transform = self.transform()
        for code, image in records:
            if code in labels:
                rows.add(transform.fitted(Image.fromarray(255 - image)), labels[code])


def _character(code: bytes) -> str:
    """The character of a GB code; the code itself, in hexadecimal digits, where there is none."""
    try:
        return code.rstrip(b"\0").decode("gb18030") or code.hex()
    except UnicodeDecodeError:
        return code.hex()


def _records(source: "Folder", name: str) -> Any:
    from gan_zoo.data.gnt import read_gnt

    return read_gnt(source.path(name))


def _splits(names: Sequence[str], share: float) -> dict[str, list[str]]:
    from gan_zoo.data.splits import hash_split

    marked = {
        split: [name for name in names if re.search(mark, name.lower())]
        for split, mark in _MARKS.items()
    }
    return marked if all(marked.values()) else hash_split(names, share)


def _with_bar(names: Sequence[str]) -> Any:
    from tqdm import tqdm

    return tqdm(names, unit="file", desc="decoding", disable=None)
