"""The runs of a search as CSV, and the table that is made of it."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

import gan_zoo
from gan_zoo.report.stats import Interval, student_interval
from gan_zoo.schema import ConfigError
from gan_zoo.tuning.random_search import PlannedRun, dataset_names, read_search
from gan_zoo.tuning.recipe_table import format_recipes, format_tables
from gan_zoo.tuning.run_rows import (
    FRESH,
    best_rows,
    check_keys,
    finished_rows,
    primary_metric,
    read_rows,
    run_row,
    settings_of,
    value,
    write_results,
    write_rows,
)
from gan_zoo.tuning.trial_figure import plot_trials, write_trials
from gan_zoo.tuning.trial_table import format_trials, median_ranks

TAG = "metric/frechet"
TUNING = Path(__file__).parents[2] / "docs" / "tuning"


def row(loss, recipe, seed, number, health="healthy", **settings):
    cells = {"loss": loss, "recipe": recipe, "seed": str(seed), **settings}
    return cells | {TAG: str(number), "health": health}


def finished(folder, run, **changes):
    """Write the summary of a run, and return its row."""
    summary = {"steps": 10, "steps_asked": 10, "health": "healthy", "seconds": 1.6}
    summary |= {"last": {"metric/frechet_mnist_cnn": 12.5, "metric/precision_mnist_cnn": None}}
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(summary | changes))
    return run_row(run, folder)


def test_row_has_settings_metrics_and_origin(tmp_path):
    run = PlannedRun("gan", "trial-01", 0, ("optimizer.betas=[0.0,0.99]", "n_critic=2"), ())
    assert run_row(run, tmp_path / "missing") is None
    origin = {"git_commit": "abc", "git_dirty": True, "device_name": "H100", "command": "python x"}
    found = finished(tmp_path / "run", run, **origin)
    assert found["git_commit"] == "abc+changes"
    assert found["metric/frechet"] == "12.5"
    assert found["metric/precision"] == ""
    write_rows(tmp_path / "rows.csv", [found])
    (again,) = read_rows(tmp_path / "rows.csv")
    assert again == found
    assert settings_of(again) == list(run.settings)


def test_row_without_git_has_no_commit(tmp_path):
    run = PlannedRun("gan", "trial-01", 0, (), ())
    assert finished(tmp_path / "run", run, git_commit=None)["git_commit"] == ""


def test_csv_stands_for_a_missing_folder(tmp_path):
    path, words = tmp_path / "ring.csv", ("dataset=ring", "device=cpu")
    runs = [PlannedRun(loss, "trial-00", 0, ("n_critic=2",), words) for loss in ("gan", "wgan")]
    command = "python train.py dataset=ring device=cuda loss=gan n_critic=2 seed=0"
    saved = finished(tmp_path / "elsewhere", runs[0], command=command)
    write_rows(path, [saved, {**saved, "loss": "hinge"}])
    assert finished_rows(runs, tmp_path, path) == {runs[0]: saved}
    assert write_results(runs, tmp_path, path) == 1
    assert [each["loss"] for each in read_rows(path)] == ["gan", "hinge"]
    others = [PlannedRun("gan", "trial-00", 0, ("n_critic=3",), words)]
    with pytest.raises(ConfigError, match="n_critic=3: .* has this search with other words"):
        finished_rows(others, tmp_path, path)


def test_rows_of_another_search_are_not_its_trials(tmp_path):
    """A word of the first search that the second lacks makes another search of it."""
    run = PlannedRun("gan", "trial-00", 0, ("n_critic=2",), ("dataset=ring",))
    command = "gan-zoo train dataset=ring batch_size=16 device=cpu loss=gan n_critic=2 seed=0"
    write_rows(tmp_path / "ring.csv", [finished(tmp_path / "elsewhere", run, command=command)])
    line = "batch_size=16: .*ring.csv has this search with this word: delete it, or type this one"
    with pytest.raises(ConfigError, match=line):
        finished_rows([run], tmp_path, tmp_path / "ring.csv")
    again = dataclasses.replace(run, words=("dataset=ring", "batch_size=16"))
    assert finished_rows([again], tmp_path, tmp_path / "ring.csv")


@pytest.mark.parametrize(
    "word",
    [
        *("threads=2", "devices=2", "deterministic=true", "dataset.workers=2", "device=cuda"),
        *("++device=cuda", "compile=true"),
    ],
)
def test_a_search_continues_on_another_machine(tmp_path, word):
    command = "gan-zoo train dataset=ring loss=gan seed=0"
    path = tmp_path / "ring.csv"
    for number, words in enumerate([(), (word,)]):
        run = PlannedRun("gan", "trial-00", 0, (), ("dataset=ring", *words))
        typed = command if words else f"{command} {word}"
        write_rows(path, [finished(tmp_path / str(number), run, command=typed)])
        assert [*finished_rows([run], tmp_path, path)] == [run]
        check_keys(dataclasses.replace(run, seed=100), read_rows(path)[0], path)


@pytest.mark.parametrize("word", ["dataset.alphabet=13579", "dataset.alphabet=A,B"])
def test_quoted_words_are_those_of_the_search(tmp_path, word):
    """Hydra gets them in quotes, and so a run's command has them."""
    typed = [word, "steps=1", "evaluate_every=0", "batch_size=4", "device=cpu"]
    (run,) = read_search("glyphs", typed, ("gan",)).trials(["gan"], 1)
    gan_zoo.train(*run.overrides, folder=tmp_path / run.name)
    assert [*finished_rows([run], tmp_path, tmp_path / "glyphs.csv")] == [run]


@pytest.mark.parametrize("dataset", dataset_names())
def test_published_searches_continue(dataset):
    search = read_search(dataset, [])
    path = TUNING / f"{dataset}.csv"
    assert len(finished_rows(search.trials(search.losses, 20), path, path)) == len(read_rows(path))


def test_fewer_trials_keep_the_rows_of_others(tmp_path):
    runs = [PlannedRun("gan", f"trial-0{number}", 0, (), ("dataset=ring",)) for number in (0, 1)]
    command = "python train.py dataset=ring loss=gan seed=0"
    rows = [finished(tmp_path / run.recipe, run, command=command) for run in runs]
    for name, kept in (("ring", ["trial-00", "trial-01"]), (f"ring{FRESH}", ["trial-00"])):
        path = tmp_path / f"{name}.csv"
        write_rows(path, rows)
        assert write_results(runs[:1], tmp_path / "elsewhere", path) == 1
        assert [each["recipe"] for each in read_rows(path)] == kept


def test_best_trial_is_one_that_did_not_diverge():
    rows = [row("gan", "trial-00", 0, 30), row("gan", "trial-01", 0, 20), row("wgan", "a", 0, 5)]
    rows += [row("gan", "trial-02", 0, 1, health="diverged at step 3"), row("gan", "b", 0, "nan")]
    metric = primary_metric(rows)
    assert [value(each, metric) for each in rows] == [30, 20, 5, None, None]
    best = best_rows(rows)
    assert {loss: each["recipe"] for loss, each in best.items()} == {
        "gan": "trial-01",
        "wgan": "a",
    }


def test_missing_results_are_one_line(tmp_path):
    with pytest.raises(ConfigError, match="run the search first"):
        read_rows(tmp_path / "none.csv")


def test_table_compares_recipes():
    rows = []
    for seed in range(5):
        rows += [row("gan", "paper", seed, 200 + seed, health="collapsed at step 10")]
        rows += [
            row("gan", "default", seed, 50 + seed),
            row("gan", "trial-07", seed, 20 + 2 * seed),
        ]
        rows[-1]["n_critic"] = "2"
    line = format_recipes(rows).splitlines()[-1]
    found = student_interval([20, 22, 24, 26, 28])
    assert line.startswith("| `gan` | 202 [200, 204]; 5 of 5 not healthy | 52 [50, 54] |")
    assert f"**24 [{found.low:.0f}, {found.high:.0f}]**" in line
    assert line.endswith("| `n_critic=2` |")


def test_small_difference_is_not_marked():
    rows = [row("gan", "default", seed, 50 + seed) for seed in range(3)]
    rows += [row("gan", "trial-07", seed, number) for seed, number in enumerate([40, 60, 55])]
    assert "**" not in format_recipes(rows)


def test_table_says_how_many_losses_were_tested():
    rows = [row("gan", "trial-07", seed, 20 + seed % 2) for seed in range(3)]
    rows += [row("gan", "default", seed, 50 + seed) for seed in range(3)]
    rows += [row("wgan", "default", seed, 50 + seed) for seed in range(3)]  # never tuned
    rows += [row(loss, "trial-01", 0, 1) for loss in ("hinge", "lsgan")]
    rows += [row("hinge", "default", 0, 1)]  # of one seed
    assert "Holm's correction for 1 loss, p < 0.05" in format_recipes(rows)


def test_tables_name_their_datasets(tmp_path):
    write_rows(tmp_path / "ring-fresh.csv", [row("gan", "default", 0, 1)])
    trials = [row("gan", f"trial-{n}", 0, n, regularizer="none") for n in (4, 8, 9)]
    trials += [row("wgan", "trial-0", 0, "", health="diverged", regularizer="r1")]
    write_rows(tmp_path / "ring.csv", trials)
    text = format_tables(tmp_path)
    assert "## ring\n" in text
    assert "| `gan` | 4 | 8 | 3 of 3 |\n| `wgan` | diverged | diverged | 0 of 1 |" in text
    assert "| `r1` | diverged |" in text
    assert write_trials(tmp_path, tmp_path / "trials.png")


def test_search_whose_trials_all_diverged_has_a_line_in_the_tables(tmp_path):
    """Such a run is never evaluated, so that its row has no metric."""
    write_rows(tmp_path / "ring.csv", [row("gan", "trial-0", 0, 4), row("gan", "trial-1", 0, 5)])
    health = "diverged at step 3"
    lost = [{"loss": "gan", "recipe": f"trial-{n}", "seed": "0", "health": health} for n in (1, 2)]
    for name in ("grid", f"grid{FRESH}"):
        write_rows(tmp_path / f"{name}.csv", lost)
    line = "no trial has a value: 2 of 2 diverged"
    text = format_tables(tmp_path)
    assert f"## grid\n\n{line}\n\nAll trials of the search:\n\n{line}\n" in text
    assert "| `gan` | 4 |" in text
    assert write_trials(tmp_path, tmp_path / "trials.png")
    empty, _ = plot_trials({"grid": (lost, lost), "ring": ([row("gan", "trial-0", 0, 4)], [])}).axes
    assert [each.get_text() for each in empty.texts] == [line]
    assert best_rows(lost) == {}


def test_typed_regularizer_has_no_table():
    trials = [row("gan", f"trial-{n}", 0, n) for n in (4, 8, 9)]
    assert "regularizer" not in format_trials(trials)


def test_csv_files_of_the_user_are_no_searches(tmp_path):
    write_rows(tmp_path / "ring.csv", [row("gan", "trial-0", 0, 4, regularizer="none")])
    text = format_tables(tmp_path)
    (tmp_path / "notes.csv").write_bytes("day,note\n1,größer\n".encode("latin-1"))
    (tmp_path / "empty.csv").touch()
    (tmp_path / "todo-fresh.csv").write_text("loss,why\ngan,fast\n")
    assert format_tables(tmp_path) == text
    assert write_trials(tmp_path, tmp_path / "trials.png")
    (tmp_path / "ring.csv").unlink()
    assert not write_trials(tmp_path, tmp_path / "trials.png")


def test_ranks_are_as_uncertain_as_the_trials():
    apart = {"gan": {"a": 1.0, "b": 2.0, "c": 3.0}, "wgan": {"a": 4.0, "b": 5.0, "c": math.inf}}
    assert median_ranks(apart) == {"gan": Interval(1, 1), "wgan": Interval(2, 2)}
    mixed = {"gan": {"a": 1.0, "b": 9.0, "c": 5.0}, "wgan": {"a": 2.0, "b": 3.0, "c": 6.0}}
    assert median_ranks(mixed) == {"gan": Interval(1, 2), "wgan": Interval(1, 2)}
    equal = {"gan": mixed["gan"], "f_gan": mixed["gan"]}
    assert median_ranks(equal) == {"gan": Interval(1.5, 1.5), "f_gan": Interval(1.5, 1.5)}


def test_table_of_common_trials_has_ranks():
    trials = [
        row(loss, f"trial-{n}", 0, n + 10 * (loss == "wgan"), regularizer="none")
        for loss in ("gan", "wgan")
        for n in (4, 8, 9)
    ]
    assert "| `gan` | 4 | 8 | 1 to 1 | 3 of 3 |" in format_trials(trials)


def test_figure_has_a_mark_for_each_trial(tmp_path):
    trials = [row("gan", f"trial-{n}", 0, n, regularizer="none") for n in (4, 8, 9)]
    trials += [row("gan", "trial-10", 0, "", health="diverged", regularizer="r1")]
    fresh = [row("gan", "trial-4", seed, 6) for seed in (100, 101)]
    fresh += [row("gan", "trial-4", 102, "", health="diverged")]
    (axes,) = plot_trials({"ring": (trials, [*fresh, row("gan", "paper", 100, 90)])}).axes
    marks = {line.get_marker(): sorted(line.get_xdata()) for line in axes.lines}
    assert marks == {"|": [4, 8, 9], "o": [8.5], "D": [6]}
    assert not write_trials(tmp_path, tmp_path / "trials.png")


def test_tables_of_the_documentation_are_those_of_its_csv_files():
    assert (TUNING / "tables.md").read_text() == format_tables(TUNING)
