"""Keys, tags, files of a run's folder and exit codes stay as scripts and users expect them.

A change here changes the command line's contract and belongs in the changelog. Write the golden
file with `GOLDEN=write python -m pytest tests/test_golden.py`.
"""

import json
import os
from pathlib import Path

import pytest
import yaml

from gan_zoo import checkpoints, command_line
from gan_zoo.setting_keys import flatten

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).with_name("golden.json")
OVERRIDES = ["batch_size=16", "device=cpu", "log_every=5", "sample_every=10", "checkpoint_every=10"]
OVERRIDES += ["steps=20", "evaluate_every=20", "evaluation.num_samples=50"]


def compare(part: str, found: object) -> None:
    """Compare one part with the golden file, or write it there if GOLDEN=write is set."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    if os.environ.get("GOLDEN") == "write":
        golden[part] = found
        text = json.dumps(golden, indent=1, ensure_ascii=False, sort_keys=True)
        GOLDEN.write_text(text + "\n", encoding="utf-8")
    assert found == golden[part]


def contract(folder: Path) -> dict[str, list[str]]:
    """Return a run's files, the tags of metrics.jsonl, and the keys of summary and checkpoint.

    Excludes what depends on the state of the code's working tree.
    """
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    files = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix() for path in files}
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    newest = checkpoints.load(checkpoints.latest_path(folder))
    return {
        "files": sorted(n for n in names if "tfevents" not in n and n != "changes.patch"),
        "tags": sorted({tag for line in lines for tag in json.loads(line)}),
        "summary": sorted(key for key in summary if not key.startswith("git_")),
        "checkpoint": sorted(newest),
    }


def test_configuration_keys():
    found = {}
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        content = {key: value for key, value in content.items() if key not in ("defaults", "hydra")}
        name = path.relative_to(ROOT / "configs").with_suffix("").as_posix()
        found[name] = sorted(key for key, _ in flatten(content))
    compare("configuration", found)


def test_mixture_run(trained, tmp_path):
    trained(tmp_path, "dataset=ring", "dataset.count=500", "loss=ls_gan", *OVERRIDES)
    compare("mixture", contract(tmp_path))


def test_image_run(trained, tmp_path, brief):
    data = ["dataset.alphabet=0127", "dataset.size=8", "dataset.count=300", "conditional=true"]
    cache = f"evaluation.cache={tmp_path / 'cache'}"
    folder = tmp_path / "run"
    trained(folder, "dataset=glyphs", *data, *OVERRIDES, cache, "evaluation.metrics=[all]")
    compare("image", contract(folder))


@pytest.mark.parametrize("name", ["EXIT_USAGE", "EXIT_FAILED", "EXIT_SIGNAL"])
def test_exit_codes(name):
    compare(f"exit code {name}", getattr(command_line, name))
