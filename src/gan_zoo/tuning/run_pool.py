"""Processes that share a list of runs: each trains the next one as soon as it has ended one."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from gan_zoo.run_folder import write_failure
from gan_zoo.training.signals import Interrupted, StopFlag
from gan_zoo.tuning.outcome import exit_reason
from gan_zoo.tuning.trial import environment

_POLL = 0.2  # seconds between two looks at the flag


class RunPool:
    """Trains runs, several at once.

    Args:
        jobs: how many processes.
        gpus: to spread them over; see `environment`.
        log: file to which what they print is added.
    """

    command: Sequence[str] = (sys.executable, "-m", "gan_zoo.tuning.run_process")

    def __init__(self, jobs: int, gpus: Sequence[str], log: Path):
        self.jobs, self.gpus, self.log = jobs, gpus, log
        self._waiting: queue.SimpleQueue[tuple[Path, list[str]]] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._processes: dict[int, subprocess.Popen[str]] = {}
        self._stopping = False

    def train(self, runs: Sequence[tuple[Path, list[str]]], flag: StopFlag) -> Iterator[Path]:
        """Train runs, given by folder and words, and yield the folder of each when it ends.

        A run that failed has a failure.txt. Raises Interrupted, once all runs that train have
        saved, if the flag is set.
        """
        for run in runs:
            self._waiting.put(run)
        slots = range(min(self.jobs, len(runs)))
        threads = [threading.Thread(target=self._serve, args=(slot,)) for slot in slots]
        for thread in threads:
            thread.start()
        try:
            for _ in runs:
                yield self._next(flag)
        finally:
            self._stopping = True
            for process in self._processes.values():
                process.terminate()
            for thread in threads:
                thread.join()

    def _next(self, flag: StopFlag) -> Path:
        while True:
            try:
                return self._ended.get(timeout=_POLL)
            except queue.Empty:
                if flag.signal_number is not None:
                    raise Interrupted(flag.signal_number) from None

    def _serve(self, slot: int) -> None:
        """Give runs to a process, and to its successor if it is killed, until none is left."""
        while not self._stopping:
            try:
                folder, words = self._waiting.get_nowait()
            except queue.Empty:
                return
            process = self._processes.get(slot) or self._start(slot)
            if not _trained(process, folder, words) and not self._stopping:
                write_failure(folder, exit_reason(process.wait()))
                del self._processes[slot]
            self._ended.put(folder)

    def _start(self, slot: int) -> "subprocess.Popen[str]":
        """Start a process in a session of its own: Ctrl-C reaches this one alone."""
        with self.log.open("ab") as output:
            process = self._processes[slot] = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,  # closed when this process ends, however it ends
                stdout=subprocess.PIPE,
                stderr=output,
                env=environment(slot, self.jobs, self.gpus),
                start_new_session=True,
                text=True,
            )
        return process


def _trained(process: "subprocess.Popen[str]", folder: Path, words: Sequence[str]) -> bool:
    """Let a process train a run; returns whether it lives on."""
    assert process.stdin
    assert process.stdout
    try:
        print(json.dumps([os.fspath(folder), list(words)]), file=process.stdin, flush=True)
    except BrokenPipeError:
        return False
    return bool(process.stdout.readline())
