"""Overrides on the command line: paths as typed, and suggestions for mistakes."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_zoo.command_line import from_here, given_path
from gan_zoo.launch import main as launch_main
from gan_zoo.launch.command_options import checked
from gan_zoo.launch.help import help_text
from gan_zoo.launch.job_folders import folder_name
from gan_zoo.launch.overrides import as_typed, parsed

ROOT = Path(__file__).parents[2]
PATHS = [
    *(
        "outputs/sweeps/S/seed=0",
        "Müller",
        "a (1)",
        "it's",
        "a,b",
        "$x",
        "{",
        "[",
        "a\\",
        "\\(",
        "#1",
    ),
    *("😀", "50%", " a", "007", "1e3", "true", "a: b", "'", '"a" b', "choice(a,b)", "/a/=b.pt"),
]
TEXT = st.text("ab/.~'\"\\,=()[]{}:;$% \tü😀#@!?*&|<>`0e-", min_size=1, max_size=12)


def values(*words):
    """The values of the last word, one for each job."""
    override = parsed(as_typed(words)[-1])
    texts = override.sweep_string_iterator() if override.is_sweep_override() else None
    return [parsed(f"x={text}").value() for text in texts] if texts else [override.value()]


@pytest.mark.parametrize("key", ["dataset.root", "resume", "evaluation.cache", "sweep"])
@pytest.mark.parametrize("text", PATHS)
def test_path_is_used_as_typed(key, text):
    assert values(f"{key}={text}") == [text]
    assert values(f"+{key}={text}") == [text]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXT)
def test_unquoted_text_is_a_path(text):
    (value,) = values(f"dataset.root={text}")
    quoted = text[0] == text[-1] and text[0] in "'\"" and len(text) > 1
    assert value == text or quoted
    again = as_typed(as_typed([f"dataset.root={text}"]))
    assert again == as_typed([f"dataset.root={text}"])


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dataset.root=../../a.npz,../b (1).npz", ["../../a.npz", "../b (1).npz"]),
        ("dataset.root=it's,a'b", ["it's", "a'b"]),
        ("dataset.root='a,b',c", ["a,b", "c"]),
        ("dataset.root=choice(a,b)", ["a", "b"]),
        ("dataset.root=${oc.env:HOME,x}/a,b", ["${oc.env:HOME,x}/a", "b"]),
        ("dataset.fonts=[ü,b c],[d]", [["ü", "b c"], ["d"]]),
        ("sweep=a,b", ["a,b"]),
        ("seed=range(0,3)", [0, 1, 2]),
        ("loss=gan,wgän", ["gan", "wgän"]),
    ],
)
def test_sweep_commas_separate_paths(word, expected):
    assert values("-m", word) == expected


def test_lists_interpolations_null_keep_meaning(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert values("dataset.fonts=[/a b/ü.ttf, 'c,d.ttf']") == [["/a b/ü.ttf", "c,d.ttf"]]
    assert values("dataset.fonts=[]") == [[]]
    assert values("dataset.root=${oc.env:HOME}/a b") == ["${oc.env:HOME}/a b"]
    for key in ("resume", "dataset.root", "dataset.cache", "evaluation.cache"):
        assert values(f"{key}=null") == values(f"{key}=NULL") == [None]
    assert values("dataset.alphabet=null") == ["null"]
    assert values("resume=auto") == ["auto"]
    for word in ("hydra.run.dir=~/a b", "hydra.sweep.dir='~/a b'"):
        assert values(word) == [f"{tmp_path}/a b"]
    ordinary = [
        "dataset.root=../a/b-1.npz",
        "loss=wgan",
        "loss.slope=-1,0",
        "--cfg",
        "job",
        "-m",
        "--out=~/a b",
    ]
    assert as_typed(ordinary) == ordinary


def test_job_folder_name_contains_no_path():
    for name in ("loss.slope=-1,seed=0", "betas=[0.5,0.9]", "loss/divergence=kl,seed=0", "é=ü", ""):
        assert folder_name(name) == name
    paths = ["../../a.npz", "/a.npz", "a.npz/", "./a.npz", "~/a.npz", "x/../a.npz", "x/a.npz"]
    paths += [
        "'/data (1)/a.npz'",
        "[/a/b,/c]",
        "..",
        "x/..",
        "\n",
        "\udcfc/",
        "ü" * 300,
        "a/" * 300,
    ]
    names = [folder_name(f"dataset.root={path},seed=0") for path in paths]
    assert len({*names}) == len(names)
    for name in names:
        assert "/" not in name
        assert name.startswith("dataset.root=")
        assert name.isprintable()
        assert len(name.encode()) <= 255
    assert re.fullmatch(r"dataset.root=a.npz,seed=0-\w{8}", names[0])
    nested = folder_name(f"loss/divergence=kl,x={'a' * 300}")
    assert [len(part) <= 255 for part in nested.split("/")] == [True, True]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ls_gan", "ls_gan: type loss=ls_gan"),
        ("wgan mnist", "wgan mnist: type loss=wgan dataset=mnist"),
        ("characters", "characters: type architecture=characters or experiment=characters"),
        ("wgna", "wgna: did you mean loss=wgan?"),
        ("loss", "loss: type loss=NAME, with one of cls_gan, f_gan, gan,"),
        ("nonsense", "nonsense: settings are typed as KEY=VALUE; python train.py --help"),
        ("steps = 100", "steps = 100: type steps=100"),
        ("seed=1 steps= 100", "steps= 100: type steps=100"),
        ("loss=gan, hinge", "loss=gan, hinge: type loss=gan,hinge"),
        ("-m loss=gan, hinge, wgan seed=1", "loss=gan, hinge, wgan: type loss=gan,hinge,wgan"),
        ("architecture.critic.hidden=[8, 4]", "type 'architecture.critic.hidden=[8,4]'"),
        ("steps =100", "steps =100: type steps=100"),
        ("steps 100 seed=1", "steps 100: type steps=100"),
        ("dataset mnist", "dataset mnist: type dataset=mnist"),
        ("lr:0.1", "lr:0.1: type optimizer.lr=0.1"),
        ("steps==100", "steps==100: type steps=100"),
        ("=5", "=5: settings are typed as KEY=VALUE"),
        ("''", "an empty word: settings are typed as KEY=VALUE"),
        ("--steps 100", "--steps: settings have no dashes: type steps=100"),
        ("--batch-size=8", "--batch-size=8: settings have no dashes: type batch_size=8"),
        ("--lr 0.1", "--lr: settings have no dashes: type optimizer.lr=0.1"),
        ("-x", "-x: is no option"),
        ("–m seed=0,1", "–m: type -m"),
        ("-multirun", "-multirun: type --multirun"),
        ("--cfg loss=wgan", "--cfg: shows a configuration: type --cfg job,"),
        ("-m loss=gan,wgan --cfg job", "-m --cfg: type only one of them"),
        ("--info -r", "--info -r: type only one of them"),
        ("-p loss", "--package: is for a configuration: type --cfg job --package"),
        ("--resolve", "--resolve: is for a configuration: type --cfg job --resolve"),
        ("--experimental-rerun x", "--experimental-rerun: is no option"),
        ("-m +hydra.sweeper.params.seed=[1]", "Hydra's AssertionError: Unexpected type"),
        ("study=tour --cfg=job", "--cfg: is for a single run; study=tour --help shows commands"),
        ("study=equal_budgets --info", "--info: is for a single run; study=equal_budgets --help"),
        ("-sc install=csh", "-sc: type -sc install=bash, or install=zsh, or install=fish"),
        ("seed=0..4", "seed=0..4: type -m 'seed=range(0,5)'"),
        ("-m seed=0-4", "seed=0-4: type 'seed=range(0,5)'"),
        (
            "loss=gan,wgan",
            "loss=gan,wgan: several values are a sweep: type python TRAIN -m loss=gan",
        ),
        ("seed=range(0,3)", "a sweep: type python TRAIN -m 'seed=range(0,3)'"),
        ("optimizer.betas=0.5,0.9", "must be a list: type 'optimizer.betas=[0.5,0.9]'"),
        ("loss=[gan,wgan]", "loss=[gan,wgan]: type -m loss=gan,wgan"),
        ("+loss=wgan", "+loss=wgan: type loss=wgan"),
        ("+steps=5", "+steps=5: is a setting already; type steps=5"),
        ("loss=", "loss=: choose one of cls_gan,"),
        ("loss=WGAN", "loss=WGAN: did you mean wgan?"),
        ("loss=nothing", "loss=nothing: choose one of cls_gan,"),
        ("-m seed=interval(0,1)", "seed=interval(0,1): must be a list of values"),
        ("-m 'loss=glob(z*)'", "loss=glob(z*): matches nothing to sweep over"),
        ("-m 'seed=range(0,0)'", "seed=range(0,0): matches nothing to sweep over"),
        ("loss=gan,wgam -m", "loss=wgam: did you mean wgan?"),
        ("lr=0.1", "did you mean optimizer.lr (or optimizer.critic.lr, optimizer.generator.lr)?"),
        ("critic.lr=1", "critic: unknown key; did you mean optimizer.critic.lr?"),
        ("loss.slope=1", "is a setting of loss=glsgan, loss=glsgan_pointwise: add loss=glsgan or"),
        ("-m loss=glsgan,gan loss.slope=1", "sweep over loss without the others"),
        (
            "dataset.root=x",
            "dataset.root: unknown key; dataset.root is a setting of dataset=celeba,",
        ),
        (
            "hydra/launcher=ray",
            "hydra/launcher=ray: is not installed; type pip install hydra-ray-l",
        ),
        ("hydra.launcher.n_jobs=2 -m seed=1,2", "of hydra/launcher=joblib: add hydra/launcher=job"),
        ("hydra.launcher.ray.init.num_cpus=2 -m seed=1,2", "add hydra/launcher=ray"),
        ("hydra.launcher.xyz=2", "hydra.launcher.xyz: unknown key; hydra.launcher has none"),
        ("hydra.launcher=joblib -m seed=1,2", "hydra.launcher=joblib: type hydra/launcher=joblib"),
        ("hydra/launcher=foo -m seed=1,2", "hydra/launcher=foo: choose one of basic"),
        ("receipe=paper", "receipe: unknown key; did you mean recipe?"),
        ("experiments=characters", "experiments: unknown key; did you mean experiment?"),
        (
            "studies=slopes",
            "recipe, regularizer, resume, retry_failed, sample_every, seed, stack, steps, study",
        ),
        ("conditional=yes", "conditional=yes: must be true or false"),
        ("steps=1e4", "steps=10000.0: must be an integer; type 10000"),
        ("steps=ü", "steps=ü: must be an integer"),
        ("dataset.fonts=a.ttf", "dataset.fonts=a.ttf: must be a list such as [a.ttf]"),
        ("architecture.critic.hidden=64", "hidden=64: must be a list such as [64]"),
        ("loss=f_gan loss.divergence=kl", "is a choice: type its last dot as a slash"),
        ("dataset.root=M\udcfcller", "dataset.root=M\\udcfcller: is no UTF-8; rename the file"),
        ("hydra.run.dir=", "hydra.run.dir=: must be the path of a folder"),
        ("hydra.run.dir=" + "a" * 300, "give the run's folder a shorter name"),
    ],
    ids=lambda value: ascii(value[:40]),
)
def test_mistake_suggests_what_to_type(line, message, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", *shlex.split(line)])
    with pytest.raises(SystemExit) as end:
        launch_main.main()
    assert end.value.code == 2
    (stderr,) = capsys.readouterr().err.splitlines()
    assert stderr.startswith("error: ")
    assert message.replace("TRAIN", str(ROOT / "train.py")) in stderr
    assert not list(tmp_path.iterdir())


def test_setting_of_an_installed_launcher_names_it(monkeypatch, capsys):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    monkeypatch.setattr(sys, "argv", ["train.py", "hydra.launcher.verbose=2", "-m", "seed=1,2"])
    with pytest.raises(SystemExit, match="2"):
        launch_main.main()
    assert "of hydra/launcher=joblib: add hydra/launcher=joblib" in capsys.readouterr().err


def test_options_may_come_between_overrides():
    words = ["loss=wgan", "-p", "loss", "seed=0", "--cfg", "job", "--resolve", "steps=1"]
    options = ["-p", "loss", "--cfg", "job", "--resolve"]
    assert checked(words) == ["loss=wgan", "seed=0", "steps=1", *options]
    assert checked(["-m", "seed=0,1"]) == ["seed=0,1", "-m"]
    assert checked(["--info", "seed=0"]) == ["seed=0", "--info"]


def printed_commands():
    """Every command of train.py in the help, the README and the pages."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    text = help_text([]) + "\n".join(page.read_text() for page in pages)
    found = re.findall(r"python train\.py((?: +[^\s`#]+)*)", text)
    return sorted({" ".join(line.split()) for line in found})


def test_documented_commands_can_be_parsed():
    lines = [line.split("  ")[0] for line in printed_commands()]
    assert len(lines) > 20
    assert not [line for line in lines if re.search(r"(?<!\$)\{", line)]
    for line in lines:
        words = [word for word in shlex.split(line) if re.match(r"-|job$|[\w.+@/]+=", word)]
        given = as_typed(checked(words))
        OverridesParser.create().parse_overrides([word for word in given if "=" in word])


def test_scripts_expand_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert given_path("~/a b") == tmp_path / "a b"
    assert given_path("a/~") == Path("a/~")


def test_printed_command_is_quoted_and_works(monkeypatch, tmp_path):
    word = "resume=it's lr=1 (ü) $HOME"
    monkeypatch.chdir(ROOT)
    assert shlex.split(from_here("train.py", word)) == ["python", "train.py", word]
    monkeypatch.chdir(tmp_path)
    assert shlex.split(from_here("train.py", word)) == ["python", str(ROOT / "train.py"), word]
    assert values(word) == [word.partition("=")[2]]
