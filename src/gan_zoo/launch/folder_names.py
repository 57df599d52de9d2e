"""Names for the folders of a sweep's jobs."""

import hashlib
import inspect
import os
import re
import shlex
from pathlib import Path

from omegaconf import OmegaConf

from gan_zoo.schema import ConfigError

_LONGEST = 255  # bytes of a file name
BY_NUMBER = f"type {shlex.quote('hydra.sweep.subdir=${hydra.job.num}')}"
_GROUP = re.compile(r"((?:^|(?<=,))[+~]{0,2}[A-Za-z_]\w*(?:/[A-Za-z_]\w*)+(?:@[\w.]+)?=)")
_BEGINNING = re.compile(r"(?<![^=,'\"\[])(?:~?/|\.{1,2}/)+")  # of a path, such as ../../ or /


def folder_name(overrides: str) -> str:
    """A name of at most 255 bytes for the folder of a job with these overrides.

    Ordinary overrides are the name. Slashes and dots of a path mean nothing in it. A name that is
    not the overrides themselves ends in a hash of them, and so is unique. The slash of a group of
    configurations makes a folder: loss/divergence=kl.
    """
    texts = _GROUP.split(overrides)
    texts[::2] = [_flat(text) for text in texts[::2]]
    parts = "".join(texts).split("/")
    if "".join(texts) == overrides and all(len(part.encode()) <= _LONGEST for part in parts):
        return overrides
    code = hashlib.sha256(overrides.encode(errors="surrogateescape")).hexdigest()[:8]
    parents = [_cut(part, _LONGEST) for part in parts[:-1]]
    return "/".join([*parents, f"{_cut(parts[-1], _LONGEST - 9)}-{code}"])


def refuse_long(key: str, path: Path, remedy: str) -> None:
    """Raises ConfigError for a path with a name that no folder can have."""
    for part in path.parts:
        if len(os.fsencode(part)) > _LONGEST:
            allowed = f"is longer than the {_LONGEST} bytes that a folder's name can have"
            raise ConfigError(key, part, f"{allowed}; {remedy}")


def _flat(text: str) -> str:
    flat = re.sub(r"/(?:\.{1,2}/)*", "_", _BEGINNING.sub("", text))
    return "".join(c if c.isprintable() else "_" for c in flat)


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


_old = "replace" not in inspect.signature(OmegaConf.register_resolver).parameters  # before 2.4
_register = OmegaConf.register_new_resolver if _old else OmegaConf.register_resolver
_register("folder_name", folder_name, replace=True)
