"""Kill training at random moments, resume it, and compare it with uninterrupted training.

`python scripts/kill_harness.py --runs 100 --sweeps 20` takes some minutes. SIGKILL gives a process
no time to clean up. Each start is a new process, forked from one that has imported everything.
"""

import argparse
import json
import os
import random
import runpy
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

import gan_zoo.compatibility
import gan_zoo.launch
import gan_zoo.run  # noqa: F401
from gan_zoo.command_line import EXIT_FAILED, one_line_errors, whole_number
from gan_zoo.run_folder import step_files

TRAIN = Path(__file__).parents[1] / "train.py"
OVERRIDES = ["dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu", "loss=wgan"]
OVERRIDES += ["n_critic=2", "log_every=3", "sample_every=50", "checkpoint_every=2"]
OVERRIDES += ["evaluate_every=10", "evaluation.num_samples=50"]
SINGLE_RUN = [*OVERRIDES, "hydra.run.dir=run", "resume=auto"]
SWEEP = ["-m", *OVERRIDES, "sweep=mine", "seed=0,1,2,3,4,5"]
KILLS_PER_RUN = 20  # per run, before it may finish
START, TRAINING = 0.5, 0.5  # seconds of startup, and of training before a kill
TIMEOUT = 20.0  # seconds to wait for a checkpoint


def main() -> int:
    """Run all kills; returns exit code 0 if nothing was lost."""
    torch.set_num_threads(1)  # no threads before forking
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=whole_number(0), default=100, help="kills of single runs")
    parser.add_argument(
        "--sweeps", type=whole_number(0), default=20, help="kills of sweeps of six jobs"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the random moments")
    parser.add_argument(
        "--steps", type=whole_number(10), default=600, help="of a run; a sweep's job: a tenth"
    )
    args = parser.parse_args()
    single, sweep = [*SINGLE_RUN, f"steps={args.steps}"], [*SWEEP, f"steps={args.steps // 10}"]
    rng, ok = random.Random(args.seed), True
    for kind, overrides, kills in (("run", single, args.runs), ("sweep", sweep, args.sweeps)):
        if kills:
            ok &= kill_repeatedly(kind, overrides, kills, rng)
    return 0 if ok else EXIT_FAILED


def kill_repeatedly(kind: str, overrides: Sequence[str], kills: int, rng: random.Random) -> bool:
    """Kill runs this many times, print the results, and return whether nothing was lost."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        uninterrupted = Path(place) / "uninterrupted"
        if train(overrides, uninterrupted):
            return False
        counts: Counter[str] = Counter()
        while counts["killed"] < kills:
            folder = Path(place) / f"{counts['chains']}"
            for _ in range(min(KILLS_PER_RUN, kills - counts["killed"])):
                counts.update(killed(overrides, folder, rng))
            counts["refused"] += int(train(overrides, folder) != 0)
            counts["equal"] += int(state(folder) == state(uninterrupted))
            counts["chains"] += 1
            print(f"  {kind}: {dict(counts)}", flush=True)
    print(
        f"{kind}: {counts['killed']} kills, {counts['writing']} of them while writing a"
        f" checkpoint; {counts['refused']} could not be resumed;"
        f" {counts['equal']} of {counts['chains']} equal the uninterrupted run"
    )
    return not counts["refused"] and counts["equal"] == counts["chains"]


def start(overrides: Sequence[str], folder: Path) -> int:
    """Train in a new process with output to a file; returns its process id."""
    folder.mkdir(exist_ok=True)
    number = os.fork()
    if number:
        return number
    code = EXIT_FAILED
    try:
        os.chdir(folder)
        output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.argv = [str(TRAIN), *overrides]
        runpy.run_path(str(TRAIN), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def wait_for(number: int, folder: Path) -> int:
    """Wait for a process; returns its exit code, or minus the signal that ended it."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    except BaseException:  # a signal to this program
        os.kill(number, signal.SIGKILL)
        raise
    if code > 0:
        print((folder / "output.txt").read_text(), file=sys.stderr)
    return code


def train(overrides: Sequence[str], folder: Path) -> int:
    """Train until the end; returns the exit code."""
    return wait_for(start(overrides, folder), folder)


def killed(overrides: Sequence[str], folder: Path, rng: random.Random) -> Counter[str]:
    """Start training and kill it at a random moment, in one of five cases during startup."""
    number = start(overrides, folder)
    try:
        if rng.random() < 0.2:
            time.sleep(rng.random() * START)
        else:
            before, since = checkpoints(folder), time.monotonic()
            while checkpoints(folder) == before and time.monotonic() - since < TIMEOUT:
                time.sleep(0.01)
            time.sleep(rng.random() * TRAINING)
    finally:
        os.kill(number, signal.SIGKILL)
    code = wait_for(number, folder)
    writing = code < 0 and any(folder.rglob("checkpoints/*.partial"))
    return Counter(
        killed=int(code < 0), writing=int(writing), refused=int(code > 0), finished=int(code == 0)
    )


def checkpoints(folder: Path) -> set[Path]:
    """Return the checkpoints of all runs below a folder."""
    return set(folder.rglob("checkpoints/*.pt"))


def state(folder: Path) -> dict[str, object]:
    """Return weights, optimizers, rngs and curves of all runs below a folder."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("summary.json")):
        run = str(path.parent.relative_to(folder))
        newest = step_files(path.parent / "checkpoints", ".pt")[-1]
        content = torch.load(newest, weights_only=True)
        found |= {f"{run}/{name}": value for name, value in leaves(content) if reproducible(name)}
        lines = (path.parent / "metrics.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines] + [json.loads(path.read_text())["last"]]
        found[f"{run}/curves"] = [{k: v for k, v in r.items() if reproducible(k)} for r in records]
    return found


def reproducible(name: str) -> bool:
    """Return whether a value does not depend on time and place of the run."""
    return "perf/" not in name and name != "/seconds" and not name.startswith("/config/sweep")


def leaves(node: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield paths and values of a nested structure, with tensors as bytes."""
    if isinstance(node, (dict, list, tuple)):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            yield from leaves(value, f"{prefix}/{key}")
    else:
        numpy = getattr(node, "numpy", None)
        yield prefix, (node if numpy is None else (tuple(node.shape), numpy().tobytes()))


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
