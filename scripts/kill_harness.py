"""Kill training at random moments, go on, and compare with what was never killed.

`python scripts/kill_harness.py --runs 100 --sweeps 20` takes some minutes. SIGKILL leaves no time
for anything: what is lost then would be lost in a power failure's place too. Each start is a
process of its own, forked from one that has imported everything already.
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

TRAIN = Path(__file__).parents[1] / "train.py"
WORDS = ["dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu", "loss=wgan"]
WORDS += ["n_critic=2", "log_every=3", "sample_every=50", "checkpoint_every=2", "evaluate_every=0"]
ALONE = [*WORDS, "hydra.run.dir=run", "resume=auto"]
SWEEP = ["-m", *WORDS, "sweep=mine", "seed=0,1,2,3,4,5"]
KILLS_OF_ONE = 20  # before it may end
START, TRAINING = 0.5, 0.5  # seconds that a start takes, and a stretch of training
PATIENCE = 20.0  # seconds without a checkpoint: it has ended, or something is wrong


def main() -> int:
    """Kill as often as asked for; the exit code is 0 if nothing was lost."""
    torch.set_num_threads(1)  # no threads before a fork
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=whole_number(0), default=100, help="kills of single runs")
    parser.add_argument(
        "--sweeps", type=whole_number(0), default=20, help="kills of sweeps of six jobs"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the moments")
    parser.add_argument(
        "--steps", type=whole_number(10), default=600, help="of a run; a sweep's job: a tenth"
    )
    asked = parser.parse_args()
    alone, sweep = [*ALONE, f"steps={asked.steps}"], [*SWEEP, f"steps={asked.steps // 10}"]
    rng, whole = random.Random(asked.seed), True
    for kind, words, kills in (("run", alone, asked.runs), ("sweep", sweep, asked.sweeps)):
        if kills:
            whole &= harass(kind, words, kills, rng)
    return 0 if whole else EXIT_FAILED


def harass(kind: str, words: Sequence[str], kills: int, rng: random.Random) -> bool:
    """Kill one or more such runs so often; tells what became of them, and whether all is well."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        spared = Path(place) / "spared"
        if train(words, spared):
            return False
        counts: Counter[str] = Counter()
        while counts["killed"] < kills:
            folder = Path(place) / f"{counts['chains']}"
            for _ in range(min(KILLS_OF_ONE, kills - counts["killed"])):
                counts.update(killed(words, folder, rng))
            counts["refused"] += int(train(words, folder) != 0)
            counts["equal"] += int(state(folder) == state(spared))
            counts["chains"] += 1
            print(f"  {kind}: {dict(counts)}", flush=True)
    print(
        f"{kind}: {counts['killed']} kills, {counts['writing']} of them in the middle of a"
        f" checkpoint; {counts['refused']} refused to go on;"
        f" {counts['equal']} of {counts['chains']} ended as if never killed"
    )
    return not counts["refused"] and counts["equal"] == counts["chains"]


def start(words: Sequence[str], folder: Path) -> int:
    """Train in a process of its own, whose output goes to a file; returns its number."""
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
        sys.argv = [str(TRAIN), *words]
        runpy.run_path(str(TRAIN), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(number: int, folder: Path) -> int:
    """Wait for a process; its exit code, or minus the signal that ended it."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    except BaseException:  # a signal to this program
        os.kill(number, signal.SIGKILL)
        raise
    if code > 0:
        print((folder / "output.txt").read_text(), file=sys.stderr)
    return code


def train(words: Sequence[str], folder: Path) -> int:
    """Train to the end; returns the exit code."""
    return ended(start(words, folder), folder)


def killed(words: Sequence[str], folder: Path, rng: random.Random) -> Counter[str]:
    """Start, and kill at a random moment, one in five while still starting."""
    number = start(words, folder)
    try:
        if rng.random() < 0.2:
            time.sleep(rng.random() * START)
        else:
            before, since = checkpoints(folder), time.monotonic()
            while checkpoints(folder) == before and time.monotonic() - since < PATIENCE:
                time.sleep(0.01)
            time.sleep(rng.random() * TRAINING)
    finally:
        os.kill(number, signal.SIGKILL)
    code = ended(number, folder)
    writing = code < 0 and any(folder.rglob("checkpoints/*.partial"))
    return Counter(
        killed=int(code < 0), writing=int(writing), refused=int(code > 0), ended=int(code == 0)
    )


def checkpoints(folder: Path) -> set[Path]:
    """Checkpoints of all runs below a folder."""
    return set(folder.rglob("checkpoints/*.pt"))


def state(folder: Path) -> dict[str, object]:
    """What must be equal of every run below a folder: weights, optimizers, streams, curves."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("summary.json")):
        run = str(path.parent.relative_to(folder))
        (newest,) = sorted((path.parent / "checkpoints").glob("*.pt"))[-1:]
        content = torch.load(newest, weights_only=True)
        found |= {f"{run}/{name}": value for name, value in leaves(content) if timeless(name)}
        lines = (path.parent / "metrics.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines] + [json.loads(path.read_text())["last"]]
        found[f"{run}/curves"] = [{k: v for k, v in r.items() if timeless(k)} for r in records]
    return found


def timeless(name: str) -> bool:
    """Whether a value is the same whenever and wherever a run was made."""
    return "perf/" not in name and not name.startswith("/config/sweep")


def leaves(node: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Places and values of a nested structure, tensors as bytes."""
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
