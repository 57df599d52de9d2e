"""Published datasets with the folders and file names of torchvision."""

from pathlib import Path
from typing import Any, ClassVar

from gan_zoo.data.dataset import Images
from gan_zoo.printable import list_names
from gan_zoo.schema import ConfigError, LocalPath, settings

_EMBEDDED = "dataset=glyphs, which needs no files"


@settings
class TorchvisionFiles(Images):
    """A dataset read from local files, or files that torchvision downloads.

    Attributes:
        root: folder that holds the dataset's own folder, or that folder itself.
        download: download missing files with torchvision.
    """

    folder: ClassVar[str]  # under root
    suffixes: ClassVar[tuple[str, ...]] = ("",)  # a file may come with any of these
    fetched: ClassVar[tuple[dict[str, Any], ...]] = ({},)  # arguments of torchvision's class

    root: LocalPath = "data"
    download: bool = False

    def names(self, split: str) -> list[str]:
        """Return the files of a split, relative to the dataset's folder."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ConfigError where a file is missing and may not be downloaded."""
        missing = self._missing()
        if missing and not self.download:
            root = Path(self.root)
            allowed = (
                f"{missing[0]} is missing: {_list_folder(root)}; type dataset.root=FOLDER for a "
            )
            allowed += f"folder that holds {missing[0].relative_to(root)}, or dataset.download=true"
            raise ConfigError("root", self.root, f"{allowed}, or {_EMBEDDED}")

    def paths(self, split: str) -> list[Path]:
        """Return the files of a split, downloading missing ones. Raises ConfigError."""
        if self._missing():
            self._download()
        return [self._path(name) for name in self.names(split)]

    def _missing(self) -> list[Path]:
        names = [name for split in ("train", "test") for name in self.names(split)]
        return [path for path in map(self._path, names) if not path.exists()]

    def _path(self, name: str) -> Path:
        """Return the path of a file, or its expected path."""
        folders = (Path(self.root) / self.folder, Path(self.root))
        paths = [folder / (name + suffix) for folder in folders for suffix in self.suffixes]
        return next((path for path in paths if path.exists()), paths[0])

    def _download(self) -> None:
        from torchvision import datasets

        name = type(self).__name__  # our classes have the names of theirs
        try:
            for arguments in self.fetched:
                getattr(datasets, name)(self.root, download=True, **arguments)
        except (OSError, RuntimeError, ImportError) as error:
            expected = Path(self.root) / self.folder
            allowed = f"could not fetch {name} ({error}); put its files into {expected}, or use "
            raise ConfigError("dataset.download", "true", allowed + _EMBEDDED) from None
        for path in self._missing():
            raise ConfigError("dataset.download", "true", f"left no {path}; or use {_EMBEDDED}")


def _list_folder(folder: Path) -> str:
    """Describe what a folder holds instead of a dataset."""
    if not folder.is_dir():
        return f"{folder} is no folder" if folder.exists() else f"{folder} does not exist"
    names = sorted(path.name for path in folder.iterdir())
    return f"{folder} holds {list_names(names, 5) or 'nothing'}"
