"""One process of a run on several devices: `python -m gan_zoo.launch.rank FOLDER`.

`launch.rank_processes` starts it, with the variables of `torch.distributed.elastic`. It ends when
the process that started it ends: saved, unless that had been asked to stop before.
"""

import logging
import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from gan_zoo.command_line import EXIT_FAILED, EXIT_SIGNAL, open_streams
from gan_zoo.launch.rank_files import RankFiles
from gan_zoo.launch.rank_logging import configure_logging
from gan_zoo.launch.sweep_stop import StopWatch, SweepStop, is_alive
from gan_zoo.monitoring.progress import JobDisplay
from gan_zoo.run_lock import FolderInUse, lock_folder

_TIMEOUT = timedelta(days=1)  # of a wait for other ranks: rank 0 evaluates meanwhile
_INTERVAL = 0.5  # seconds between two looks at the process that started this one


def main() -> None:
    """Train as one rank; leave a summary or the exception for the process of the run."""
    files, rank = RankFiles(Path(sys.argv[1])), int(os.environ["RANK"])
    request = files.request()
    os.environ["OMP_NUM_THREADS"] = str(request["threads"])  # before torch is imported
    sys.argv[0] = request["program"]
    # a cluster sends them to all processes of a job, a terminal that closes to all that it started
    for name in ("SIGUSR1", "SIGUSR2", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _set_up_output(rank, request)
    watch = StopWatch(files.stop(request["pid"], request["host"]))
    try:
        summary = _train(files, rank, request, watch)
        if rank == 0:
            files.write_summary(summary)
    except BaseException as error:
        files.write_error(rank, error)
        sys.exit(EXIT_FAILED)
    finally:
        if rank == 0 and watch.is_orphan():  # nobody will read them
            files.remove()


def _set_up_output(rank: int, request: dict[str, Any]) -> None:
    """Log in rank 0 as the process of the run would; show nothing of other ranks but faults."""
    if rank == 0:
        open_streams()
        configure_logging(request["logging"])
        return
    logging.disable(logging.WARNING)
    sys.warnoptions.append("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _train(
    files: RankFiles, rank: int, request: dict[str, Any], watch: StopWatch
) -> dict[str, Any]:
    import torch
    from torch import distributed

    from gan_zoo.experiment import load_experiment
    from gan_zoo.ranks import Ranks
    from gan_zoo.run import train

    config, device, count = request["config"], request["device"], request["count"]
    here = torch.device(device, rank) if device == "cuda" else torch.device(device)
    if device == "cuda":
        torch.cuda.set_device(here)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo",
        timeout=_TIMEOUT,
        device_id=here if device == "cuda" else None,
    )
    ranks = Ranks(rank, count)
    stop, first = files.stop(request["pid"], request["host"]), ranks.broadcast_object(os.getpid())
    RankWatch(watch, stop, files.run, rank, first).start()
    experiment = load_experiment(config).on_device(str(here))
    job = request["job"] and JobDisplay(request["job"]["title"], _unknown, request["job"]["bar"])
    shown = {"job": job, "changed": request["changed"]}
    summary = train(experiment, files.run, **shown, stop=watch, ranks=ranks)
    distributed.destroy_process_group()
    return summary


def _unknown(made: int, left: int) -> str:
    return ""  # how long a sweep will take is known to the process that runs it


class RankWatch(threading.Thread):
    """Ends this process where the main thread cannot: while it waits for other ranks, or saves.

    That is when the run's process is gone after it had asked the ranks to stop (two signals), or
    asks by SIGKILL. If it was killed without a word, rank 0 saves, and the others wait for that.

    Args:
        stop: how the run's process asks.
        folder: of the run.
        first: number of the process of rank 0.
    """

    def __init__(self, watch: StopWatch, stop: SweepStop, folder: Path, rank: int, first: int):
        super().__init__(daemon=True)
        self._watch, self._stop, self._folder = watch, stop, folder
        self._rank, self._first = rank, first

    def run(self) -> None:
        asked = 0
        while not self._watch.is_orphan():
            time.sleep(_INTERVAL)
            asked = self._stop.signal_number() or asked
            if asked == signal.SIGKILL:
                _end_now()
        if asked:
            _end_now()
        if self._rank == 0:
            self._lock_folder()
        else:
            self._end_with_first()

    def _lock_folder(self) -> None:
        """Lock the run's folder, as the lock of the run's process is gone; or end this process."""
        try:
            with lock_folder(self._folder):
                threading.Event().wait()
        except FolderInUse:  # another process resumes the run already
            _end_now()

    def _end_with_first(self) -> None:
        while is_alive(self._first):
            time.sleep(_INTERVAL)
        _end_now()


def _end_now() -> NoReturn:
    os._exit(EXIT_SIGNAL + signal.SIGKILL)


if __name__ == "__main__":
    main()
