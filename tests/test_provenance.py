"""Reproducible runs: deterministic GPUs, the code's version and changes, the command."""

import json
import os
import subprocess

import pytest
import torch
import yaml

from gan_zoo import provenance
from gan_zoo.schema import ConfigError
from gan_zoo.training.numerics import deterministic

SMALL = ["dataset=ring", "dataset.count=100", "batch_size=8", "steps=4", "log_every=2"]
SMALL += ["device=cpu", "evaluate_every=0"]
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def state():
    algorithms = torch.get_deterministic_debug_mode()  # 0, 1 warns, 2
    return algorithms, torch.backends.cudnn.benchmark, os.environ.get(WORKSPACE)


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("workspace", [None, ":16:8"])
def test_deterministic_restores_all_settings(monkeypatch, request, workspace, mode):
    request.addfinalizer(lambda: torch.set_deterministic_debug_mode(0))
    torch.set_deterministic_debug_mode(mode)
    monkeypatch.delenv(WORKSPACE, raising=False)
    if workspace:
        monkeypatch.setenv(WORKSPACE, workspace)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    before = state()
    with deterministic(False):
        assert state() == before
    with deterministic(True):
        assert state() == (2, False, workspace or ":4096:8")
    assert state() == before
    with (
        pytest.raises(ConfigError, match="^deterministic=True: x does not have"),
        deterministic(True),
    ):
        raise RuntimeError("x does not have a deterministic implementation. You can")
    with pytest.raises(RuntimeError, match="of another kind"), deterministic(True):
        raise RuntimeError("of another kind")
    assert state() == before


def test_deterministic_changes_nothing_on_cpus(trained, tmp_path):
    before = state()
    lines = []
    for enabled in ("true", "false"):
        trained(tmp_path / enabled, *SMALL, f"deterministic={enabled}")
        text = (tmp_path / enabled / "metrics.jsonl").read_text()
        records = [json.loads(line) for line in text.splitlines()]
        lines.append([{k: v for k, v in r.items() if "perf/" not in k} for r in records])
    assert lines[0] == lines[1]
    assert state() == before


@pytest.fixture
def tree(tmp_path):
    """A working tree with uncommitted changes."""

    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "code.py").write_text("a = 1\n")
    git("add", ".")
    git("commit", "-m", "x")
    (tmp_path / "code.py").write_text("a = 'ü'\n", encoding="utf-8")
    (tmp_path / "new.py").touch()
    return tmp_path, git


def test_the_patch_restores_uncommitted_changes(tree, monkeypatch):
    folder, git = tree
    patch = folder / ".git" / "changes.patch"
    facts = provenance._git(folder / "code.py", patch)
    assert facts["git_dirty"]
    assert facts["git_untracked"] == ["new.py"]
    assert facts["git_patch"] == "changes.patch"
    git("checkout", facts["git_commit"], "--", "code.py")
    git("apply", str(patch))
    assert (folder / "code.py").read_text(encoding="utf-8") == "a = 'ü'\n"

    monkeypatch.setattr(provenance, "_MOST_BYTES", 10)
    assert "not written" in provenance._git(folder / "code.py", patch)["git_patch"]
    assert not patch.exists()
    git("checkout", "--", "code.py")
    assert provenance._git(folder / "code.py", patch)["git_patch"] is None
    assert provenance._git(folder / "new.py", patch)["git_commit"] is None  # none of its files


def test_the_summary_has_the_command(trained, tmp_path):
    (tmp_path / ".hydra").mkdir()
    words = ["dataset.root=a b", "loss=gan", "resume=x", "sweep=y"]
    (tmp_path / ".hydra" / "overrides.yaml").write_text(yaml.dump(words))
    summary = trained(tmp_path, *SMALL)
    assert summary["command"] == "python train.py 'dataset.root=a b' loss=gan"
    assert "git_commit" in summary
