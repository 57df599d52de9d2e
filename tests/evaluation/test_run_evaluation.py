"""Evaluations of runs during training, and offline from their checkpoints."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from forked_scripts import run_script
from gan_zoo import checkpoints
from gan_zoo.checkpoints import results_folder
from gan_zoo.data.glyphs import Glyphs
from gan_zoo.evaluation.arguments import parse
from gan_zoo.evaluation.config import MIXTURE, Evaluation
from gan_zoo.evaluation.health import DivergedError
from gan_zoo.evaluation.offline import OfflineEvaluator, load_networks
from gan_zoo.evaluation.periodic import BestCheckpoint
from gan_zoo.evaluation.result import EvalResult
from gan_zoo.evaluation.result_table import format_results
from gan_zoo.sampling import load_sampler
from gan_zoo.schema import ConfigError
from gan_zoo.training.signals import Stopped

RING = ["dataset=ring", "dataset.count=500", "batch_size=16", "device=cpu", "log_every=5"]
EVALUATED = [
    *RING,
    "steps=20",
    "evaluate_every=10",
    "evaluation.num_samples=50",
    "checkpoint_every=10",
]


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def ring(trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ring")
    trained(folder, *EVALUATED)
    return folder


def test_run_is_evaluated_periodically(ring):
    evaluated = [line for line in lines(ring) if "metric/modes" in line]
    assert [line["step"] for line in evaluated] == [10, 20]
    assert {"metric/sliced_wasserstein", "metric/jsd", "critic/auroc"} <= set(evaluated[0])
    assert Image.open(ring / "samples" / "landscape-000020.png").size == (160, 160)


def test_summary_has_health_protocol_and_best(ring):
    summary = json.loads((ring / "summary.json").read_text())
    assert summary["health"].startswith("nothing learned")  # in 20 steps
    assert summary["protocol"]["metric/modes"]["n"] == 50
    critic = summary["protocol"]["critic/auroc"]
    assert (critic["reference"], critic["dataset"]) == ("train", "Ring")
    best = summary["best"]
    values = {
        line["step"]: line.get(best["metric"]) for line in lines(ring) if "metric/jsd" in line
    }
    assert best["metric"] == "metric/sliced_wasserstein"
    assert best["value"] == min(values.values()) == values[best["step"]]
    kept = checkpoints.load(ring / "checkpoints" / "best.pt")
    assert (kept["best"], kept["step"]) == (best, best["step"])


def test_summary_is_written_again_without_an_evaluation(trained, ring, tmp_path):
    folder = shutil.copytree(ring, tmp_path / "run")
    (folder / "summary.json").unlink()  # killed after its last checkpoint
    trained(folder, *EVALUATED)
    before, after = (json.loads((each / "summary.json").read_text()) for each in (ring, folder))
    for key in ("protocol", "yardstick", "best", "health", "last"):
        assert after[key] == before[key]
    assert lines(folder) == lines(ring)


def test_best_checkpoint_is_not_the_newest(ring):
    assert checkpoints.latest_path(ring).name == "00000020.pt"
    checkpoints.prune(ring / "checkpoints", 2)
    assert (ring / "checkpoints" / "best.pt").exists()


def test_evaluation_does_not_change_the_run(trained, tmp_path, ring):
    trained(tmp_path, *EVALUATED, "evaluate_every=0")
    unevaluated, evaluated = (
        [line for line in lines(f) if "loss/critic" in line] for f in (tmp_path, ring)
    )
    losses = [[line["loss/critic"] for line in run] for run in (unevaluated, evaluated)]
    assert losses[0] == losses[1]
    assert not (tmp_path / "checkpoints" / "best.pt").exists()


def test_evaluated_run_loads_its_data_once(trained, tmp_path, monkeypatch):
    load, loaded = Glyphs.load, []

    def counted(self, split="train"):
        loaded.append(split)
        return load(self, split)

    monkeypatch.setattr(Glyphs, "load", counted)
    words = [
        "dataset.count=200",
        "batch_size=8",
        "steps=2",
        "evaluate_every=2",
        "evaluation.num_samples=20",
    ]
    trained(tmp_path / "run", *words, "device=cpu", f"evaluation.cache={tmp_path}")
    assert sorted(loaded) == ["test", "train"]


def test_run_is_evaluated_at_its_end(trained, tmp_path):
    trained(
        tmp_path / "short", *RING, "steps=5", "evaluate_every=2000", "evaluation.num_samples=50"
    )
    assert [line["step"] for line in lines(tmp_path / "short") if "metric/modes" in line] == [5]
    summary = trained(tmp_path / "never", *RING, "steps=5", "evaluate_every=0")
    assert not any("metric/modes" in line for line in lines(tmp_path / "never"))
    assert summary["health"] == "healthy"
    assert "best" not in summary


def test_wrong_metric_is_refused_before_training(trained, tmp_path):
    with pytest.raises(ConfigError, match="metrics=frechet"):
        trained(tmp_path, *EVALUATED, "evaluation.metrics=[frechet]")
    assert not list(tmp_path.iterdir())


DIVERGING = ["recipe=paper", "steps=400", "optimizer.lr=10", "checkpoint_every=7"]


def test_diverged_run_stops_with_its_status(trained, tmp_path):
    summary = trained(tmp_path, *RING, *DIVERGING)
    assert summary["health"].startswith("diverged at step ")
    assert summary["steps"] < 400
    for path in (tmp_path / "checkpoints").glob("*.pt"):
        state = checkpoints.load(path)["generator"]
        assert all(tensor.isfinite().all() for tensor in state.values())


def test_collapsed_run_has_its_status(trained, tmp_path):
    # a generator that never learns keeps its small initial weights: all samples in one place
    still = ["optimizer.generator.lr=1e-12", "dataset.radius=500", "evaluate_every=0"]
    large = ["dataset.count=6400", "batch_size=6400"]  # collapse statistics at every reading
    summary = trained(tmp_path, *RING, *large, "steps=40", *still)
    assert summary["health"] == "collapsed at step 5"


def test_collapse_stats_cost_little_of_training(trained, tmp_path):
    often = [*RING, "log_every=1", "batch_size=800", "n_critic=3", "dataset.count=800"]
    for steps in (30, 45):  # the second resumes the first
        trained(tmp_path, *often, f"steps={steps}")
    taken = [line["step"] for line in lines(tmp_path) if "health/distance_ratio" in line]
    assert taken == [1, 21, 41]  # 128 samples after 20 steps that made 4 x 800 each


def test_best_checkpoint_in_either_direction_and_resumed(tmp_path):
    high = BestCheckpoint(tmp_path, "metric/coverage")
    assert [high.update(i, value, dict) for i, value in enumerate([0.2, 0.1, 0.4])] == [1, 0, 1]
    again = BestCheckpoint(tmp_path, "metric/coverage")
    assert again.record == {"metric": "metric/coverage", "value": 0.4, "step": 2}
    assert not again.update(3, 0.3, dict)
    assert not again.update(3, float("nan"), dict)
    assert BestCheckpoint(tmp_path, "metric/coverage", 2).record == again.record
    assert not BestCheckpoint(tmp_path, "metric/coverage", 1).record  # resumed from before
    other = BestCheckpoint(tmp_path, "metric/jsd")
    assert other.update(4, 0.6, dict)


def test_best_values_that_were_measured_otherwise_do_not_compare(trained, tmp_path, caplog):
    caplog.set_level("INFO")
    words = ["dataset=ring", "batch_size=8", "device=cpu", "dataset.count=100", "evaluate_every=2"]
    first = trained(tmp_path, *words, "steps=2", "evaluation.num_samples=200")["best"]
    assert (first["num_samples"], first["seed"]) == (200, 0)
    path = tmp_path / "checkpoints/best.pt"
    content = checkpoints.read(path)
    checkpoints.save(path, {**content, "best": {**first, "value": 0.0}})  # none is better
    same = trained(tmp_path, *words, "steps=4", "evaluation.num_samples=200")["best"]
    assert same == {**first, "value": 0.0}
    other = trained(tmp_path, *words, "steps=6", "evaluation.num_samples=20")["best"]
    assert (other["num_samples"], other["step"]) == (20, 6)
    assert f"{path}: measured with num_samples=200; the next evaluation replaces it" in caplog.text


def offline(*words: str) -> OfflineEvaluator:
    return OfflineEvaluator(parse(words))


def test_offline_evaluation_needs_only_the_checkpoint(ring):
    runs = offline(str(ring), "num_samples=100", "metrics=all", "seed=3")
    found = runs.evaluate(ring)
    written = json.loads((ring / "evaluation.json").read_text())
    assert written["step"] == 20
    assert (
        written["metrics"]["metric/sliced_wasserstein"]
        == found.numbers["metric/sliced_wasserstein"]
    )
    assert set(written["protocol"]) == set(written["metrics"])
    assert written["protocol"]["metric/modes"]["seed"] == 3
    assert sum(written["histograms"]["critic/score_real"]) == pytest.approx(1)
    assert (ring / "evaluation" / "landscape.png").exists()


def test_place_of_files_is_not_used_for_data_without_files(ring, caplog):
    offline(str(ring), "num_samples=100", "metrics=modes", "dataset.root=nowhere").evaluate(ring)
    assert "dataset.root=nowhere: not used" in caplog.text


def evaluated(run: Path, *words: str) -> dict:
    offline(str(run), *words).evaluate(run)
    return json.loads((run / "evaluation.json").read_text())


def test_narrower_evaluation_keeps_other_numbers(ring, tmp_path, monkeypatch):
    content = checkpoints.load(checkpoints.latest_path(ring))
    path = tmp_path / "checkpoints" / "00000020.pt"
    checkpoints.save(path, content)
    first = evaluated(tmp_path, "num_samples=100")
    both = evaluated(tmp_path, "num_samples=50", "metrics=modes")
    assert both["metrics"].keys() == first["metrics"].keys()
    sizes = {tag: both["protocol"][tag]["n"] for tag in ("metric/jsd", "metric/modes")}
    assert sizes == {"metric/jsd": 100, "metric/modes": 50}
    assert both["metrics"]["metric/jsd"] == first["metrics"]["metric/jsd"]
    assert both["yardstick"]["metric/jsd"] == first["yardstick"]["metric/jsd"]
    no_yardsticks = lambda *_: {}  # noqa: E731 - as of too many samples
    monkeypatch.setattr("gan_zoo.evaluation.evaluator.load_yardsticks", no_yardsticks)
    more = evaluated(tmp_path, "num_samples=60", "metrics=modes")
    assert "metric/modes" not in more["yardstick"]
    assert "metric/jsd" in more["yardstick"]
    content["ema"] = {name: value / 2 for name, value in content["ema"].items()}
    checkpoints.save(path, content)  # another run, of the same step
    assert "metric/jsd" not in evaluated(tmp_path, "metrics=modes")["metrics"]


def test_same_seed_gives_the_same_metrics(ring):
    first, second = (offline(str(ring), "num_samples=50").evaluate(ring).numbers for _ in range(2))
    assert first == second
    other = offline(str(ring), "num_samples=50", "seed=1").evaluate(ring).numbers
    assert other["metric/sliced_wasserstein"] != first["metric/sliced_wasserstein"]


def test_averaged_generator_is_evaluated(ring):
    content = checkpoints.load(checkpoints.latest_path(ring))
    generator, _, _ = load_networks(content, torch.device("cpu"))
    assert torch.equal(next(generator.parameters()), next(iter(content["ema"].values())))


def test_nonfinite_samples_are_refused(ring, tmp_path):
    content = checkpoints.load(checkpoints.latest_path(ring))
    content["ema"] = {name: t * float("nan") for name, t in content["ema"].items()}
    checkpoints.save(tmp_path / "checkpoints" / "00000020.pt", content)
    with pytest.raises(DivergedError, match="samples is nan"):
        offline(str(tmp_path), "num_samples=20").evaluate(tmp_path)


def test_images_are_evaluated_from_a_checkpoint(trained, tmp_path, brief):
    small = ["dataset.count=200", "dataset.size=16", "batch_size=16", "device=cpu", "steps=2"]
    trained(tmp_path / "run", "conditional=true", *small)
    cache = f"cache={tmp_path / 'cache'}"
    found = offline(str(tmp_path / "run"), "num_samples=40", cache).evaluate(tmp_path / "run")
    tags = set(found.numbers)
    assert {"metric/frechet_glyphs_cnn", "metric/label_accuracy_glyphs_cnn"} <= tags
    assert (tmp_path / "run" / "evaluation" / "nearest.png").exists()


def test_classifier_from_few_labels_is_evaluated(trained, tmp_path, brief):
    run, cache = tmp_path / "run", tmp_path / "cache"
    # so few steps teach the critic its classes with the paper's recipe only
    few = ["loss=cls_gan", "dataset.labels_per_class=20", "dataset.count=600", "dataset.size=16"]
    few += ["recipe=paper"]
    evaluation = ["evaluate_every=60", "evaluation.metrics=[classes]", "evaluation.num_samples=40"]
    trained(run, *few, "steps=120", "device=cpu", *evaluation, f"evaluation.cache={cache}")
    errors = [line.get("metric/classification_error") for line in lines(run)]
    evaluated = [error for error in errors if error is not None]
    assert len(evaluated) == 2
    assert evaluated[1] < 0.4  # guessing: 0.9
    found = offline(str(run), "num_samples=40", "metrics=classes", f"cache={cache}").evaluate(run)
    assert found.numbers["metric/classification_error"] == evaluated[1]
    shares = {tag: value for tag, value in found.numbers.items() if tag.startswith("metric/")}
    assert {tag: lines(run)[-1][tag] for tag in shares} == shares  # of the same labels
    assert found.protocols["metric/classification_error"]["reference"] == "test"
    content = checkpoints.load(checkpoints.latest_path(run))
    assert content["ema_critic"].keys() == content["critic"].keys()
    _, critic, classifier = load_networks(content, torch.device("cpu"))
    assert not torch.equal(next(critic.parameters()), next(classifier.parameters()))


def test_damaged_newest_checkpoint_falls_back(ring, tmp_path, caplog):
    folder = tmp_path / "run" / "checkpoints"
    checkpoints.save(folder / "00000010.pt", checkpoints.load(ring / "checkpoints/00000020.pt"))
    (folder / "00000020.pt").write_bytes(b"damaged")
    offline(str(tmp_path / "run"), "num_samples=20").evaluate(tmp_path / "run")
    written = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert written["checkpoint"] == "00000010.pt"
    assert load_sampler(tmp_path / "run").step == 20  # as the saved state has it
    assert len(caplog.records) == 2
    assert all("falling back to the previous" in record.message for record in caplog.records)
    for source in (folder / "00000020.pt", tmp_path / "none"):
        with pytest.raises(ConfigError):  # a named checkpoint has no other
            load_sampler(source)


def test_each_protocol_has_its_own_table():
    found = {}
    for name, n in (("a", 10), ("b", 10), ("c", 20)):
        protocols = {"metric/x": {"n": n}}
        found[Path(name)] = EvalResult({"metric/x": float(n)}, protocols=protocols)
    first, second = format_results(found).split("\n\n")
    assert first.splitlines()[:3] == ["protocol: n 10", "  [1] a", "  [2] b"]
    assert first.split()[-3:] == ["metric/x", "10", "10"]
    assert second.splitlines()[:2] == ["protocol: n 20", "  [1] c"]
    assert second.split()[-2:] == ["metric/x", "20"]


def test_folder_of_a_sweep_means_its_runs(tmp_path):
    for name in ("seed=0", "seed=1"):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        (tmp_path / name / "checkpoints" / "00000001.pt").touch()
    (tmp_path / "report").mkdir()
    (tmp_path / "failed" / "checkpoints").mkdir(parents=True)
    assert parse([str(tmp_path)]).runs == (tmp_path / "seed=0", tmp_path / "seed=1")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/run").symlink_to(tmp_path / "seed=1")
    assert parse([str(tmp_path / "linked")]).runs == (tmp_path / "linked/run",)
    assert parse([str(tmp_path / "seed=1")]).runs == (tmp_path / "seed=1",)
    assert parse([str(tmp_path / "report")]).runs == (tmp_path / "report",)


def test_parse_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed=0").mkdir()
    found = parse(["./seed=0", "seed=4", "metrics=[modes,transport]"])
    assert found.runs == (Path("./seed=0"),)
    assert found.settings == Evaluation(seed=4, metrics=("modes", "transport"))
    with pytest.raises(ConfigError, match="num_samples=many"):
        parse(["./seed=0", "num_samples=many"])
    with pytest.raises(ConfigError, match="cache=None: must be the path of a file or folder"):
        parse(["./seed=0", "cache=null"])
    with pytest.raises(ConfigError, match="does not exist"):
        parse(["nowhere"])
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "config.yaml").touch()
    with pytest.raises(ConfigError, match="9.pt: does not exist; name the run's folder, run"):
        parse(["run/checkpoints/9.pt"])
    with pytest.raises(ConfigError, match="num_sample=9: is neither .* did you mean num_samples"):
        parse(["./seed=0", "num_sample=9"])
    with pytest.raises(ConfigError, match="run=runs/x=9: does not exist"):
        parse(["runs/x=9"])
    with pytest.raises(ConfigError, match="name at least one"):
        parse(["num_samples=10"])
    with pytest.raises(ConfigError, match=r"seed=0: is a setting here; type \./seed=0"):
        parse(["seed=0", "num_samples=10"])
    for word in ("--num-samples=9", "--num_samples"):
        with pytest.raises(ConfigError, match="have no dashes: type num_samples="):
            parse(["./seed=0", word])


def with_classes(root, names, shade=0):
    for i, name in enumerate(names):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(20):
            pixels = np.full((16, 16), 40 * i + number + shade, np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def test_changed_data_is_noticed_and_other_classes_are_refused(
    trained, tmp_path, brief, caplog, monkeypatch
):
    root = with_classes(tmp_path / "photos", "abc")
    files = ["dataset=image_folder", f"dataset.root={root}", "dataset.size=16", "batch_size=8"]
    files += [f"dataset.cache={tmp_path / 'cache'}", "dataset.channels=1", "device=cpu"]
    run = tmp_path / "run"
    trained(run, *files, "steps=1", "conditional=true")
    words = (str(run), "num_samples=20", "metrics=frechet", f"cache={tmp_path / 'cache'}")
    offline(*words).evaluate(run)
    assert "other data" not in caplog.text
    moved = root.rename(tmp_path / "moved")
    with pytest.raises(ConfigError, match=r"photos: does not exist here; type dataset\.root=PATH"):
        offline(*words).evaluate(run)
    offline(*words, f"dataset.root={moved}").evaluate(run)
    assert "other data" not in caplog.text
    with_classes(moved, "abc", shade=1)
    offline(*words, f"dataset.root={moved}").evaluate(run)
    assert f"dataset.root={moved}: contains other data" in caplog.text
    with_classes(moved, ["aa"])
    message = r"has 4 classes \(a, aa, b, c\), the run was trained on 3 \(a, b, c\)"
    with pytest.raises(ConfigError, match=message):
        offline(*words, f"dataset.root={moved}").evaluate(run)


def test_results_are_in_the_folder_of_the_run_or_of_the_file(ring, tmp_path, monkeypatch):
    run = shutil.copytree(ring, tmp_path / "run")
    alone = tmp_path / "downloads/model.pt"
    alone.parent.mkdir()
    shutil.copy(run / "checkpoints/00000020.pt", alone)
    monkeypatch.chdir(run / "checkpoints")
    for path, folder in (("00000020.pt", run), (alone, alone.parent), (run, run)):
        offline(str(path), "num_samples=20").evaluate(Path(path))
        (folder / "evaluation.json").unlink()
        assert not list(tmp_path.glob("*.json"))
        assert results_folder(Path(path)).resolve() == folder


def test_files_in_one_folder_have_results_of_their_own(ring, tmp_path):
    files = [tmp_path / "keep" / name for name in ("model1.pt", "model2.pt")]
    files[0].parent.mkdir()
    for number, path in enumerate(files):
        content = checkpoints.load(ring / "checkpoints/00000020.pt")
        checkpoints.save(path, {**content, "step": number})
        offline(str(path), "num_samples=20").evaluate(path)
    offline(str(files[0]), "num_samples=20").evaluate(files[0])
    steps = {path.name: json.loads(path.read_text())["step"] for path in tmp_path.glob("*/*.json")}
    assert steps["evaluation-model1.json"] == 0
    assert steps["evaluation-model2.json"] == 1


def test_results_of_the_best_checkpoint_do_not_stand_for_the_run(ring, tmp_path):
    run = shutil.copytree(ring, tmp_path / "run")
    older = run / "checkpoints/00000010.pt"
    checkpoints.save(older, {**checkpoints.load(run / "checkpoints/00000020.pt"), "step": 10})
    shutil.copy(older, run / "checkpoints/best.pt")
    for name in ("00000020", "00000010", "best"):
        path = run / f"checkpoints/{name}.pt"
        offline(str(path), "num_samples=20").evaluate(path)
    steps = {file.name: json.loads(file.read_text())["step"] for file in run.glob("eval*.json")}
    wanted = {"evaluation.json": 20, "evaluation-00000010.json": 10, "evaluation-best.json": 10}
    assert steps == wanted


def test_other_networks_are_one_line(ring, tmp_path):
    content = checkpoints.load(ring / "checkpoints/00000020.pt")
    for name, changed in (("a", {"ema": {}}), ("b", {"critic": {}})):
        checkpoints.save(tmp_path / f"{name}.pt", {**content, **changed})
    ran = run_script("scripts/evaluate.py", tmp_path / "a.pt", tmp_path / "b.pt", ring)
    assert ran.returncode == 2
    assert ran.stderr.count("the state of step 20 does not fit the settings") == 2
    assert "metric/modes" in ran.stdout
    with pytest.raises(ConfigError, match="checkpoint=.*a.pt: the state of step 20 does not fit"):
        load_sampler(tmp_path / "a.pt")


def test_run_with_only_its_best_checkpoint_says_what_to_name(ring, tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    shutil.copy(ring / "checkpoints/00000020.pt", folder / "best.pt")
    with pytest.raises(ConfigError, match="no other checkpoint than .*best.pt: name that file"):
        load_sampler(tmp_path)
    assert load_sampler(folder / "best.pt").step == 20


def test_script_evaluates_valid_runs_and_names_others(ring, tmp_path):
    (tmp_path / "empty").mkdir()
    ran = run_script("scripts/evaluate.py", ring, tmp_path / "empty", "num_samples=50")
    assert ran.returncode == 2
    assert "metric/modes" in ran.stdout
    warning = [line for line in ran.stderr.splitlines() if line.startswith("error")]
    assert len(warning) == 1
    assert "holds no checkpoint" in warning[0]


def pictures(folder: Path, count: int, test: int, shape=(16, 16), test_shape=None, **more) -> str:
    """An .npz file of noise with a test split; its path as a setting."""
    rng = np.random.default_rng(0)
    x, x_test = (
        rng.integers(0, 256, (n, *s), dtype=np.uint8)
        for n, s in ((count, shape), (test, test_shape or shape))
    )
    np.savez(folder / "data.npz", x=x, x_test=x_test, **more)
    return f"dataset.root={folder / 'data.npz'}"


NPZ = ["dataset=npz", "batch_size=8", "steps=4", "evaluate_every=2", "evaluation.num_samples=12"]
NPZ += ["device=cpu", "log_every=2"]


@pytest.mark.parametrize(("test", "skipped"), [(5, "manifold"), (1, "frechet")])
def test_groups_that_need_more_images_are_skipped(trained, tmp_path, brief, caplog, test, skipped):
    words = [*NPZ, pictures(tmp_path, 40, test), f"evaluation.cache={tmp_path}/cache"]
    trained(tmp_path / "run", *words)
    (warning,) = [r.message for r in caplog.records if r.message.startswith("evaluation")]
    assert f"there are {test}" in warning
    assert skipped in warning
    assert "raise dataset.test_share" in warning
    tags = {tag for line in lines(tmp_path / "run") for tag in line}
    assert ("metric/frechet_npz_rotation" in tags) == (test > 1)
    assert "metric/precision_npz_rotation" not in tags


@pytest.mark.parametrize(
    ("data", "words", "message"),
    [
        ({"test": 5}, ["metrics=[manifold]"], "metrics=manifold: needs at least 6 test images"),
        ({"test": 9, "shape": (8, 16)}, ["metrics=[frechet]"], "neither labeled nor square"),
        ({"test": 9}, ["metrics=[classes]"], "metrics=classes: needs labeled images"),
        ({"test": 9, "test_shape": (16, 8)}, [], "images are 1x16x16 and test images 1x16x8"),
        ({"test": 9}, ["monitor=modes"], "evaluation.monitor=modes: "),
        ({"test": 9}, ["monitor=critic/auroc"], "evaluation.monitor=critic/auroc: "),
        (
            {"test": 9},
            ["metrics=[nearest]", "monitor=nearest_ratio"],
            "evaluation.monitor=nearest_ratio",
        ),
        ({"test": 9}, ["metrics=[]"], "evaluation.metrics=[]: names nothing to measure"),
        ({"test": 9}, ["metrics=[[1]]"], "evaluation.metrics"),
        ({"test": 9}, ["num_samples=1"], "evaluation.num_samples=1: must be at least 10"),
    ],
)
def test_requirements_are_checked_before_training(trained, tmp_path, data, words, message):
    given = [*NPZ, pictures(tmp_path, 40, **data), *(f"evaluation.{word}" for word in words)]
    with pytest.raises(ConfigError) as refused:
        trained(tmp_path / "run", *given)
    assert message in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_unlabeled_nonsquare_images_train_unevaluated(trained, tmp_path, caplog):
    trained(tmp_path / "run", *NPZ, pictures(tmp_path, 40, 9, (8, 16)))
    (warning,) = [r.message for r in caplog.records if r.message.startswith("evaluation")]
    assert "nothing is evaluated" in warning
    assert "label the images or make them square" in warning


def test_data_of_another_shape_is_refused_offline(trained, tmp_path):
    trained(tmp_path / "run", *NPZ, pictures(tmp_path, 40, 9), "evaluate_every=0")
    pictures(tmp_path, 40, 9, (8, 8))
    with pytest.raises(ConfigError, match=r"has samples of \(1, 8, 8\), the run generates"):
        offline(str(tmp_path / "run"), "num_samples=12").evaluate(tmp_path / "run")


def test_nearest_alone_keeps_no_best_checkpoint(trained, tmp_path, brief):
    words = [*NPZ, pictures(tmp_path, 40, 9), "evaluation.metrics=nearest"]
    summary = trained(tmp_path / "run", *words, f"evaluation.cache={tmp_path}/cache")
    assert "metric/nearest_ratio_npz_rotation" in summary["last"]
    assert "best" not in summary
    assert not (tmp_path / "run" / "checkpoints" / "best.pt").exists()


def test_run_without_test_samples_trains_and_warns(trained, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(Glyphs, "has_test", lambda self: False)
    words = ["dataset.count=50", "batch_size=8", "steps=2", "evaluate_every=2", "device=cpu"]
    trained(tmp_path, *words)
    assert caplog.text.count("nothing is evaluated: the dataset holds no test samples") == 1
    with pytest.raises(ConfigError, match="^dataset=Glyphs: holds out no samples to compare"):
        offline(str(tmp_path)).evaluate(tmp_path)
    monkeypatch.setattr(Glyphs, "test_share", 0.01, raising=False)
    with pytest.raises(ConfigError, match=r"^dataset.test_share=0\.01: holds out no samples"):
        offline(str(tmp_path)).evaluate(tmp_path)


def test_declared_tags_are_measured(ring):
    found = offline(str(ring), "num_samples=50").evaluate(ring)
    declared = {tag for group in MIXTURE.tags.values() for tag in group}
    assert {tag for tag in found.numbers if tag.startswith("metric/")} == declared


@pytest.mark.parametrize("error", [RuntimeError("oh"), KeyboardInterrupt(), MemoryError()])
def test_failed_evaluation_loses_nothing(trained, tmp_path, monkeypatch, error):
    whole = [*EVALUATED, "steps=25", "checkpoint_every=1000"]
    trained(tmp_path / "one", *whole)

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("gan_zoo.evaluation.evaluator.generate_fakes", fail)
        with pytest.raises((type(error), Stopped)):
            trained(tmp_path / "two", *whole)
    assert checkpoints.latest_path(tmp_path / "two").name == "00000010.pt"
    trained(tmp_path / "two", *whole)
    one, two = ([timeless(line) for line in lines(tmp_path / name)] for name in ("one", "two"))
    assert one == two


def test_resumed_run_evaluates_each_step_once(trained, tmp_path):
    trained(tmp_path / "one", *EVALUATED, "steps=20", "checkpoint_every=1000")
    trained(tmp_path / "two", *EVALUATED, "steps=10", "checkpoint_every=1000")  # regular
    trained(tmp_path / "two", *EVALUATED, "steps=15", "checkpoint_every=1000")  # only at its end
    trained(tmp_path / "two", *EVALUATED, "steps=20", "checkpoint_every=1000")
    one, two = ([timeless(line) for line in lines(tmp_path / name)] for name in ("one", "two"))
    assert one == two


def timeless(line: dict) -> dict:
    return {name: value for name, value in line.items() if not name.startswith("perf/")}


@pytest.mark.parametrize(("count", "warns"), [(999, True), (1000, False)])
def test_few_samples_are_one_warning(ring, count, warns):
    ran = run_script("scripts/evaluate.py", ring, f"num_samples={count}", "metrics=modes")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("num_samples=999 is few: ") == warns


@pytest.mark.parametrize(("modes", "share"), [(8, 1 / 8), (1, 1)])
def test_an_evaluation_knows_the_largest_real_share(modes, share, trained, tmp_path):
    trained(tmp_path, *RING, f"dataset.modes={modes}", "steps=1")
    result = offline(str(tmp_path), "num_samples=20", "metrics=modes").evaluate(tmp_path)
    assert result.real_share == pytest.approx(share)
