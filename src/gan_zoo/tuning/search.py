"""The loop of a search: start trials, stop those that are worse than most, and record the rest."""

import dataclasses
import datetime
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gan_zoo.command_line import EXIT_SIGNAL
from gan_zoo.report.number_format import counted
from gan_zoo.training.signals import DEFAULT_HANDLERS, Interrupted, StopFlag
from gan_zoo.tuning.outcome import Outcome, read_outcome
from gan_zoo.tuning.space import Space
from gan_zoo.tuning.study import (
    SearchSettings,
    ask,
    ended_trials,
    ranked,
    record,
    running_trials,
)
from gan_zoo.tuning.trial import TrialFolders, environment

if TYPE_CHECKING:
    from optuna import Study, Trial

_POLL = 0.2  # seconds
_PRUNE = 1.0  # seconds between two readings of a running trial's metrics
_MAX_FAILURES = 3  # from the start on, without any trial that did not fail


class SearchFailed(Exception):  # noqa: N818
    """All trials have failed, so that there is no point in starting more."""


@dataclasses.dataclass
class Running:
    """A trial while its process trains."""

    trial: "Trial"
    folders: TrialFolders
    process: subprocess.Popen
    slot: int
    reported: set[int]
    pruned: str = ""
    next_check: float = 0.0


class Search:
    """Runs the trials of a study, several at once.

    Args:
        study: of the search.
        settings: of the search.
        space: what is searched.
        folder: of the search.
        steps: of a run.
        seed: of the first run of each trial, and of the sampler.
        gpus: to spread the trials over; see `environment`.
    """

    def __init__(
        self,
        study: "Study",
        settings: SearchSettings,
        space: Space,
        folder: Path,
        *,
        steps: int,
        seed: int,
        gpus: list[str],
    ):
        self.study, self.settings, self.space, self.folder = study, settings, space, folder
        self.steps, self.seed, self.gpus = steps, seed, gpus
        self.running: list[Running] = []
        self.began, self.failed, self.finished = time.monotonic(), 0, 0

    def run(self, jobs: int, flag: StopFlag) -> None:
        """Run trials until there are as many as asked for.

        jobs: how many at once. Raises Interrupted, once all have saved, if the flag is set, or if
        a signal has ended a trial's process, and SearchFailed if every trial fails.
        """
        unfinished = running_trials(self.study)
        for trial in unfinished:
            print(f"trial {trial.number}: resumed", flush=True)
        try:
            while unfinished or self.running or self._missing():
                while len(self.running) < jobs and (unfinished or self._missing()):
                    next_trial = unfinished.pop(0) if unfinished else None
                    self._start(next_trial or ask(self.study, self.settings, self.seed), jobs)
                time.sleep(_POLL)
                if flag.signal_number is not None:
                    raise Interrupted(flag.signal_number)
                self._check()
        finally:
            self._stop_all()

    def _missing(self) -> int:
        """Return how many trials remain to be started."""
        started = len(ended_trials(self.study)) + len(self.running)
        return max(0, self.settings.trials - started)

    def _start(self, trial: "Trial", jobs: int) -> None:
        words = self.space.overrides(self.space.suggest(trial))
        seeds = range(self.seed, self.seed + self.settings.seeds)
        folders = TrialFolders(self.folder, trial.number, seeds)
        slot = min(set(range(jobs)) - {each.slot for each in self.running})
        process = folders.start(words, environment(slot, jobs, self.gpus))
        reported = set(self.study.get_trials(deepcopy=False)[trial.number].intermediate_values)
        self.running.append(Running(trial, folders, process, slot, reported))

    def _check(self) -> None:
        """Record the trials that have ended, and stop those that are to be pruned."""
        for each in list(self.running):
            code = each.process.poll()
            if code is None:
                self._prune(each)
                continue
            number = _stopped_by(code)
            if number and not each.pruned:
                raise Interrupted(number)
            self.running.remove(each)
            self._report(each)
            outcome = Outcome(pruned=each.pruned) if number else self._outcome(each, code)
            self._end(each.trial, outcome)
            if self.failed == self.finished == _MAX_FAILURES:
                found = f"the first {_MAX_FAILURES} trials failed: {outcome.failed}"
                raise SearchFailed(f"{found}; details in {each.folders.log}")

    def _outcome(self, each: Running, code: int) -> Outcome:
        return read_outcome(each.folders.runs, self.settings.metric, code)

    def _prune(self, each: Running) -> None:
        """Stop a trial whose best value is worse than the others' median at the same step."""
        if each.pruned or time.monotonic() < each.next_check:
            return
        each.next_check = time.monotonic() + _PRUNE
        step = self._report(each)
        if each.trial.should_prune():
            number, step = divmod(step - 1, self.steps)
            where = f"step {step + 1} of seed {each.folders.seeds[number]}"
            each.pruned = f"worse than the median at {where}"
            each.process.terminate()

    def _report(self, each: Running) -> int:
        """Report new values of the metric to Optuna; returns the last step of any."""
        history = each.folders.history(self.settings.metric, self.steps)
        for step in sorted(history.keys() - each.reported):
            each.reported.add(step)
            if math.isfinite(history[step]):
                each.trial.report(history[step], step)
        return max(history, default=0)

    def _end(self, trial: "Trial", outcome: Outcome) -> None:
        """Record what came of a trial, and print it."""
        record(self.study, trial, outcome)
        self.finished += 1
        self.failed += bool(outcome.failed)
        self._print(trial, outcome)

    def _print(self, trial: "Trial", outcome: Outcome) -> None:
        """Print a trial that has ended, the best one so far, and how long the rest may take."""
        parts = [f"trial {trial.number}: {outcome}"]
        parts.append(" ".join(self.space.own_words(trial.params)))
        for best in ranked(self.study)[:1]:
            parts.append(f"best: {best.values[0]:.4g} of trial {best.number}")
        if left := self._missing() + len(self.running):
            seconds = (time.monotonic() - self.began) / self.finished * left
            parts.append(f"{left} left, ETA {datetime.timedelta(seconds=round(seconds))}")
        print("; ".join(parts), flush=True)

    def _stop_all(self) -> None:
        """Let the trials that still train save, and wait until they have."""
        for each in self.running:
            each.process.terminate()
        if self.running:
            print(f"saving {counted(len(self.running), 'trial')} ...", file=sys.stderr, flush=True)
        for each in self.running:
            each.process.wait()


def _stopped_by(code: int) -> int | None:
    """Return the signal that made a process save and end, by its exit code; None for another."""
    number = -code if code < 0 else code - EXIT_SIGNAL
    return number if number in DEFAULT_HANDLERS else None
