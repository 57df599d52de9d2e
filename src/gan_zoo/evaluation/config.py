"""Settings of an evaluation; no torch."""

from typing import Annotated

from gan_zoo.schema import ConfigError, CountInt, LocalPath, Range, settings


@settings
class Evaluation:
    """How samples are judged.

    Attributes:
        num_samples: samples generated; the reference has as many real ones, or all there are.
        seed: of latent vectors, labels and the choice of real samples.
        metrics: names of groups of numbers; all, or quick for those that suit training.
        monitor: metric that selects best.pt; empty takes the dataset's primary metric.
        cache: folder for feature networks and what they see in the reference samples.
    """

    num_samples: Annotated[int, Range(ge=10)] = 10_000
    seed: CountInt = 0
    metrics: tuple[str, ...] = ("all",)
    monitor: str = ""
    cache: LocalPath = "~/.cache/gan_zoo"

    def check(self) -> None:
        """Raises ConfigError where no group is named."""
        if not self.metrics:
            allowed = "names nothing to measure; use [fast], or evaluate_every=0 for no evaluation"
            raise ConfigError("metrics", "[]", allowed)
