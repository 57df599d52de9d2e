"""Whether the nouns of an experiment go together, asked before there is data: networks in outline.

On the meta device tensors have shapes and no content, so that even large networks cost a moment.
"""

import os
from itertools import chain

import torch

from gan_zoo.experiment import Experiment
from gan_zoo.schema import SettingError


def check_fit(experiment: Experiment) -> None:
    """Build the players for the samples as far as these are known, and pass them one batch.

    Raises SettingError for what a run would stumble over once its data were loaded.
    """
    settings, outline = experiment.settings, experiment.dataset.outline()
    settings.check_data(outline.count, outline.num_classes)
    if outline.shape is None:
        return
    classes = (outline.num_classes or 2) if settings.conditional else 1
    with torch.device("meta"):
        generator, critic = experiment.networks(outline.shape, classes)
        for name, player in (("generator", generator), ("critic", critic)):
            _check_memory(name, player)
        experiment.regularizer.prepare(critic)
        z = torch.empty(settings.batch_size, generator.z_dim)
        y = torch.zeros(settings.batch_size, dtype=torch.int64)
        try:
            critic(generator(z, y), y)
        except (RuntimeError, ValueError) as error:
            allowed = f"the networks cannot take a batch of this size ({error})"
            raise SettingError("batch_size", settings.batch_size, allowed) from None


def _check_memory(name: str, player: torch.nn.Module) -> None:
    """Raises SettingError for a player that is larger than the memory of the whole machine."""
    size = sum(t.nbytes for t in chain(player.parameters(), player.buffers()))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        allowed = f"needs {size / 1e9:,.0f} GB; this machine has {memory / 1e9:,.0f}"
        raise SettingError(f"architecture.{name}", f"{size / 4:,.0f} parameters", allowed)
