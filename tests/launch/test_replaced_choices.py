"""Another choice than an experiment's or a recipe's own does not get the settings of that."""

import pytest
import yaml

from forked_scripts import run_script
from gan_zoo import launch
from gan_zoo.schema import ConfigError
from gan_zoo.setting_keys import flatten

LABELS = ["experiment=mnist_100_labels", "dataset=glyphs"]


@pytest.mark.parametrize(
    ("words", "gone", "kept"),
    [
        (["loss=glsgan", "recipe=paper", "regularizer=r1"], ["regularizer.bound"], []),
        ([*LABELS, "regularizer=none"], ["regularizer.rotation"], ["architecture.critic.width"]),
        ([*LABELS, "architecture=mlp"], ["architecture.critic.width"], ["regularizer.rotation"]),
        (
            ["experiment=mnist_all_labels", "dataset=glyphs", "loss=gan"],
            ["loss.pair_weight"],
            ["architecture.critic.width", "optimizer.generator.lr"],
        ),
    ],
    ids=" ".join,
)
def test_settings_of_the_replaced_choice_are_dropped(words, gone, kept):
    job = launch.compose_run(words)
    (experiment,) = launch.check_jobs([job])
    settings = dict(flatten(experiment.config))
    assert not settings.keys() & set(gone)
    assert settings.keys() >= set(kept)


@pytest.mark.parametrize(
    "words",
    [
        ["loss=glsgan", "recipe=paper", "regularizer=r1", "regularizer.bound=3"],
        [*LABELS, "architecture=mlp", "architecture.critic.width=3"],
    ],
    ids=" ".join,
)
def test_typed_settings_are_not_dropped(words):
    with pytest.raises(ConfigError, match="unknown key") as error:
        launch.check_jobs([launch.compose_run(words)])
    assert str(error.value).startswith(f"{words[-1]}: unknown key")


def test_settings_of_the_choice_in_effect_are_kept():
    words = ["loss=glsgan", "recipe=paper", "regularizer=weight_projection"]
    (experiment,) = launch.check_jobs([launch.compose_run(words)])
    assert experiment.config["regularizer"]["bound"] == 0.08


@pytest.mark.parametrize("stack", ["off", "2"])
def test_runs_of_a_sweep_are_saved_without_them(stack, tmp_path):
    words = ["-m", "loss=glsgan", "recipe=paper", "regularizer=r1,weight_clip", "seed=0,1"]
    words += ["dataset=ring", "dataset.count=200", "steps=2", "evaluate_every=0", "sweep=mine"]
    called = run_script("train.py", *words, f"stack={stack}", "device=cpu", cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    found = {
        path.parents[1].name: yaml.safe_load(path.read_text())["regularizer"].get("bound")
        for path in (tmp_path / "outputs/sweeps/mine").glob("*/.hydra/config.yaml")
    }
    assert found == {
        f"regularizer={name},seed={seed}": bound
        for name, bound in (("r1", None), ("weight_clip", 0.08))
        for seed in range(2)
    }
    again = run_script("train.py", "sweep=mine", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "4 done already" in again.stdout
