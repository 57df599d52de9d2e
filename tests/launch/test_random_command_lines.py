"""Any words at all: they train two steps, or end in one line that names a key.

GAN_ZOO_FUZZ=10000 in the environment tries that many command lines instead of a few.
"""

import contextlib
import copy
import functools
import io
import os
import shutil
from pathlib import Path

import pytest
import yaml
from hydra import compose
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from omegaconf import open_dict

from gan_zoo import launch, provenance
from gan_zoo.launch import main as launch_main
from gan_zoo.launch.overrides import as_typed
from gan_zoo.setting_keys import flatten

CONFIGS = Path(__file__).parents[2] / "configs"
GROUPS = ("dataset", "architecture", "loss", "regularizer", "optimizer", "loss/divergence")
EXAMPLES = int(os.environ.get("GAN_ZOO_FUZZ", "60"))
LARGEST = 4096  # of a number that is not only checked but trained with


def settings_of(path, prefix=""):
    content = yaml.safe_load(path.read_text())
    own = {key: value for key, value in content.items() if key not in ("defaults", "hydra")}
    whole_tree = "@package _global_" in path.read_text() or not prefix
    return [key for key, _ in flatten(own, "" if whole_tree else prefix)]


CHOICES = {group: [p.stem for p in sorted((CONFIGS / group).glob("*.yaml"))] for group in GROUPS}
KEYS = sorted(
    {
        *settings_of(CONFIGS / "train.yaml"),
        *(
            key
            for group in GROUPS
            for choice in CHOICES[group]
            for key in settings_of(
                CONFIGS / group / f"{choice}.yaml", f"{group.replace('/', '.')}."
            )
        ),
    }
    # where runs and pictures go, and how long they take
    - {"evaluate_every", "evaluation.cache", "dataset.cache", "sweep", "dataset.download", "resume"}
)
SMALL = st.integers(-3, 12).map(str)
HUGE = st.sampled_from(["2147483648", "-9223372036854775809", "1" + "0" * 30, "1e308", "1e999"])
ODD = st.sampled_from(
    [
        *("nan", "inf", "-inf", "null", "true", "", "''", "[]", "{}", "[1,2", "[1,[2]]", "[null]"),
        *("${seed}", "${nothing}", "${oc.env:HOME}", "???", "[0,0.9]", "a b", "'a=b'", "é"),
        *("{_target_:os.system}", "os.system", "gan_zoo.losses.GAN", "gan_zoo.launch.train"),
        *("../../x", "<script>"),
    ]
)
FLOATS = st.floats(-2, 2).map(str) | st.floats().map(repr)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
VALUES = SMALL | SMALL | FLOATS | HUGE | ODD | TEXT
NAMES = st.sampled_from(KEYS)
TYPOS = st.tuples(NAMES, st.integers(0, 30)).map(lambda k: k[0][: k[1]] + k[0][k[1] + 1 :])
CHOSEN = st.one_of(
    *(st.sampled_from([f"{g}={c}" for c in CHOICES[g]] + [f"{g}=x"]) for g in GROUPS)
)
WORDS = st.one_of(
    st.builds("{}={}".format, NAMES, VALUES),
    st.builds("{}={}".format, NAMES, VALUES),
    st.builds("{}{}={}".format, st.sampled_from(["+", "++", "~", ""]), NAMES | TYPOS, VALUES),
    st.sampled_from(["~", "+", ""]).flatmap(lambda sign: NAMES.map(lambda key: sign + key)),
)
LINES = st.tuples(
    st.sampled_from(["ring", "ring", "grid", "spiral", "glyphs"]),
    st.lists(CHOSEN, max_size=1),  # few enough that composing them can be remembered
    st.lists(WORDS, min_size=1, max_size=6),
)


def affordable(config):
    """Whether two steps with these settings take a moment and a little memory."""
    numbers = [(key, value) for key, value in flatten(launch.to_dict(config)) if "seed" not in key]
    flat = [n for _, v in numbers for n in (v if isinstance(v, list) else [v])]
    return all(abs(n) <= LARGEST for n in flat if isinstance(n, (int, float)))


@functools.cache
def composed(chosen):
    with launch.initialize():
        return compose("train", list(chosen), return_hydra_config=True)


def configuration(words):
    """What Hydra composes of the words, in its two steps; groups are composed once for all."""
    overrides = OverridesParser.create().parse_overrides(words)
    groups = [o for o in overrides if o.key_or_group in GROUPS or o.package]
    config = copy.deepcopy(composed(tuple(o.input_line for o in groups)))
    ConfigLoaderImpl._apply_overrides_to_config([o for o in overrides if o not in groups], config)
    return config


def call(words, folder):
    """What train.py does, without a process of its own: whether it trained, its code, its words."""
    trained = []

    def main():
        launch.check_overrides(words)
        config = configuration(as_typed([f"hydra.run.dir={folder}", *words]))
        launch.PreflightCallback().on_run_start(config)
        folder.mkdir()
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        if affordable(config):
            launch_main.train(config, folder, alone=True)
            trained.append(True)

    stderr, code = io.StringIO(), 0
    with contextlib.redirect_stderr(stderr):
        try:
            with launch.one_line_hydra_errors():
                main()
        except SystemExit as end:
            code = end.code
    return trained, code, stderr.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "run"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES == 60,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(LINES)
def test_random_words_train_or_name_a_key(place, line):
    dataset, chosen, words = line
    base = [f"dataset={dataset}", "dataset.count=64", "batch_size=4", "steps=2", "device=cpu"]
    words = [*base, "evaluate_every=0", *chosen, *words]
    with pytest.MonkeyPatch.context() as patch:
        # what takes time, and is tested elsewhere
        patch.setattr(provenance, "_git", lambda code, patch: {})
        patch.setattr(os, "fsync", lambda file: None)
        trained, code, stderr = call(words, place)
    note(stderr)
    if code == 0:
        assert not trained or (place / "summary.json").exists()
    elif code == 3:
        (only,) = stderr.splitlines()
        assert only.startswith("error: diverged at step ")
        shutil.rmtree(place)
    else:
        assert code == 2
        (only,) = stderr.splitlines()
        assert only.startswith("error: ")
        keys = {part for word in words for part in word.partition("=")[0].strip("+~").split(".")}
        cross = {"architecture", "conditional", "batch_size", "_target_"}
        assert any(key and key in only for key in keys | cross)
        assert not place.exists()
    shutil.rmtree(place, ignore_errors=True)
