"""--help: the text of the configuration files, of those that Hydra would choose."""

import re
from pathlib import Path

import pytest
import yaml
from hydra import compose

from gan_zoo import launch
from gan_zoo.launch.help import help_text, wants_help

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = {
    group: sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))
    for group in ("loss", "dataset", "experiment")
}
LINES = [
    [],
    *([f"{group}={name}"] for group, names in NAMES.items() for name in names),
    ["loss=wgan", "regularizer=r1"],
    ["loss=wgan", "dataset=ring"],
    ["dataset=ring", "architecture=toy_tanh"],
    ["loss=f_gan", "loss/divergence=kl"],
    ["regularizer=r1_r2", "regularizer@regularizer.parts.r1=dragan"],
    *([f"experiment={name}", "loss=wgan", "dataset=ring"] for name in NAMES["experiment"]),
]


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_help_shows_the_chosen_files(words):
    with launch.initialize():
        whole = compose("train", words, return_hydra_config=True)
    choices = {f"{group}={name}" for group, name in whole.hydra.runtime.choices.items()}
    shown = re.findall(r"^# ([\w/@.]+=\w+): ", help_text(words), re.MULTILINE)
    chosen = {choice for choice in choices if not choice.startswith("hydra/")}
    assert sorted(shown) == sorted(chosen - {"experiment=None"})


def test_help_shows_every_key_in_place():
    with launch.initialize():
        ours = compose("train", ["loss=f_gan", "loss/divergence=alpha"])
    settings = help_text(["loss=f_gan", "loss/divergence=alpha"]).partition("always wins.")[2]
    parts = [
        yaml.safe_load(part) or {} for part in re.split(r"^# [\w/]+=\w+: .*$", settings, flags=re.M)
    ]
    shown = [leaf for part in parts for leaf in leaves(part)]
    assert {key for key, _ in shown} == {key for key, _ in leaves(ours)}
    assert ("loss.divergence.alpha", 0.5) in shown


def leaves(node, prefix=""):
    """Keys and values of a mapping of mappings."""
    for key, value in node.items():
        if hasattr(value, "items") and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_help_shows_first_choice_of_sweep():
    assert "# loss=wgan: " in help_text(["-m", "loss=wgan,gan", "seed=0,1", "--help"])


def test_unknown_choice_is_one_line(capsys):
    with pytest.raises(SystemExit) as end, launch.one_line_hydra_errors():
        help_text(["loss=wgna", "--help"])
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: loss=wgna: did you mean wgan?\n"


@pytest.mark.parametrize(
    ("word", "asked"), [("-h", True), ("--help", True), ("--hydra-help", False)]
)
def test_help_options(word, asked):
    assert wants_help(["loss=wgan", word]) is asked
