"""Kill training at random moments, go on, and compare with what was never killed.

`python scripts/kill_harness.py --runs 100 --sweeps 20` takes about a quarter of an hour. SIGKILL
leaves no time for anything: what is lost then would be lost in a power failure's place too.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

TRAIN = Path(__file__).parents[1] / "train.py"
WORDS = ["dataset=ring", "dataset.count=300", "batch_size=8", "device=cpu", "loss=wgan"]
WORDS += ["n_critic=2", "log_every=3", "sample_every=50", "checkpoint_every=2", "evaluate_every=0"]
ALONE = [*WORDS, "steps=1000", "hydra.run.dir=run", "resume=auto"]
SWEEP = ["-m", *WORDS, "steps=150", "sweep=mine", "seed=0,1,2,3,4,5"]
KILLS_OF_ONE = 10  # before it may end
START, TRAINING = 3.0, 1.5  # seconds that a start takes, and a stretch of training


def main() -> int:
    """Kill as often as asked for; the exit code is 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100, help="kills of single runs")
    parser.add_argument("--sweeps", type=int, default=20, help="kills of sweeps of six jobs")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    asked = parser.parse_args()
    draws, whole = random.Random(asked.seed), True
    for kind, words, kills in (("run", ALONE, asked.runs), ("sweep", SWEEP, asked.sweeps)):
        if kills:
            whole &= harass(kind, words, kills, draws)
    return 0 if whole else 1


def harass(kind: str, words: Sequence[str], kills: int, draws: random.Random) -> bool:
    """Kill one or more such runs so often; tells what became of them, and whether all is well."""
    with tempfile.TemporaryDirectory() as place:
        spared = Path(place) / "spared"
        if train(words, spared):
            return False
        counts: Counter[str] = Counter()
        while counts["killed"] < kills:
            folder = Path(place) / f"{counts['chains']}"
            for _ in range(min(KILLS_OF_ONE, kills - counts["killed"])):
                counts.update(killed(words, folder, draws))
            counts["refused"] += train(words, folder) != 0
            counts["equal"] += state(folder) == state(spared)
            counts["chains"] += 1
            print(f"  {kind}: {dict(counts)}", flush=True)
    print(
        f"{kind}: {counts['killed']} kills, {counts['writing']} of them in the middle of a"
        f" checkpoint; {counts['refused']} refused to go on;"
        f" {counts['equal']} of {counts['chains']} ended as if never killed"
    )
    return not counts["refused"] and counts["equal"] == counts["chains"]


def train(words: Sequence[str], folder: Path) -> int:
    """Train to the end; returns the exit code."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(TRAIN), *words]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        print(ran.stderr, file=sys.stderr)
    return ran.returncode


def killed(words: Sequence[str], folder: Path, draws: random.Random) -> Counter[str]:
    """Start, and kill at a random moment, one in five while still starting."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(TRAIN), *words]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if draws.random() < 0.2:
        time.sleep(draws.random() * START)
    else:
        before = checkpoints(folder)
        while checkpoints(folder) == before and process.poll() is None:
            time.sleep(0.001)
        time.sleep(draws.random() * TRAINING)
    process.kill()
    told = process.communicate()[1]
    if process.returncode > 0:
        print(told, file=sys.stderr)
    writing = any(folder.rglob("checkpoints/*.partial"))
    return Counter(
        killed=int(process.returncode < 0),
        writing=int(process.returncode < 0 and writing),
        refused=int(process.returncode > 0),
        ended=int(process.returncode == 0),
    )


def checkpoints(folder: Path) -> set[Path]:
    """Checkpoints of all runs below a folder."""
    return set(folder.rglob("checkpoints/*.pt"))


def state(folder: Path) -> dict[str, object]:
    """What must be equal of every run below a folder: weights, optimizers, streams, curves."""
    import torch

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
    sys.exit(main())
