"""LS-GAN's allocation on demand as a picture: which fakes still violate their margins."""

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from gan_zoo import checkpoints
from gan_zoo.architectures.networks import eval_mode, generate
from gan_zoo.devices import find_device
from gan_zoo.evaluation.offline import load_networks
from gan_zoo.losses import ScoredBatch
from gan_zoo.losses.loss_sensitive import LossSensitive
from gan_zoo.report.figure_style import drawing, save_png
from gan_zoo.report.runs import Run
from gan_zoo.run_folder import step_files
from gan_zoo.schema import instantiate
from gan_zoo.studies.results import ended_runs

_FAKES, _REALS = 600, 400
_SIDE = 3.0  # inches


def write_allocation(folders: Sequence[Path], path: Path) -> None:
    """Plot fakes of runs on a mixture by the share of real partners whose margin they violate.

    A panel for each run with a checkpoint, in order of their steps; path: of the PNG file.
    """
    ended = (run for folder in folders for run in ended_runs(folder))
    # one that failed early has saved none
    runs = [run for run in ended if step_files(run.folder / "checkpoints", ".pt")]
    if not runs:
        return
    runs.sort(key=lambda run: run.steps)
    with drawing():
        figure = Figure(figsize=(_SIDE * len(runs) + 0.8, _SIDE + 0.2), layout="constrained")
        for axes, run in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs, strict=True):
            real, fake, violated = shares_violated(run)
            axes.plot(*real.T, "x", c="black", ms=4, alpha=0.3)
            colors = axes.scatter(*fake.T, c=violated, s=6, vmin=0, vmax=1, cmap="plasma_r")
            axes.set_title(f"{run.steps:,} steps: {100 * violated.mean():.0f} % violated")
            axes.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
        figure.colorbar(colors, ax=axes, label="share of violated margins")
        save_png(figure, path, dpi=90)


@torch.no_grad()
def shares_violated(run: Run) -> tuple[Tensor, Tensor, Tensor]:
    """Return real points (R, 2), fakes (F, 2) of a run and their shares of violated margins (F,).

    With the networks of its last checkpoint; each fake is paired with all real points.
    """
    content = checkpoints.load_latest(run.folder)[1]
    generator, critic, _ = load_networks(content, find_device("cpu"))
    config = content["config"]
    loss = instantiate(config["loss"], "loss", LossSensitive)
    real = instantiate(config["dataset"], "dataset").train.unlabeled().gather(torch.arange(_REALS))
    z = generator.sample_z(_FAKES, torch.Generator().manual_seed(0))
    fake = generate(generator, z, torch.zeros(_FAKES, dtype=torch.long))
    with eval_mode(critic):
        scores = [critic(x, torch.zeros(len(x), dtype=torch.long)) for x in (real[0], fake)]
    pairs = ScoredBatch(real[0].repeat(_FAKES, 1), scores[0].repeat(_FAKES))
    partners = (fake.repeat_interleave(_REALS, 0), scores[1].repeat_interleave(_REALS))
    margin = loss.margin(pairs, ScoredBatch(*partners))
    violated = pairs.score - partners[1] < margin
    return real[0], fake, violated.reshape(_FAKES, _REALS).double().mean(1)
