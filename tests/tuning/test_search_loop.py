"""The loop of a search: what it does with trials that end well, badly or not at all."""

import dataclasses
import signal
import threading
import time

import pytest

from gan_zoo.cpu_cores import thread_share
from gan_zoo.training.signals import Interrupted
from gan_zoo.tuning.outcome import Outcome, read_metric
from gan_zoo.tuning.results import format_best, format_importance, fresh_command
from gan_zoo.tuning.search import SearchFailed
from gan_zoo.tuning.space import parse_space
from gan_zoo.tuning.study import ask, ranked, record, saved_settings
from gan_zoo.tuning.trial import environment


def states(trials):
    return [trial.state.name for trial in trials]


def test_value_is_the_mean_over_seeds(scripted):
    trials = scripted("x=interval(0,1)", trials=3, seeds=3).run(jobs=2)
    assert states(trials) == ["COMPLETE"] * 3
    for trial in trials:
        assert trial.value == pytest.approx(trial.params["x"] + 1, abs=1e-4)
        assert len(trial.user_attrs["seeds"]) == 3


def test_equal_values_have_no_importance(scripted):
    search = scripted("x=choice(1,2)", "y=choice(1,2)", trials=3)
    for x in (1, 1, 2):
        search.study.enqueue_trial({"x": str(x), "y": "1"})
    found = []
    for search.settings in (dataclasses.replace(search.settings, trials=n) for n in (2, 3)):
        search.run()
        found.append(format_importance(search.study))
    assert found[0] == ""
    assert found[1].startswith("importance: x ")


@pytest.mark.parametrize(
    ("kind", "state", "reason"),
    [
        ("diverges", "PRUNED", "diverged at step 70"),
        ("nan", "PRUNED", "metric/jsd is not finite"),
        ("fails", "FAIL", "no memory"),
        ("SIGKILL", "FAIL", "its process was killed by SIGKILL"),
    ],
)
def test_bad_end_costs_one_trial(scripted, capsys, kind, state, reason):
    search = scripted("x=interval(0,1)", f"kind={kind}", seeds=2)
    (trial,) = search.run()
    assert trial.state.name == state
    assert trial.user_attrs["reason"] == reason
    assert reason in capsys.readouterr().out
    failure = search.folder / "trial-0000-seed-0" / "failure.txt"
    assert failure.exists() == (state == "FAIL")


def test_search_of_failures_ends(scripted):
    search = scripted("x=interval(0,1)", "kind=fails", trials=9)
    with pytest.raises(SearchFailed, match=r"the first 3 trials failed: no memory; .*0002\.log"):
        search.run()
    assert len(search.study.trials) == 3


def test_trial_worse_than_the_median_is_stopped(scripted):
    search = scripted("x=int(interval(1,99))", trials=6, seeds=2)
    for x in (1, 2, 3, 4, 5, 99):
        search.study.enqueue_trial({"x": x})
    *_, last = search.run()
    assert last.state.name == "PRUNED"
    assert last.user_attrs["reason"] == "worse than the median at step 60 of seed 0"
    assert states(search.study.trials[:5]) == ["COMPLETE"] * 5
    assert not (search.folder / "trial-0005-seed-0" / "failure.txt").exists()


def test_random_search_stops_no_trial(scripted):
    search = scripted("x=int(interval(1,98))", trials=6, random=True)
    for x in (1, 2, 3, 4, 5, 98):
        search.study.enqueue_trial({"x": x})
    assert states(search.run()) == ["COMPLETE"] * 6


def test_interrupted_trial_is_resumed(scripted):
    words = "x=int(interval(1,99))"
    search = scripted(words, trials=2)
    search.study.enqueue_trial({"x": 99})

    def interrupt():
        while not read_metric(search.folder / "trial-0000-seed-0", "metric/jsd"):
            time.sleep(0.05)
        search.flag.signal_number = signal.SIGINT

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted, match="SIGINT"):
        search.run()
    assert states(search.study.trials) == ["RUNNING"]
    trials = scripted(words, trials=2).run()
    assert states(trials) == ["COMPLETE", "COMPLETE"]
    assert trials[0].value == 99


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signal_to_a_trial_stops_the_search(scripted, name):
    search = scripted("x=interval(0,1)", f"kind={name}", trials=3)
    with pytest.raises(Interrupted, match=name):
        search.run()
    assert states(search.study.trials) == ["RUNNING"]


def test_trial_killed_before_its_settings_were_stored(scripted):
    search = scripted("x=interval(0,1)", "kind=choice(good,fine)")
    search.study.ask()
    (trial,) = search.run()
    assert trial.state.name == "COMPLETE"
    assert set(trial.params) == {"x", "kind"}


@pytest.mark.parametrize("random", [False, True])
def test_restarted_search_draws_the_same_trials(scripted, tmp_path, random):
    def draw(name, starts):
        (tmp_path / name).mkdir()
        for _ in range(starts):
            words = ("x=interval(0,1)", "y=interval(1,9,log)")
            search = scripted(*words, folder=tmp_path / name, trials=8, random=random)
            for _ in range(8 // starts):
                trial = ask(search.study, search.settings, 5)
                value = parse_space(words).suggest(trial)["x"]
                record(search.study, trial, Outcome((value,)))
        return [trial.params for trial in search.study.trials]

    uninterrupted = draw("uninterrupted", 1)
    assert draw("restarted", 4) == uninterrupted
    assert len({trial["x"] for trial in uninterrupted}) == 8


def test_random_search_does_not_depend_on_values(scripted, tmp_path):
    found = []
    for sign in (1, -1):
        folder = tmp_path / str(sign)
        folder.mkdir()
        search = scripted("x=interval(0,1)", folder=folder, trials=6, random=True)
        for _ in range(6):
            trial = ask(search.study, search.settings, 0)
            record(search.study, trial, Outcome((sign * trial.suggest_float("x", 0, 1),)))
        found.append([trial.params for trial in search.study.trials])
    assert found[0] == found[1]


def test_fewer_trials_than_there_are_adds_none(scripted):
    scripted("x=interval(0,1)", trials=3).run()
    assert len(scripted("x=interval(0,1)", trials=2).run()) == 3


def test_results_name_the_best_trials(scripted):
    search = scripted("x=int(interval(1,50))", "ema=0", "seed=0", trials=3, seeds=2)
    for x in (7, 3, 5):
        search.study.enqueue_trial({"x": x})
    search.run()
    space = parse_space(search.settings.overrides)
    assert [trial.params["x"] for trial in ranked(search.study)] == [3, 5, 7]
    assert format_best(search.study, search.settings, space).splitlines() == [
        "3 trials: 3 complete",
        "metric/jsd  trial  settings",
        "       3.5      1  x=3",
        "       5.5      2  x=5",
        "       7.5      0  x=7",
    ]
    command = fresh_command(search.study, search.settings, space, 0, "mine")
    assert command.endswith(" -m ema=0 x=3 seed=2,3,4,5,6 sweep=mine-best-1")


def test_one_trial_is_counted_as_one(scripted):
    search = scripted("x=interval(0,1)", trials=1)
    search.run()
    space = parse_space(search.settings.overrides)
    shown = format_best(search.study, search.settings, space)
    assert shown.startswith("1 trial: 1 complete\n")


def test_settings_are_stored_with_the_study(scripted):
    search = scripted("x=interval(0,1)", trials=7, seeds=3, random=True)
    assert saved_settings(search.folder) == search.settings


def test_processes_share_cores_and_gpus(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert environment(0, 1, [])["OMP_NUM_THREADS"] == str(thread_share(1))
    assert thread_share(10_000) == 1
    assert "CUDA_VISIBLE_DEVICES" not in environment(1, 2, ["0"])
    used = [environment(slot, 3, ["4", "6"])["CUDA_VISIBLE_DEVICES"] for slot in range(3)]
    assert used == ["4", "6", "4"]
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert environment(0, 4, [])["OMP_NUM_THREADS"] == "7"
