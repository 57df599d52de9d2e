"""Shell completion of `gan-zoo`, by Hydra: `eval "$(gan-zoo -sc install=bash)"`."""

import os
import sys
from collections.abc import Iterable, Sequence


def complete(words: Sequence[str], commands: Iterable[str]) -> None:
    """Print the script that installs completion, or what completes COMP_LINE.

    words: those after `-sc`, such as install=bash, or query=bash as that script asks.
    """
    line = os.environ.get("COMP_LINE", "")
    _, _, typed = line.partition(" ")
    command, space, rest = typed.lstrip().partition(" ")
    if words and words[0].startswith("query="):
        if not space:
            print(" ".join(commands))
        if not space or command != "train":
            return
        os.environ["COMP_LINE"] = f"gan-zoo {rest}"
    from gan_zoo.launch.main import main

    sys.argv = ["gan-zoo", "-sc", *words]
    main()
