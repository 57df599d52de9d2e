"""Run the project's scripts in processes forked from one that has imported everything.

A new interpreter spends three seconds on imports; a fork spends none. Whatever depends on the start
of the interpreter itself (import times, loaded modules, `PYTHON...` variables) needs a real one.
"""

import atexit
import multiprocessing
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["pytest", "forked_imports"])


def _fork(task: Callable[..., None], *given: object) -> multiprocessing.Process:
    """Call a function in a process forked from the server, which this starts where none runs."""
    # Python 3.11 gives the server no sys.path, and the server skips imports that it cannot find.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
    process = _SERVER.Process(target=task, args=given)
    process.start()
    return process


def _run(words: list[str], cwd: str, environment: dict[str, str], out: str, room: int | None):
    """Become `python words...`, writing to files out.stdout and out.stderr."""
    assert "forked_imports" in sys.modules  # or each fork would import all of it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which the tests' nohup ignores
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{out}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    sys.path.insert(0, str(Path(words[0]).parent))
    if room:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        runpy.run_path(words[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves by os._exit


class ScriptProcess:
    """A script that runs in a process of its own; the interface is that of subprocess.Popen."""

    def __init__(
        self, script: str, *words: object, cwd: Path = ROOT, largest_file: int | None = None
    ):
        """Start it.

        Args:
            script: relative to the project's root, such as "train.py".
            words: its arguments.
            cwd: the folder that it is called from.
            largest_file: bytes after which a file cannot grow, as on a full disk.
        """
        self._folder = tempfile.TemporaryDirectory()
        self._out = f"{self._folder.name}/out"
        self.args = [str(ROOT / script), *map(str, words)]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        given = (self.args, str(cwd), environment, self._out, largest_file)
        self._process = _fork(_run, *given)
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """The exit code, or None while the script runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to the script."""
        os.kill(self.pid, number)

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """Wait for the end; the text of stdout and stderr.

        Raises:
            TimeoutError: the script was killed because it ran longer.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            raise TimeoutError(f"{self.args} ran longer than {timeout} s")
        texts = [Path(f"{self._out}.{name}") for name in ("stdout", "stderr")]
        return tuple(path.read_text() if path.exists() else "" for path in texts)

    @property
    def returncode(self) -> int | None:
        """The exit code; negative where a signal ended the script."""
        return self._process.exitcode


def run_script(script: str, *words: object, cwd: Path = ROOT, largest_file: int | None = None):
    """Run a script to its end, as subprocess.run(..., capture_output=True, text=True) would."""
    process = ScriptProcess(script, *words, cwd=cwd, largest_file=largest_file)
    texts = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, *texts)


def run_ranks(task: Callable[..., None], count: int, *given: object, seconds: float = 120) -> None:
    """Call `task(Ranks(rank, count), *given)` in `count` processes that can communicate.

    task: a function of an importable module; GPUs communicate where there is one for each.
    Fails if a process fails, or runs longer than so long.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/store"
        processes = [_fork(_run_rank, task, rank, count, store, given) for rank in range(count)]
        try:
            wait_until(lambda: any(p.exitcode or not p.is_alive() for p in processes), seconds)
            for process in processes:
                process.join(10)
            assert [process.exitcode for process in processes] == [0] * count
        finally:
            for process in processes:
                process.kill()


def _run_rank(task: Callable[..., None], rank: int, count: int, store: str, given: tuple):
    from torch import cuda, distributed

    from gan_zoo.ranks import Ranks

    backend = "cpu:gloo,cuda:nccl" if cuda.device_count() >= count else "gloo"
    distributed.init_process_group(
        backend, init_method=f"file://{store}", rank=rank, world_size=count
    )
    task(Ranks(rank, count), *given)
    distributed.destroy_process_group()


def start_interpreter(script: str, *words: object, cwd: Path = ROOT, **environment: str):
    """Start a script in a new interpreter, with a process group of its own.

    Launchers' processes do not start from a fork. environment: further variables.
    """
    return subprocess.Popen(
        [sys.executable, str(ROOT / script), *map(str, words)],
        cwd=cwd,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_interpreter(script: str, *words: object, cwd: Path = ROOT):
    """Run a script to its end in a new interpreter."""
    process = start_interpreter(script, *words, cwd=cwd)
    texts = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, *texts)


def group_is_alive(number: int) -> bool:
    """Whether a process of this group is left."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def kill_group(process: subprocess.Popen) -> None:
    """Kill what is left of the group of a process that `start_interpreter` started."""
    if group_is_alive(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until a condition is true, and fail after so many seconds: something hangs."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
