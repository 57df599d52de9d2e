"""Importing what is large."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Modules stay: to look for garbage among them while torch is imported takes a sixth of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
