"""Settings of an evaluation; no torch."""

from typing import Annotated

from gan_zoo.schema import CountInt, LocalPath, Range, SettingError, settings


@settings
class Evaluation:
    """How samples are judged.

    Attributes:
        n: samples drawn from the generator; as many real ones are taken for reference, or as many
            as there are.
        seed: of latent vectors, labels and the choice of real samples.
        metrics: names of groups of numbers; all, or quick for those that suit training.
        best: the number by which the best checkpoint is kept; empty takes the dataset's headline.
        cache: folder for feature networks and what they see in the reference samples.
    """

    n: Annotated[int, Range(ge=10)] = 10_000
    seed: CountInt = 0
    metrics: tuple[str, ...] = ("all",)
    best: str = ""
    cache: LocalPath = "~/.cache/gan_zoo"

    def check(self) -> None:
        """Raises SettingError where no group is named."""
        if not self.metrics:
            allowed = "names nothing to measure; use [quick], or evaluate_every=0 for no evaluation"
            raise SettingError("metrics", "[]", allowed)
