"""Pictures of a study's samples are made of its runs."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from gan_zoo.api import train
from gan_zoo.report.read_runs import read_runs
from gan_zoo.studies.allocation import shares_violated, write_allocation
from gan_zoo.studies.samples import write_samples

TINY = [
    "dataset=ring",
    "dataset.count=500",
    "batch_size=8",
    "log_every=1",
    "device=cpu",
    "evaluate_every=0",
]


def test_no_runs_make_no_picture(tmp_path):
    write_samples({"ring": tmp_path / "none"}, {"rows": ["loss"]}, tmp_path / "sheet.png")
    write_allocation([tmp_path / "none"], tmp_path / "allocation.png")
    assert not [*tmp_path.iterdir()]


def test_run_without_a_checkpoint_has_no_panel(tmp_path):
    folder = tmp_path / "sweep"
    for steps in (1, 2):
        train(*TINY, "loss=ls_gan", f"steps={steps}", folder=folder / str(steps))
    widths = []
    for _ in range(2):
        write_allocation([folder], tmp_path / "allocation.png")
        with Image.open(tmp_path / "allocation.png") as picture:
            widths.append(picture.width)
        shutil.rmtree(folder / "2/checkpoints", ignore_errors=True)
    assert widths[1] < 0.7 * widths[0]


def test_samples_have_a_row_for_each_loss(tmp_path):
    for loss in ("gan", "wgan"):
        folder = tmp_path / "sweep" / loss
        train(*TINY, f"loss={loss}", "steps=2", "sample_every=1", folder=folder)
    heights = {}
    for name, keys in (("one", ["dataset"]), ("two", ["loss"])):
        write_samples({"ring": tmp_path / "sweep"}, {"rows": keys}, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as picture:
            heights[name] = picture.height
    assert heights["two"] > 1.5 * heights["one"]


def test_datasets_stand_side_by_side(tmp_path):
    folders = {part: tmp_path / part for part in ("points", "images")}
    images = ["dataset=glyphs", "dataset.alphabet=0127", "dataset.count=100", "dataset.size=8"]
    for words, folder in zip(([], images), folders.values(), strict=True):
        train(*TINY, *words, "steps=1", "sample_every=1", folder=folder / "run")
    sizes = {}
    for name, columns in (("below", []), ("beside", ["part"])):
        plan = {"rows": ["loss"] if columns else ["part", "loss"], "columns": columns}
        write_samples(folders, plan, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as picture:
            sizes[name] = picture.size
    assert sizes["beside"][1] < sizes["below"][1]
    with Image.open(tmp_path / "beside.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    width = sizes["beside"][0]
    left, right = pixels[:, width // 4 : width // 3], pixels[:, width * 3 // 4 :]
    assert left.min() < 255
    assert right.min() < 255


@pytest.mark.parametrize("scale", [0.0, 1e6])
def test_margins_of_all_pairs_are_compared(tmp_path, scale):
    train(*TINY, "loss=ls_gan", f"loss.margin_scale={scale}", "steps=2", folder=tmp_path)
    (run,), _ = read_runs([tmp_path])
    real, fake, violated = shares_violated(run)
    assert len(violated) == len(fake)
    assert real.shape[1] == fake.shape[1] == 2
    assert torch.all((violated >= 0) & (violated <= 1))
    assert violated.mean() == 1 if scale else violated.mean() < 1
    write_allocation([tmp_path], tmp_path / "allocation.png")
    assert (tmp_path / "allocation.png").stat().st_size > 10_000
