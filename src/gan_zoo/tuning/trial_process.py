"""The process of one trial: trains its seeds one after the other, and ends with its search.

`python -m gan_zoo.tuning.trial_process PREFIX FIRST_SEED COUNT OVERRIDES...` trains in the folders
PREFIX-seed-0 and so on, and resumes what they already contain. It saves and ends when its standard
input is closed, as happens when the search is killed.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from gan_zoo.command_line import EXIT_FAILED, one_line_errors
from gan_zoo.run_folder import diverged
from gan_zoo.tuning.run_process import train_run


def main() -> None:
    """Train the seeds of a trial until one diverges; a failure ends the process with a reason."""
    threading.Thread(target=_end_with_search, daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    prefix, first, count, *words = sys.argv[1:]
    with one_line_errors():
        for seed in range(int(first), int(first) + int(count)):
            if train_seed(Path(f"{prefix}-seed-{seed}"), [*words, f"seed={seed}"]):
                break


def train_seed(folder: Path, words: Sequence[str]) -> str:
    """Train one run, or resume it, and return how it diverged; empty if it did not."""
    run = train_run(folder, words)
    if run is None:
        sys.exit(EXIT_FAILED)
    return diverged(run.summary)


def _end_with_search() -> None:
    """Wait until the search has ended, then stop this process as SIGTERM does."""
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
