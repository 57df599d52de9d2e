"""One trial of a search: its runs' folders, and the process that trains them."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gan_zoo.cpu_cores import thread_share
from gan_zoo.tuning.outcome import read_metric


@dataclasses.dataclass(frozen=True)
class TrialFolders:
    """The run folders of a trial, one for each seed: SEARCH/trial-0007-seed-0 and so on."""

    search: Path
    number: int
    seeds: range

    @property
    def prefix(self) -> Path:
        return self.search / f"trial-{self.number:04d}"

    @property
    def log(self) -> Path:
        return Path(f"{self.prefix}.log")

    @property
    def runs(self) -> list[Path]:
        return [Path(f"{self.prefix}-seed-{seed}") for seed in self.seeds]

    def history(self, tag: str, steps: int) -> dict[int, float]:
        """Return the values of a metric so far, by the steps of all seeds, one after the other."""
        found = {}
        for i, folder in enumerate(self.runs):
            values = read_metric(folder, tag)
            found |= {i * steps + step: value for step, value in values.items()}
        return found

    def start(self, words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen:
        """Start to train, or resume, all seeds in a new process; its output is added to `log`.

        The process has a session of its own: Ctrl-C reaches the search alone.
        """
        seeds = [str(self.seeds[0]), str(len(self.seeds))]
        module = [sys.executable, "-m", "gan_zoo.tuning.trial_process"]
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [*module, str(self.prefix), *seeds, *words],
                stdin=subprocess.PIPE,  # closed when this process ends, however it ends
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )


def environment(slot: int, jobs: int, gpus: Sequence[str]) -> dict[str, str]:
    """Return the variables of the process in one of `jobs` slots: its threads and its GPU.

    gpus: names as CUDA_VISIBLE_DEVICES has them. A number of threads that the user has set stays.
    """
    found = {"OMP_NUM_THREADS": str(thread_share(jobs)), **os.environ}
    if len(gpus) > 1:
        found["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    return found
