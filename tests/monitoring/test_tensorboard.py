"""What TensorBoard shows of runs: charts by metric, and what distinguishes them."""

import json
import re

import pytest
import yaml
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.custom_scalar.custom_scalars_plugin import CustomScalarsPlugin
from tensorboard.plugins.hparams import metadata

from forked_scripts import run_script
from gan_zoo.monitoring.hyperparameters import hyperparameters

RING = ["dataset=ring", "dataset.count=200", "batch_size=8", "steps=2", "device=cpu"]
EVALUATED = ["evaluate_every=2", "evaluation.num_samples=20"]
IMAGES = ["dataset.alphabet=01", "dataset.size=8", "dataset.count=200", "batch_size=8", "steps=2"]


def layout(logdir):
    """Return the charts that TensorBoard makes of all runs below a folder, by group."""
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(logdir)).Reload()
    provider = MultiplexerDataProvider(multiplexer, str(logdir))
    plugin = CustomScalarsPlugin(TBContext(logdir=str(logdir), data_provider=provider))
    found = json.loads(plugin.layout_impl(RequestContext(), ""))
    return {
        group["title"]: {chart["title"]: chart["multiline"]["tag"] for chart in group["chart"]}
        for group in found["category"]
    }


@pytest.fixture(scope="module")
def logdir(trained, tmp_path_factory):
    """A folder of three runs, two of them on one dataset."""
    folder = tmp_path_factory.mktemp("logdir")
    for name in ("ring 0", "ring 1"):
        trained(folder / name, *RING, *EVALUATED)
    cache = f"evaluation.cache={folder / 'cache'}"
    trained(folder / "digits", *IMAGES, *EVALUATED, cache, "evaluation.metrics=[frechet]")
    return folder


def test_losses_and_metrics_come_first(logdir):
    assert list(layout(logdir))[:2] == ["loss", "metric"]
    assert layout(logdir)["loss"]["loss/critic"] == ["loss/critic$"]


def test_every_metric_has_one_chart(logdir):
    charts = layout(logdir)["metric"]
    assert {"modes, higher is better", "frechet, lower is better"} < set(charts)
    for folder in ("ring 0", "digits"):
        lines = (logdir / folder / "metrics.jsonl").read_text().splitlines()
        tags = {tag for line in lines for tag in json.loads(line) if tag.startswith("metric/")}
        assert tags
        for tag in tags:
            assert sum(bool(re.match(pattern, tag)) for (pattern,) in charts.values()) == 1


def test_only_swept_settings_are_hyperparameters(tmp_path):
    words = [*RING, "sweep=mine", "evaluate_every=0", "loss=wgan,glsgan", "optimizer.lr=1e-3"]
    called = run_script("train.py", "-m", *words, "seed=3", cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    folder = tmp_path / "outputs" / "sweeps" / "mine" / "loss=glsgan"
    events = EventAccumulator(str(folder)).Reload()
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    found = metadata.parse_session_start_info_plugin_data(content)
    assert {key: value.string_value for key, value in found.hparams.items()} == {"loss": "glsgan"}
    assert found.group_name == ""  # TensorBoard then shows the run's name as trial


def test_a_single_run_has_its_command_line(tmp_path):
    words = [*RING, "evaluate_every=0", "loss=glsgan", "loss.slope=-0.5", "seed=3"]
    called = run_script("train.py", *words, cwd=tmp_path)
    assert called.returncode == 0, called.stderr
    (folder,) = (tmp_path / "outputs" / "runs").iterdir()
    assert folder.name.endswith("-glsgan-ring")
    config = yaml.safe_load((folder / ".hydra" / "config.yaml").read_text())
    assert hyperparameters(config, folder) == {
        **{"loss": "glsgan", "loss.slope": -0.5, "seed": 3},
        **{"dataset": "ring", "dataset.count": 200, "batch_size": 8},
    }
