"""What the title block of a report states."""

import datetime

import pytest

from gan_zoo.report.number_format import duration
from gan_zoo.report.title_block import facts
from report_folders import compared, write_run


def test_facts_name_data_date_length_and_budget(tmp_path):
    for seed in (0, 1):
        folder = write_run(
            tmp_path / str(seed), [2.0, 1.0], settings={"seed": seed, "batch_size": 64},
            summary={"seconds": 30.0 + 60 * seed},
        )  # fmt: skip
        started = datetime.datetime(2026, 3, 1 + seed, 12).timestamp()
        (folder / f"events.out.tfevents.{started:.0f}.host.1").touch()
    assert facts(compared(tmp_path)) == [
        ("dataset", "glyphs"),
        ("date", "2026-03-01 to 2026-03-02"),
        ("length", "200 generator updates, batches of 64"),
        ("budget", "12,800 real images per run, 30 s to 1 min 30 s of training each, 2 min 0 s "
                   "in all"),
        ("runs", "2 runs · 1 configuration · seeds 0, 1"),
    ]  # fmt: skip


def test_unknown_facts_are_omitted(tmp_path):
    folder = write_run(tmp_path / "run", [1.0])
    (folder / "summary.json").unlink()
    assert [name for name, _ in facts(compared(tmp_path))] == ["dataset", "length", "runs"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.37, "0.4 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_have_two_units(seconds, shown):
    assert duration(seconds) == shown
