"""Disturb sweeps at random moments, resume them, and compare them with an undisturbed sweep.

`python scripts/sweep_harness.py joblib --seeds 0 1 2` plays each event on a sweep of six small
jobs: a worker is killed (SIGKILL) or asked to end (SIGTERM), Ctrl-C in the terminal, SIGTERM or
SIGKILL to the sweep, a launcher that raises. Afterwards nothing may be left running, no traceback
be shown, the exit code must be the documented one, and the report be there; `sweep=resume` must
complete all jobs with the metrics of the undisturbed sweep, bit for bit. Prints a Markdown table.
Linux only; takes minutes.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gan_zoo.command_line import EXIT_FAILED, one_line_errors, whole_number

TRAIN = Path(__file__).parents[1] / "train.py"
CHECKPOINT_EVERY = 20
SWEEP = ["-m", "sweep=mine", "seed=0,1,2,3,4,5", "dataset=ring", "dataset.count=300"]
SWEEP += [
    "batch_size=8",
    "device=cpu",
    "compile=false",
    "log_every=10",
    f"checkpoint_every={CHECKPOINT_EVERY}",
]
SWEEP += ["sample_every=0", "evaluate_every=0"]
FOLDER = Path("outputs/sweeps/mine")
GRACE = 60.0  # seconds after which no process may be left
TIMEOUT = 600.0  # seconds for a sweep
# train.py, in which the next line of Python raises an exception after SIGALRM: compiled code of Ray
# drops an exception that a signal handler raises in it
BROKEN = """
import runpy, signal, sys
def fail(*_):
    sys.settrace(None)
    raise RuntimeError("a bug of the launcher")
def broken(number, frame):
    frame.f_trace = fail
    sys.settrace(lambda *_: None)
signal.signal(signal.SIGALRM, broken)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
EVENTS = {  # what is sent to whom, and the documented exit codes
    "none": ("nobody", 0, {0}),
    "a worker is killed": ("worker", signal.SIGKILL, {0, EXIT_FAILED}),
    "SIGTERM to a worker": ("worker", signal.SIGTERM, {0, EXIT_FAILED}),
    "Ctrl-C": ("group", signal.SIGINT, {130}),
    "SIGTERM to the sweep": ("sweep", signal.SIGTERM, {143}),
    "the sweep is killed": ("sweep", signal.SIGKILL, {-signal.SIGKILL}),
    "the launcher raises": ("sweep", signal.SIGALRM, {EXIT_FAILED}),
}


def main() -> int:
    """Play all scenes; returns exit code 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("launcher", nargs="+", help="as in hydra/launcher=NAME: basic, joblib, ...")
    parser.add_argument("--seeds", type=whole_number(0), nargs="+", default=[0], help="of moments")
    parser.add_argument(
        "--steps", type=whole_number(50), default=400, help="of a job (default 400)"
    )
    parser.add_argument("--events", nargs="+", choices=EVENTS, default=list(EVENTS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        rows, ok = table(args, Path(place))
    print("\n".join(rows))
    return 0 if ok else EXIT_FAILED


def table(args: argparse.Namespace, place: Path) -> tuple[list[str], bool]:
    """Play every event on every launcher; returns a Markdown table, and whether all was well."""
    rows, problems = [f"| event | {' | '.join(args.launcher)} |"], 0
    rows.append("|---|" + "---|" * len(args.launcher))
    undisturbed = Scene("basic", place / "undisturbed", args.steps)
    if undisturbed.start().wait(TIMEOUT):
        sys.exit(undisturbed.output())
    expected = undisturbed.metrics()
    for event in args.events:
        cells = []
        for launcher in args.launcher:
            if launcher == "basic" and EVENTS[event][0] == "worker":
                cells.append("the sweep is its only process")
                continue
            seen: dict[str, int] = {}
            for seed in args.seeds:
                folder = place / f"{launcher}-{event.replace(' ', '-')}-{seed}"
                scene = Scene(launcher, folder, args.steps)
                text, wrong = scene.play(event, random.Random(f"{seed} {event}"), expected)
                problems += len(wrong)
                text = f"{text}; WRONG: {', '.join(wrong)}" if wrong else text
                print(f"{launcher}, {event}, seed {seed}: {text}", file=sys.stderr, flush=True)
                seen[text] = seen.get(text, 0) + 1
            cells.append("<br>".join(f"{count} x {text}" for text, count in seen.items()))
        rows.append(f"| {event} | {' | '.join(cells)} |")
    return rows, not problems


class Scene:
    """A sweep in a folder and a process group of its own."""

    def __init__(self, launcher: str, folder: Path, steps: int):
        self.folder, self.sweep = folder, folder / FOLDER
        self.most_checkpoints = 4 * steps // CHECKPOINT_EVERY  # of six jobs, before an event
        self.words = [*SWEEP, f"hydra/launcher={launcher}", f"steps={steps}"]
        folder.mkdir()

    def start(self, *words: str) -> subprocess.Popen:
        """Start the sweep, or what the words say, with output to a file."""
        command = [sys.executable, "-c", BROKEN, str(TRAIN), *(words or self.words)]
        # every process of the sweep is known by this variable
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "SWEEP_HARNESS": str(self.folder)}
        with (self.folder / "output.txt").open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        return self.process

    def play(
        self, event: str, rng: random.Random, expected: dict[str, object]
    ) -> tuple[str, list[str]]:
        """Play one event; returns what happened, and what should not have."""
        target, number, codes = EVENTS[event]
        process = self.start()
        try:
            if target != "nobody":
                self._wait_for_moment(rng)
                self._send(target, number, rng)
            code = process.wait(TIMEOUT)
            wrong = [] if within(GRACE, lambda: not self.processes()) else ["processes are left"]
        finally:
            for each in self.processes():
                send(each, signal.SIGKILL)
        output, done = self.output(), self._count_done()
        wrong += [] if code in codes or (code, done) == (0, 6) else [f"exit code {code}"]
        wrong += ["traceback"] if "Traceback" in output else []
        if not (self.sweep / "report/report.html").is_file() and number != signal.SIGKILL:
            wrong.append("no report")
        wrong += self._resume(done, expected)
        (self.folder / "ended.txt").write_text(output)
        return f"exit {code}, {done} of 6 done{', the rest resumed' if done < 6 else ''}", wrong

    def _resume(self, done: int, expected: dict[str, object]) -> list[str]:
        # with the basic launcher, an exception is raised in a job, which then has failed
        retried = ["retry_failed=true"] if list(self.sweep.glob("*/failure.txt")) else []
        if done < 6 and self.start("sweep=resume", *retried).wait(TIMEOUT):
            return [f"sweep=resume failed: {self.output()[-200:]}"]
        return [] if self.metrics() == expected else ["metrics differ"]

    def _wait_for_moment(self, rng: random.Random) -> None:
        """Wait for a random number of checkpoints of jobs, then for a moment."""
        count = rng.randint(1, self.most_checkpoints)
        names: set[Path] = set()

        def enough() -> bool:
            names.update(self.sweep.glob("*/checkpoints/*.pt"))
            return len(names) >= count or self.process.poll() is not None

        within(TIMEOUT, enough)
        time.sleep(rng.random() / 4)

    def _send(self, target: str, number: int, rng: random.Random) -> None:
        """Send a signal to the sweep, to all of its processes, or to one that trains."""
        if target == "group":
            os.killpg(self.process.pid, number)
        elif target == "sweep":
            self.process.send_signal(number)
        else:
            workers: set[int] = set()

            def found() -> bool:
                others = self.processes() - {self.process.pid}  # it looks at locks, too
                workers.update(each for each in others if holds_lock(each))
                return bool(workers) or self.process.poll() is not None

            if within(TIMEOUT, found) and workers:
                send(rng.choice(sorted(workers)), number)

    def processes(self) -> set[int]:
        """Return the ids of all living processes of the sweep."""
        mark = f"SWEEP_HARNESS={self.folder}\0".encode()
        return {
            int(place.name)
            for place in Path("/proc").glob("[0-9]*")
            if mark in read(place / "environ") and b"\nState:\tZ" not in read(place / "status")
        }

    def output(self) -> str:
        """Return what the last command printed."""
        return (self.folder / "output.txt").read_text(errors="replace")

    def metrics(self) -> dict[str, object]:
        """Return the reproducible values of all complete runs, by folder."""
        found: dict[str, object] = {}
        for path in self.sweep.glob("*/summary.json"):
            lines = (path.parent / "metrics.jsonl").read_text().splitlines()
            records = [*map(json.loads, lines), json.loads(path.read_text())["last"]]
            kept = [{k: v for k, v in each.items() if "perf/" not in k} for each in records]
            found[path.parent.name] = kept
        return found

    def _count_done(self) -> int:
        return len(list(self.sweep.glob("*/summary.json")))


def holds_lock(process: int) -> bool:
    """Return whether a process has the lock of a run open: it trains."""
    links = Path(f"/proc/{process}/fd").glob("*")
    try:
        return any(str(link.readlink()).endswith("/.lock") for link in links)
    except OSError:
        return False


def send(process: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


def read(path: Path) -> bytes:
    """Return a file's content; empty for a process that has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Wait until a condition is true; returns whether it was, within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
