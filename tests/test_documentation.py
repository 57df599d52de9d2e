"""Documentation matches the code: names, formulas, recipes and examples."""

import re
import textwrap
from pathlib import Path
from statistics import fmean
from typing import Annotated

import pytest
import torch
import yaml

from gan_zoo.experiment import load_experiment
from gan_zoo.losses import ScoredBatch, adversarial
from gan_zoo.metrics.metric_info import MetricInfo
from gan_zoo.regularizers import PenaltyBatch
from gan_zoo.schema import ConfigError, Range

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ZOO = (ROOT / "docs" / "zoo.md").read_text()
LOSSES = sorted(path.stem for path in (ROOT / "configs" / "loss").glob("*.yaml"))


def section(name):
    return ZOO.split(f"\n## `{name}`\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_title_and_formula(name, composed):
    config = composed(f"loss={name}")
    loss, text = load_experiment(config).loss, section(name)
    assert f"**{loss.title}**" in text
    assert "    " + "\n    ".join(loss.formula.split("; ")) in text
    assert ("`conditional=true`" in text) == config["conditional"]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("folder", "words", "start"),
    [("recipe", [], "Recipe: "), ("recipe/paper", ["recipe=paper"], "`recipe=paper`: ")],
)
def test_every_loss_has_both_recipes(name, folder, words, start, composed):
    config = composed(f"loss={name}", *words)
    (text,) = [line for line in section(name).splitlines() if line.startswith(start)]
    optimizer = config["optimizer"]["critic"]
    recipe = yaml.safe_load((ROOT / "configs" / folder / f"{name}.yaml").read_text())
    choices = {k: v for line in recipe["defaults"] if line != "_self_" for k, v in line.items()}
    assert f"`n_critic={config['n_critic']}`" in text
    assert f"{optimizer['_target_'].rpartition('.')[2]}(lr={optimizer['lr']}" in text
    assert "betas" not in optimizer or f"betas={optimizer['betas']}" in text
    assert f"`regularizer={choices['/regularizer']}" in text


def test_every_regularizer_and_divergence_is_described():
    for path in (ROOT / "configs" / "regularizer").glob("*.yaml"):
        assert f"`{path.stem}`" in ZOO
    for path in (ROOT / "configs" / "loss" / "divergence").glob("*.yaml"):
        assert path.stem in section("f_gan")


def test_readme_links_to_every_page():
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in README


GROUPS = ("loss", "recipe", "regularizer", "architecture", "dataset", "optimizer", "experiment")


@pytest.mark.parametrize("group", GROUPS)
def test_readme_names_every_option(group):
    for path in (ROOT / "configs" / group).glob("*.yaml"):
        assert f"`{path.stem}`" in README


def test_readme_python_example_runs(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("steps=200", "steps=2"), {})
    assert Path(capsys.readouterr().out.splitlines()[-1]).name == "report.html"
    assert len(list(tmp_path.rglob("evaluation.json"))) == 1


PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_local_links_lead_to_a_file_and_its_heading(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def anchors(path):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def example(title):
    """The code blocks of a section of CONTRIBUTING.md."""
    steps = (ROOT / "CONTRIBUTING.md").read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^   ```\w+\n(.*?)^   ```$", steps, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


def test_example_of_a_new_loss_is_correct():
    code, config, hand, page = example("A loss")
    module = {**vars(adversarial), "Annotated": Annotated, "Range": Range}
    exec(code, module)
    node = yaml.safe_load(config)["loss"]
    make = module[node.pop("_target_").rpartition(".")[2]]
    loss, scores = make(**node), ([0.5, -1.5, 2.0], [-0.25, 3.0, 0.0])
    assert f"**{loss.title}**" in page
    assert "    " + "\n    ".join(loss.formula.split("; ")) in page
    ((critic, generator),) = eval(f"{{{hand}}}", {"mean": fmean}).values()
    real, fake = (ScoredBatch(torch.zeros(3, 2), torch.tensor(s)) for s in scores)
    assert loss.critic(real, fake).item() == pytest.approx(critic(*scores, None))
    assert loss.generator(fake).item() == pytest.approx(generator(*scores))
    with pytest.raises(ConfigError, match="power=0.5: must be at least 1"):
        make(power=0.5)


def test_example_of_a_new_regularizer_is_correct():
    code, config = example("A regularizer")
    exec(code, module := {"__name__": "drift"})
    drift, (x, y) = module["Drift"](weight=2), torch.tensor([[1.0, 3.0], [0.0, 0.0]])
    assert drift.penalty(lambda x, y: x, PenaltyBatch(x, x, y)) == 10
    assert yaml.safe_load(config)["weight"] == module["Drift"]().weight


def test_example_of_a_new_architecture_is_correct():
    code, config, row = example("An architecture")
    exec(code, module := {"__name__": "one_layer"})
    for name, count in zip(("generator", "critic"), ("52,048", "50,305"), strict=True):
        given = yaml.safe_load(config)[name]
        del given["_target_"]
        network = module[name]((1, 28, 28), 1, **given)
        assert f"{sum(p.numel() for p in network.parameters()):,}" == count
        assert count in row


def test_example_of_a_new_dataset_is_correct():
    code, config = example("A dataset")
    exec(code, module := {"__name__": "circles"})
    given = yaml.safe_load(config)
    del given["_target_"]
    dataset = module["Circles"](**given)
    samples = dataset.load("test")
    assert dataset.spec() == (samples.shape, samples.num_classes, len(samples))


def test_example_of_a_new_metric_is_correct():
    code, _, declaration = example("A metric")
    ((metric,),) = eval(f"{{{declaration}}}", {"MetricInfo": MetricInfo}).values()
    assert (metric.tag(), metric.higher_is_better) == ("metric/mean_distance", False)
    exec(code, module := {"Tensor": torch.Tensor})
    assert module["mean_distance"](torch.ones(5, 2), torch.zeros(3, 2)) == pytest.approx(2**0.5)
