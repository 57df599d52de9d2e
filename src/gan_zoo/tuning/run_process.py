"""A process that trains one run after the other: torch is imported and compiled for only once.

Reads a line for each run from its standard input, a JSON list of its folder and its words, and
writes an empty line once the run has ended. It saves and ends when its input is closed, as happens
when the process that started it is killed.
"""

import json
import logging
import os
import queue
import signal
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

import gan_zoo
from gan_zoo.command_line import error_message, one_line_errors
from gan_zoo.run_folder import write_failure
from gan_zoo.run_lock import wait_until_free
from gan_zoo.training.signals import Interrupted


def main() -> None:
    """Train the runs that standard input names, until it is closed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # to standard error
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that nothing else is written there
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    with one_line_errors():
        while True:
            folder, words = json.loads(lines.get())
            train_run(Path(folder), words)
            print(file=replies, flush=True)


def train_run(folder: Path, words: Sequence[str]) -> gan_zoo.Run | None:
    """Train one run, or resume it; after a failure, None, and failure.txt has the reason.

    Waits for a process of a killed search that still saves this run. Raises Interrupted.
    """
    wait_until_free(folder)
    write_failure(folder, "")
    try:
        return gan_zoo.train(*words, folder=folder)
    except Interrupted:
        raise
    except Exception as error:
        traceback.print_exc()
        write_failure(folder, error_message(error))
        return None


def _read(lines: "queue.SimpleQueue[str]") -> None:
    """Queue the lines of standard input; at its end, stop this process as SIGTERM does."""
    with os.fdopen(os.dup(0)) as file:  # at its exit, Python waits for who reads sys.stdin
        for line in file:
            lines.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
