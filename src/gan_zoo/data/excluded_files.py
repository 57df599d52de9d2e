"""Messages about unused files below a root, and about roots without images."""

import contextlib
import logging
import shlex
import tarfile
from collections.abc import Iterator
from pathlib import Path

from gan_zoo.data.sources import Folder, Source
from gan_zoo.printable import list_names, printable

log = logging.getLogger(__name__)

_UNREADABLE = "in no image format that Pillow reads"
_UNNAMED = "not named like an image"
_SUFFIXES = 6  # listed individually; a folder may hold thousands, as of name.0001


def count_excluded(source: Source) -> dict[str, int]:
    """Count the unused files by reason."""
    counts: dict[str, int] = {}
    for reason, names in _groups(source):
        counts[reason] = counts.get(reason, 0) + len(names)
    return counts


def log_excluded(source: Source) -> None:
    """Log one line about unused files: a warning where any may be an image."""
    groups = list(_groups(source))
    if groups:
        unnamed = all(reason.startswith(f"{_UNNAMED} (.") for reason, _ in groups)
        parts = (f"{len(names):,} {reason}: {list_names(names)}" for reason, names in groups)
        level = logging.INFO if unnamed else logging.WARNING
        log.log(level, "files of %s that are not used: %s", source.root, "; ".join(parts))


def _groups(source: Source) -> Iterator[tuple[str, list[str]]]:
    """Yield each reason with the names of its unused files."""
    from gan_zoo.data.image_decoding import unreadable_suffixes

    rest: list[str] = []
    for index, (suffix, names) in enumerate(source.others.items()):
        if suffix in unreadable_suffixes():
            yield f"{_UNREADABLE} ({suffix})", names
        elif index < _SUFFIXES or not suffix:
            yield f"{_UNNAMED} ({printable(suffix) or 'no ending'})", names
        else:
            rest += names
    if rest:
        yield f"{_UNNAMED} (.*)", rest
    if source.doubles:
        yield "of the same name as another", source.doubles
    if source.dangling:
        yield "broken link", source.dangling


def explain_no_images(source: Source) -> str:
    """List what a root without images holds, and suggest a remedy."""
    groups = list(source.others.items())
    problem = "holds no file that is named like an image (.jpg, .png, ...)"
    if not groups:
        return f"{problem}, nor any that is not hidden; use dataset=glyphs, which needs no files"
    parts = [f"{len(names):,} {printable(suffix) or 'without ending'}" for suffix, names in groups]
    listed = ", ".join(parts[:_SUFFIXES]) + (" and more" if len(parts) > _SUFFIXES else "")
    names = list_names([names[0] for _, names in groups])
    return f"{problem}, but {listed} ({names}); {_remedy(source)}"


def _remedy(source: Source) -> str:
    """Suggest what to do with files that are no images."""
    from gan_zoo.data.image_decoding import unreadable_suffixes

    packed = not source.root.is_dir()
    for suffix, (name, *_) in source.others.items():
        if suffix in unreadable_suffixes():
            return f"convert the {suffix} files to .png or .jpg"
        if suffix == ".zip":
            return f"unpack {printable(name)} from it" if packed else f"use {_root(source, name)}"
        if suffix == ".npy" and packed:
            return f"use dataset=npz {_root(source)}"
        if suffix == ".npz":
            file = "dataset.root=<the unpacked file>" if packed else _root(source, name)
            return f"use dataset=npz {file}"
        if suffix == ".gnt":
            folder = "dataset.root=<the unpacked folder>" if packed else _root(source)
            return f"use dataset=hwdb {folder}"
    return "use dataset=glyphs, which needs no files"


def _root(source: Source, name: str = "") -> str:
    """Return the word, quoted for a POSIX shell, that names the root or a file below it."""
    return shlex.quote(f"dataset.root={printable(str(source.root / name))}")


def explain_no_arrays(root: Path) -> str:
    """Explain what is wrong with a root that is no .npz file; suggest what a folder holds."""
    from gan_zoo.data.image_decoding import suffixes

    instead = "name one with an array x of images, or use dataset=glyphs"
    if not root.is_dir():
        return f"{'is no .npz file' if root.exists() else 'does not exist'}; {instead}"
    source = Folder(root, suffixes())
    arrays = source.others.get(".npz", [])
    if len(arrays) == 1:
        return f"is a folder; use {_root(source, arrays[0])}"
    if arrays:
        return f"is a folder; name one of its .npz files: {list_names(arrays)}"
    if source.names:
        return f"is a folder of images; use dataset=image_folder {_root(source)}"
    return f"is a folder without .npz files; {instead}"


def explain_bad_root(root: Path) -> str:
    """Explain what is wrong with a root that is neither a folder nor a zip file."""
    instead = "name a folder or a zip file of images, or use dataset=glyphs, which needs no files"
    if root.is_file():
        kind = "is no zip file"
        if tarfile.is_tarfile(root):
            return f"{kind} but a tar archive: unpack it and name its folder"
        return f"{kind}; {instead}"
    above = next((folder for folder in root.absolute().parents if folder.is_dir()), None)
    visible: list[str] = []
    with contextlib.suppress(OSError):
        visible = sorted(p.name for p in above.iterdir() if p.name[0] != ".") if above else []
    return f"does not exist ({above} holds {list_names(visible, 8) or 'nothing'}); {instead}"
