"""One run on several devices: starts a process for each, and ends as they end."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.distributed import TCPStore
from torch.distributed.elastic.multiprocessing import LogsDest, LogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from gan_zoo.compatibility import device_of_ranks
from gan_zoo.cpu_cores import available_cores
from gan_zoo.launch.rank_files import RankFiles
from gan_zoo.launch.rank_logging import describe_logging
from gan_zoo.monitoring.progress import JobDisplay
from gan_zoo.training.signals import Interrupted, Stopped, catch_signals

if TYPE_CHECKING:
    from gan_zoo.experiment import Experiment

_INTERVAL = 0.2  # seconds between two looks at the ranks, and at signals
_PATIENCE = 5  # seconds for processes that shall end at once
_AT_ONCE = 10  # seconds after the first rank that ended, in which others ended by themselves


def train_on_devices(
    experiment: "Experiment",
    folder: Path,
    *,
    job: JobDisplay | None = None,
    changed: Collection[str] = (),
    stop: Callable[[], int] = lambda: 0,
) -> dict[str, Any]:
    """Train one model by several processes, one on each device, as `gan_zoo.run.train` does.

    Raises what rank 0 has raised, or Stopped for a rank that was killed.
    """
    files, count = RankFiles(folder), experiment.settings.devices
    threads = min(available_cores(), torch.get_num_threads()) // count
    request = {
        "config": experiment.config,
        "device": device_of_ranks(experiment.settings),
        "count": count,
        "threads": max(1, threads),
        "changed": sorted(changed),
        "job": job and {"title": job.title, "bar": job.bar},
        "logging": describe_logging(),
        "program": sys.argv[0],
        "pid": os.getpid(),
        "host": socket.gethostname(),
    }
    ranks = RankProcesses(files, request)
    with catch_signals() as flag, ranks:
        while not ranks.have_ended():
            number = flag.signal_number or stop()
            if number:
                ranks.ask(number)
            flag.call_outer(ranks.pause)
        return ranks.result()


class RankProcesses:
    """The processes of one run; a context that leaves none of them behind.

    Args:
        request: what they need to know; see `launch.rank`.
    """

    def __init__(self, files: RankFiles, request: Mapping[str, Any]):
        self._files, self._request = files, dict(request)
        self._stop = files.stop(request["pid"], request["host"])
        self._asked = 0  # the signal for which they stop
        self._paused = False

    def __enter__(self) -> "RankProcesses":
        self._start()
        return self

    def __exit__(self, *error: Any) -> None:
        ended = self._agent.ended
        if not ended.is_set():  # by an exception, such as that of a second Ctrl-C
            self._stop.ask(signal.SIGKILL)
        if ended.wait(_PATIENCE):  # else they end with this process
            self._files.remove()

    def _start(self) -> None:
        self._asked = 0
        self._files.begin(self._request)
        self._agent = _Agent(self._files.run, self._request["count"])
        self._agent.start()

    def have_ended(self) -> bool:
        """Wait a moment, and return whether all have ended; starts them again after a pause."""
        if not self._agent.ended.wait(_INTERVAL):
            return False
        paused, self._paused = self._paused, False
        if paused and isinstance(self._files.errors().get(0), Interrupted):
            self._start()
            return False
        return True

    def ask(self, number: int) -> None:
        """Ask rank 0 to save, and all to end, for a signal."""
        if number != self._asked:
            self._asked = number
            self._stop.ask(number)

    def pause(self) -> None:
        """Make them save and end; `have_ended` starts them again."""
        self._paused = True
        self.ask(signal.SIGTERM)
        self._agent.ended.wait()

    def result(self) -> dict[str, Any]:
        """Return the summary of rank 0, or raise what ended the run."""
        summary = self._files.summary()
        if summary is None:
            raise self._error()
        return summary

    def _error(self) -> BaseException:
        """Return the exception to raise: a rank's own, or one for a rank that left none."""
        errors, failures = self._files.errors(), self._agent.failures
        first = min((each.timestamp for each in failures.values()), default=0)
        died = {
            rank: each
            for rank, each in failures.items()
            if rank not in errors and each.timestamp <= first + _AT_ONCE
        }
        # of those, the agent itself ends by SIGTERM the ones that are not ready to save
        own = {rank: each for rank, each in died.items() if each.exitcode != -signal.SIGTERM}
        if own or not errors:
            # what others raise then is that they have lost this one
            return self._agent.error or _death(own or died, self._request["count"])
        if self._asked and isinstance(errors.get(0), Interrupted):
            return Interrupted(self._asked)  # rank 0 may stop before it has read for which signal
        return errors.get(0) if isinstance(errors.get(0), Stopped) else next(iter(errors.values()))


def _death(died: Mapping[int, ProcessFailure], count: int) -> Stopped:
    """Describe the first rank that ended without an exception."""
    rank = min(died, key=lambda each: (died[each].timestamp, each))
    code = died[rank].exitcode
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return Stopped(f"rank {rank}, one of the run's {count} processes, {how}")


class _Agent(threading.Thread):
    """Torch's agent, which starts the processes and waits; in a thread it handles no signals.

    Attributes:
        ended: set once the processes have ended. (An exception in a `join` of this thread would
            mark the thread as ended, in Python 3.11.)
        failures: of ranks, once it has ended.
        error: that it has raised itself.
    """

    def __init__(self, folder: Path, count: int):
        super().__init__(daemon=True)
        self._folder, self._count = folder, count
        self.ended = threading.Event()
        self.failures: Mapping[int, ProcessFailure] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        # torch's agent uses the server of this process: no other program can get the port before
        store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False, multi_tenant=True)
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=self._count,
            logs_specs=_Terminal(),
            run_id="gan_zoo",
            rdzv_backend="static",
            rdzv_endpoint=f"localhost:{store.port}",
            rdzv_configs={"rank": 0},
            max_restarts=0,
            monitor_interval=_INTERVAL,
        )
        # torch replaces ${...} in the words of a command
        folder = str(self._folder).replace("$", "$$")
        try:
            with _silent_agent():
                elastic_launch(config, sys.executable)("-m", "gan_zoo.launch.rank", folder)
        except ChildFailedError as error:
            self.failures = error.failures
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()


class _Terminal(LogsSpecs):
    """What the processes print goes to this process's output; torch's default makes folders."""

    @property
    def root_log_dir(self) -> str:
        return os.devnull

    def reify(self, envs: dict[int, dict[str, str]]) -> LogsDest:
        same = dict.fromkeys(envs, "")
        return LogsDest(stdouts=same, stderrs=same, error_files=same)


@contextlib.contextmanager
def _silent_agent() -> Iterator[None]:
    """Drop what torch's agent logs in this block: the run says in one line how it ends."""
    log = logging.getLogger("torch.distributed.elastic")
    handler, before = logging.NullHandler(), log.propagate
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.propagate = before
        log.removeHandler(handler)
        os.environ.pop("TORCHELASTIC_SIGNALS_TO_HANDLE", None)  # which the agent sets
