"""What messages say about the files below a root that are not used, and about roots without any."""

import contextlib
import logging
import tarfile
from collections.abc import Iterator
from pathlib import Path

from gan_zoo.data.file_names import shown, shown_some
from gan_zoo.data.sources import Source

log = logging.getLogger(__name__)

_UNREADABLE = "in no image format that Pillow reads"
_UNNAMED = "not named like an image"
_ENDINGS = 6  # listed by themselves; a folder may hold thousands, as of name.0001
_ELSEWHERE = {".npz": "npz", ".gnt": "hwdb"}  # datasets that read other files


def left_out(source: Source) -> dict[str, int]:
    """Number of files that are not used, by reason."""
    counts: dict[str, int] = {}
    for reason, names in _groups(source):
        counts[reason] = counts.get(reason, 0) + len(names)
    return counts


def log_left_out(source: Source) -> None:
    """Log one line on the files that are not used: a warning where any may be a picture."""
    groups = list(_groups(source))
    if groups:
        unnamed = all(reason.startswith(f"{_UNNAMED} (.") for reason, _ in groups)
        parts = (f"{len(names):,} {reason}: {shown_some(names)}" for reason, names in groups)
        level = logging.INFO if unnamed else logging.WARNING
        log.log(level, "files of %s that are not used: %s", source.root, "; ".join(parts))


def _groups(source: Source) -> Iterator[tuple[str, list[str]]]:
    """Reasons, and the names of the files that are not used for each."""
    from gan_zoo.data.image_decoding import unreadable_suffixes

    rest: list[str] = []
    for place, (suffix, names) in enumerate(source.others.items()):
        if suffix in unreadable_suffixes():
            yield f"{_UNREADABLE} ({suffix})", names
        elif place < _ENDINGS or not suffix:
            yield f"{_UNNAMED} ({shown(suffix) or 'no ending'})", names
        else:
            rest += names
    if rest:
        yield f"{_UNNAMED} (.*)", rest
    if source.doubles:
        yield "of the same name as another", source.doubles
    if source.dangling:
        yield "broken link", source.dangling


def nothing_found(source: Source) -> str:
    """What a root without images holds, and what can be done."""
    groups = list(source.others.items())
    wanted = "holds no file that is named like an image (.jpg, .png, ...)"
    if not groups:
        return f"{wanted}, nor any that is not hidden; use dataset=glyphs, which needs no files"
    parts = [f"{len(names):,} {shown(suffix) or 'without ending'}" for suffix, names in groups]
    listed = ", ".join(parts[:_ENDINGS]) + (" and more" if len(parts) > _ENDINGS else "")
    names = shown_some([names[0] for _, names in groups])
    return f"{wanted}, but {listed} ({names}); {_remedy(source)}"


def _remedy(source: Source) -> str:
    """What to do with files that are no images."""
    from gan_zoo.data.image_decoding import unreadable_suffixes

    for suffix, (name, *_) in source.others.items():
        path = shown(str(source.root / name)) if source.root.is_dir() else ""
        if suffix in unreadable_suffixes():
            return f"convert the {suffix} files to .png or .jpg"
        if suffix == ".zip":
            return f"use dataset.root={path}" if path else f"unpack {shown(name)} from it"
        if suffix in _ELSEWHERE:
            return f"use dataset={_ELSEWHERE[suffix]} dataset.root={path or '<the unpacked file>'}"
    return "use dataset=glyphs, which needs no files"


def not_a_source(root: Path) -> str:
    """What is wrong with a root that is neither a folder nor a zip file, and what would do."""
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
    return f"does not exist ({above} holds {shown_some(visible, 8) or 'nothing'}); {instead}"
