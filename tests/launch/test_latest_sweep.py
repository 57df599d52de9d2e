"""LATEST: the sweep that was started last, by name."""

from pathlib import Path

import pytest

from gan_zoo import latest_sweep
from gan_zoo.launch.resume import newest_sweep, run_folder
from gan_zoo.schema import ConfigError


@pytest.fixture
def sweeps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("outputs/sweeps")
    for name in ("a", "b"):
        (folder / name / f"loss=gan,seed={name == 'b':d}").mkdir(parents=True)
    return folder


def test_latest_names_the_newest_sweep(sweeps):
    for name in ("a", "b"):
        latest_sweep.note(sweeps / name)
        assert (sweeps / "LATEST").read_text() == f"{name}\n"
        assert latest_sweep.named(sweeps) == sweeps / name
        assert latest_sweep.resolve(sweeps / "LATEST" / "report") == sweeps / name / "report"
    assert not (sweeps / "LATEST").is_symlink()


def test_latest_replaces_link_and_keeps_folder(sweeps):
    (sweeps / "LATEST").symlink_to("a", target_is_directory=True)
    assert latest_sweep.resolve(sweeps / "LATEST/x") == sweeps / "LATEST/x"  # leads there by itself
    latest_sweep.note(sweeps / "b")
    assert latest_sweep.resolve(sweeps / "LATEST") == sweeps / "b"
    (sweeps / "LATEST").unlink()
    (sweeps / "LATEST").mkdir()
    latest_sweep.note(sweeps / "b")
    assert list((sweeps / "LATEST").iterdir()) == []


def test_latest_is_written_only_among_sweeps(sweeps, tmp_path):
    latest_sweep.note(tmp_path / "elsewhere" / "a")
    latest_sweep.note(Path("mine"))
    assert not list(tmp_path.rglob("LATEST"))


@pytest.mark.parametrize("content", [b"gone", b"../..", b"", b"..", b"\xff\xfe", b"a/../b", b"a\0"])
def test_invalid_latest_resolves_to_itself(sweeps, content):
    (sweeps / "LATEST").write_bytes(content)
    assert latest_sweep.named(sweeps) is None
    assert latest_sweep.resolve(sweeps / "LATEST/x") == sweeps / "LATEST/x"


def test_patterns_below_latest_are_expanded(sweeps):
    latest_sweep.note(sweeps / "b")
    assert latest_sweep.resolve_all([sweeps / "LATEST/loss=*,seed=1"]) == [
        sweeps / "b/loss=gan,seed=1"
    ]
    assert latest_sweep.resolve_all([sweeps / "LATEST/loss=*,seed=7"]) == [
        sweeps / "b/loss=*,seed=7"
    ]
    assert latest_sweep.resolve_all([(sweeps / "LATEST/*").absolute()]) == [
        (sweeps / "b/loss=gan,seed=1").absolute()
    ]


def test_resume_accepts_path_through_latest(sweeps):
    latest_sweep.note(sweeps / "b")
    run = sweeps / "b/loss=gan,seed=1"
    with pytest.raises(ConfigError, match="must be the folder of a run"):
        run_folder(sweeps / "LATEST/loss=gan,seed=1")
    (run / ".hydra").mkdir()
    (run / ".hydra/config.yaml").write_text("steps: 1\n")
    assert run_folder(sweeps / "LATEST/loss=gan,seed=1") == run


def test_newest_sweep_keeps_its_name_where_it_is_a_link(sweeps, tmp_path):
    (sweeps / "a").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/multirun.yaml").touch()
    (sweeps / "mine").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (sweeps / "LATEST").symlink_to("mine", target_is_directory=True)
    assert newest_sweep("resume") == sweeps / "mine"
