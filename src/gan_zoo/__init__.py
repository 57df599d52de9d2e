"""gan_zoo: which loss should the critic of a GAN minimize?

From Python: `gan_zoo.train("loss=wgan", "dataset=ring", steps=500)`, `gan_zoo.load(folder)`.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_zoo.api import Run, load, train

__version__ = "0.1.0"
__all__ = ["Run", "load", "train"]

# The same products for any number of threads, read by MKL before its first one; see cpu_threads.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def __getattr__(name: str) -> Any:
    """Import the interface for Python when it is first used: commands answer without torch."""
    if name in __all__:
        from gan_zoo import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
