"""Settings of a run in TensorBoard's HParams tab."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata


def test_hparams_are_in_the_runs_event_file(trained, tmp_path):
    small = ["dataset=ring", "dataset.count=100", "batch_size=8", "steps=2", "log_every=1"]
    trained(tmp_path, "loss=glsgan", "loss.slope=-0.5", *small)
    assert len(list(tmp_path.rglob("events.out.*"))) == 1
    events = EventAccumulator(str(tmp_path)).Reload()
    content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    found = metadata.parse_session_start_info_plugin_data(content).hparams
    assert found["loss.slope"].number_value == -0.5
    assert found["loss._target_"].string_value.endswith("GeneralizedLossSensitive")
    assert found["conditional"].bool_value is False
    assert found["steps"].number_value == 2
    assert "loss/critic" in events.Tags()["scalars"]
