"""Published datasets in the folders and file names that torchvision gives them."""

from pathlib import Path
from typing import Any, ClassVar

from gan_zoo.data.dataset import Images
from gan_zoo.schema import ConfigError, LocalPath, settings

_EMBEDDED = "dataset=glyphs, which needs no files"


@settings
class TorchvisionFiles(Images):
    """A dataset read from files that are already there, or that torchvision can fetch.

    Attributes:
        root: folder that holds the dataset's own folder; that folder itself will also do.
        download: fetch the files with torchvision where they are missing.
    """

    folder: ClassVar[str]  # under root
    suffixes: ClassVar[tuple[str, ...]] = ("",)  # a file may come with any of these
    fetched: ClassVar[tuple[dict[str, Any], ...]] = ({},)  # arguments of torchvision's class

    root: LocalPath = "data"
    download: bool = False

    def names(self, split: str) -> list[str]:
        """Files of a split, relative to the dataset's folder."""
        raise NotImplementedError

    def check(self) -> None:
        """Raises ConfigError where a file is missing and may not be fetched."""
        missing = self._missing()
        if missing and not self.download:
            root = Path(self.root)
            allowed = f"{missing[0]} is missing: {_content(root)}; type dataset.root=FOLDER for a "
            allowed += f"folder that holds {missing[0].relative_to(root)}, or dataset.download=true"
            raise ConfigError("root", self.root, f"{allowed}, or {_EMBEDDED}")

    def paths(self, split: str) -> list[Path]:
        """The files of a split, fetched first if need be. Raises ConfigError if they cannot be."""
        if self._missing():
            self._fetch()
        return [self._place(name) for name in self.names(split)]

    def _missing(self) -> list[Path]:
        names = [name for split in ("train", "test") for name in self.names(split)]
        return [path for path in map(self._place, names) if not path.exists()]

    def _place(self, name: str) -> Path:
        """Where a file is, or else where it is expected."""
        folders = (Path(self.root) / self.folder, Path(self.root))
        places = [folder / (name + suffix) for folder in folders for suffix in self.suffixes]
        return next((place for place in places if place.exists()), places[0])

    def _fetch(self) -> None:
        from torchvision import datasets

        name = type(self).__name__  # our class bears the name of theirs
        try:
            for arguments in self.fetched:
                getattr(datasets, name)(self.root, download=True, **arguments)
        except (OSError, RuntimeError, ImportError) as error:
            expected = Path(self.root) / self.folder
            allowed = f"could not fetch {name} ({error}); put its files into {expected}, or use "
            raise ConfigError("dataset.download", "true", allowed + _EMBEDDED) from None
        for path in self._missing():
            raise ConfigError("dataset.download", "true", f"left no {path}; or use {_EMBEDDED}")


def _content(folder: Path) -> str:
    """What there is instead of a dataset."""
    if not folder.is_dir():
        return f"{folder} is no folder" if folder.exists() else f"{folder} does not exist"
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - 5} more" if names[5:] else ""
    return f"{folder} holds {', '.join(names[:5]) or 'nothing'}{more}"
