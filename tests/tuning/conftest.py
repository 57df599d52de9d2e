"""A search whose trials are a script that takes a moment: nothing is trained."""

import subprocess
import sys

import pytest

from gan_zoo.training.signals import StopFlag
from gan_zoo.tuning.search import Search
from gan_zoo.tuning.space import parse_space
from gan_zoo.tuning.study import SearchSettings, open_study
from gan_zoo.tuning.trial import TrialFolders

STEPS = 100
TAG = "metric/jsd"
# Writes what a run would: the metric after 60 steps and after 100, and a summary.
# x=99 waits for a signal, but only once.
SCRIPT = """
import json, os, pathlib, signal, sys, time
prefix, first, count, *words = sys.argv[1:]
settings = dict(word.split("=") for word in words)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
signal.signal(signal.SIGHUP, signal.SIG_DFL)
for seed in range(int(first), int(first) + int(count)):
    folder = pathlib.Path(f"{prefix}-seed-{seed}")
    folder.mkdir(exist_ok=True)
    kind = settings.get("kind", "good")
    if kind == "fails":
        (folder / "failure.txt").write_text("no memory")
        sys.exit(3)
    if kind in ("SIGKILL", "SIGTERM", "SIGHUP"):
        os.kill(os.getpid(), getattr(signal, kind))
    waits = settings["x"] == "99" and not (folder / "metrics.jsonl").exists()
    value = None if kind == "nan" else float(settings["x"]) + seed
    with (folder / "metrics.jsonl").open("w") as file:
        file.write(json.dumps({"step": 60, "metric/jsd": value}) + "\\n")
        file.flush()
        time.sleep(60 if waits else 0)
        file.write(json.dumps({"step": 100, "metric/jsd": value}) + "\\n")
    health = "diverged at step 70" if kind == "diverges" else "healthy"
    summary = {"steps": 100, "steps_asked": 100, "health": health}
    (folder / "summary.json").write_text(json.dumps(summary))
"""


class ScriptedSearch:
    """A search over `words` in a folder, with SCRIPT in the place of training."""

    def __init__(self, folder, *words, trials=1, seeds=1, random=False):
        self.folder = folder
        self.settings = SearchSettings(words, TAG, trials, seeds, random)
        self.study = open_study(folder, self.settings, STEPS)
        self.flag = StopFlag()

    def run(self, jobs=1):
        """Search to the end, and return the trials."""
        space = parse_space(self.settings.overrides)
        gpus: list[str] = []
        search = Search(
            self.study, self.settings, space, self.folder, steps=STEPS, seed=0, gpus=gpus
        )
        search.run(jobs, self.flag)
        return self.study.trials


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """A function that makes a ScriptedSearch; equal folders are one search, continued."""
    pytest.importorskip("optuna", reason="Optuna is not installed: pip install gan-zoo[tune]")
    monkeypatch.chdir(tmp_path)

    def start(self, words, environment):
        seeds = [str(self.seeds[0]), str(len(self.seeds))]
        command = [sys.executable, "-S", "-c", SCRIPT, str(self.prefix), *seeds, *words]
        return subprocess.Popen(command, env=environment)

    monkeypatch.setattr(TrialFolders, "start", start)
    return lambda *words, folder=tmp_path, **settings: ScriptedSearch(folder, *words, **settings)
