"""Runs copied into an MLflow store: once, and only what is new."""

import json
import shutil

import pytest

from gan_zoo.commands.export import main
from report_folders import METRIC, draw_grid, write_run, write_sweep

client_of = pytest.importorskip("mlflow", reason="needs the extra mlflow").MlflowClient


@pytest.fixture
def export(tmp_path, monkeypatch, capsys):
    """A function that exports a folder; it returns printed lines, the store, and its runs."""
    uri = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.chdir(tmp_path)  # MLflow keeps artifacts in the current folder

    def call(folder, *words):
        given = ["export.py", "--mlflow", "--uri", uri, str(folder), *words]
        monkeypatch.setattr("sys.argv", given)
        main()
        client = client_of(tracking_uri=uri)
        places = [each.experiment_id for each in client.search_experiments()]
        return capsys.readouterr().out.splitlines(), client, client.search_runs(places)

    return call


def start(folder):
    (folder / "events.out.tfevents.1700000000.host.1.0").touch()


def test_second_export_adds_nothing(tmp_path, export):
    sweep = write_sweep(tmp_path / "losses", {"gan": [3.0, 4.0], "wgan": [1.0, 2.0]})
    lines, client, first = export(sweep)
    assert sorted(each.info.run_name for each in first) == sorted(p.name for p in sweep.iterdir())
    assert lines[-1].startswith("4 runs: 4 added")
    lines, client, second = export(sweep)
    assert lines[-1].startswith("4 runs: 4 unchanged")
    assert len(second) == 4
    run = next(each for each in second if each.info.run_name == "loss=wgan,seed=1")
    assert client.get_experiment(run.info.experiment_id).name == "losses"
    history = client.get_metric_history(run.info.run_id, METRIC)
    assert [(each.step, each.value) for each in history] == [(100, 7.0), (200, 2.0)]
    assert (run.data.params["loss"], run.data.params["seed"]) == ("wgan", "1")
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["summary.json"]


def test_longer_run_is_extended_in_a_moved_folder(tmp_path, export):
    folder = write_run(tmp_path / "a" / "run", [5.0], summary={"health": "healthy"})
    start(folder)
    _, _, (before,) = export(folder, "--experiment", "mine")
    assert before.info.start_time == 1_700_000_000_000
    with (folder / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps({"step": 200, METRIC: 4.0}) + "\n")
    moved = folder.rename(tmp_path / "moved")
    lines, client, (run,) = export(moved, "--experiment", "mine")
    assert run.info.run_id == before.info.run_id
    assert lines[0].split() == ["extended", "moved"]
    history = client.get_metric_history(run.info.run_id, METRIC)
    assert [(each.step, each.value) for each in history] == [(100, 5.0), (200, 4.0)]


def test_renamed_sweep_adds_nothing(tmp_path, export):
    sweep = write_sweep(tmp_path / "draft", {"gan": [3.0, 4.0]})
    for number, folder in enumerate(sorted(sweep.iterdir())):
        (folder / f"events.out.tfevents.170000000{number}.host.1.0").touch()
    export(sweep)
    renamed = sweep.rename(tmp_path / "final")
    lines, client, runs = export(renamed)
    assert (lines[-1][:19], len(runs)) == ("2 runs: 2 unchanged", 2)
    assert {client.get_experiment(each.info.experiment_id).name for each in runs} == {"draft"}
    lines, _, runs = export(renamed, "--experiment", "other")  # as its name says
    assert (lines[-1][:15], len(runs)) == ("2 runs: 2 added", 4)


@pytest.mark.parametrize(
    ("summary", "status"),
    [({"health": "healthy"}, "FINISHED"), ({"health": "diverged at step 3"}, "FAILED")],
)
def test_status_follows_the_health(tmp_path, export, summary, status):
    _, _, (run,) = export(write_run(tmp_path / "run", [5.0, None], summary=summary))
    assert run.info.status == status
    assert run.data.metrics[METRIC] == 5.0  # null is not logged


def test_unfinished_run_is_killed(tmp_path, export):
    folder = write_run(tmp_path / "run", [5.0])
    (folder / "summary.json").unlink()
    _, _, (run,) = export(folder)
    assert run.info.status == "KILLED"


def test_what_comes_later_at_the_last_step_is_added(tmp_path, export):
    folder = write_run(tmp_path / "run", [5.0], summary={"health": "healthy"})
    start(folder)
    whole, summary = (folder / name for name in ("metrics.jsonl", "summary.json"))
    values, ended = json.loads(whole.read_text()), summary.read_text()
    whole.write_text(json.dumps({"step": values["step"], "loss/critic": 0.5}) + "\n")
    summary.unlink()
    export(folder)  # during the last evaluation
    with whole.open("a") as lines:
        lines.write(json.dumps(values) + "\n")
    summary.write_text(ended)
    lines, client, (run,) = export(folder)
    assert lines[0].split() == ["extended", "run"]
    assert run.data.metrics[METRIC] == 5.0
    assert len(client.get_metric_history(run.info.run_id, "loss/critic")) == 1
    assert (run.info.status, run.data.tags["gan_zoo.health"]) == ("FINISHED", "healthy")
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["summary.json"]
    assert export(folder)[0][0].split() == ["unchanged", "run"]


def test_wrong_store_is_one_line(tmp_path, monkeypatch, capsys):
    folder = write_run(tmp_path / "run", [5.0])
    monkeypatch.setattr("sys.argv", ["export.py", "--mlflow", str(folder), "--uri", "nonsense://x"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --uri=nonsense://x: ")


def test_copy_that_was_trained_further_is_another_run(tmp_path, export):
    folder = write_run(tmp_path / "all" / "run", [5.0])
    start(folder)
    export(folder.parent)
    copy = shutil.copytree(folder, folder.with_name("copy"))
    with (copy / "metrics.jsonl").open("a") as lines:
        lines.write(json.dumps({"step": 200, METRIC: 4.0}) + "\n")
    lines, _, runs = export(folder.parent)
    assert [line.split() for line in lines[:2]] == [["added", "copy"], ["unchanged", "run"]]
    found = {each.info.run_name: each.data.metrics[METRIC] for each in runs}
    assert found == {"run": 5.0, "copy": 4.0}
    assert export(folder.parent)[0][-1].startswith("2 runs: 2 unchanged")


def test_artifacts_below_a_sweep_are_no_runs(tmp_path, export):
    sweep = write_sweep(tmp_path / "losses", {"gan": [3.0]})
    artifacts = sweep / "mlruns/1/abc/artifacts"
    artifacts.mkdir(parents=True)
    (artifacts / "summary.json").write_text("{}")
    assert export(sweep)[0][-1].startswith("1 run: 1 added")


def test_deleted_experiment_is_one_line(tmp_path, export, capsys):
    folder = write_run(tmp_path / "all" / "run", [5.0])
    _, client, (run,) = export(folder)
    client.delete_experiment(run.info.experiment_id)
    with pytest.raises(SystemExit, match="2"):
        export(folder)
    assert "error: --experiment=all: was deleted: restore it" in capsys.readouterr().err


def test_newest_samples_are_those_of_the_highest_step(tmp_path, export):
    folder = write_run(tmp_path / "run", [5.0])
    for name in ("999999", "1000000"):
        draw_grid(folder, 1, name=name)
    _, client, (run,) = export(folder)
    found = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert found == {"1000000.png", "summary.json"}


def test_nested_runs_are_named_by_their_sweep(tmp_path, export):
    sweep = tmp_path / "mine"
    write_run(sweep / "loss/divergence=kl", [5.0])
    (sweep / "multirun.yaml").touch()
    _, client, (run,) = export(sweep)
    assert client.get_experiment(run.info.experiment_id).name == "mine"
    assert run.info.run_name == "loss/divergence=kl"
