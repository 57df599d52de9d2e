"""Processes that share a list of runs: each trains the next one as soon as it has ended one."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
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
        self._ended: queue.SimpleQueue[Path | Exception] = queue.SimpleQueue()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._starting, self._stopping = threading.Lock(), False

    def train(self, runs: Sequence[tuple[Path, list[str]]], flag: StopFlag) -> Iterator[Path]:
        """Train runs, given by folder and words, and yield the folder of each when it ends.

        A run that failed has a failure.txt. Raises Interrupted, once all runs that train have
        saved, if the flag is set; likewise the error of a thread, such as OSError on a full disk.
        """
        for run in runs:
            self._waiting.put(run)
        for slot in range(min(self.jobs, len(runs))):
            threading.Thread(target=self._serve_or_tell, args=(slot,), daemon=True).start()
        try:
            for _ in runs:
                yield self._next(flag)
        finally:
            self._stop()

    def _next(self, flag: StopFlag) -> Path:
        while flag.signal_number is None:
            with suppress(queue.Empty):
                ended = self._ended.get(timeout=_POLL)
                if isinstance(ended, Exception):
                    raise ended
                return ended
        raise Interrupted(flag.signal_number)

    def _serve_or_tell(self, slot: int) -> None:
        """Serve, and hand an error to the main thread, which would wait for this one forever."""
        try:
            self._serve(slot)
        except Exception as error:
            self._ended.put(error)

    def _serve(self, slot: int) -> None:
        """Give runs to a process, and to its successor if it is killed, until none is left."""
        process = None
        while not self._stopping:
            try:
                folder, words = self._waiting.get_nowait()
            except queue.Empty:
                return
            process = process or self._start(slot)
            if process is None:
                return
            if not _trained(process, folder, words):
                if self._stopping:
                    return
                write_failure(folder, exit_reason(process.wait()))
                process = None
            self._ended.put(folder)

    def _start(self, slot: int) -> "subprocess.Popen[bytes] | None":
        """Start a process in a session of its own: Ctrl-C reaches this one alone.

        Returns None if all are to stop.
        """
        with self._starting, self.log.open("ab") as output:
            if self._stopping:
                return None
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,  # closed when this process ends, however it ends
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                env=environment(slot, self.jobs, self.gpus),
                start_new_session=True,
            )
            self._processes.append(process)
        return process

    def _stop(self) -> None:
        """Let the processes save, and wait until they have ended.

        Not for the threads: what a process has started may keep its end of the pipe open.
        """
        with self._starting:
            self._stopping = True
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()


def _trained(process: "subprocess.Popen[bytes]", folder: Path, words: Sequence[str]) -> bool:
    """Let a process train a run; returns whether it lives on."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(f"{json.dumps([os.fspath(folder), list(words)])}\n".encode())
    except BrokenPipeError:
        return False
    return bool(process.stdout.read(1))
