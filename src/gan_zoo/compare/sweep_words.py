"""The words of `gan-zoo train` that a plan stands for."""

from collections.abc import Sequence

from gan_zoo.compare.plan import Plan
from gan_zoo.setting_keys import key_of, latest

_SWEPT = ("seed", "loss", "sweep")
_PICTURES = ("sample_every", "evaluate_every")
# of launchers, which a single run refuses, and of the folders of sweeps
_OF_SWEEPS = ("hydra/launcher", "hydra/sweeper", "hydra.launcher.", "hydra.sweep")
_LONGER = 4  # times the steps of the comparison


def sweep_words(plan: Plan, data: Sequence[str], given: Sequence[str], name: str) -> list[str]:
    """Return the words of the sweep, of each key once: what was given replaces what was chosen.

    Seeds come first, so that the jobs of an interrupted sweep are complete sets of losses.

    Args:
        plan: of the comparison.
        data: overrides chosen for the data.
        given: overrides of the user.
        name: of the sweep, unless one is given.
    """
    seeds = ",".join(map(str, range(plan.seeds)))
    every = [f"{key}={plan.evaluate_every}" for key in _PICTURES]
    chosen = [f"seed={seeds}", f"loss={','.join(plan.losses)}", *data, *plan.network.words]
    return latest([*chosen, f"steps={plan.steps}", *every, f"sweep={name}", *given])


def longer_run_words(words: Sequence[str], plan: Plan, loss: str) -> list[str]:
    """Return the words of a single longer run of a loss with the settings of a sweep."""
    own = ("steps", *_PICTURES, *_SWEPT)
    shared = [word for word in words if key_of(word) not in own]
    shared = [word for word in shared if not key_of(word).startswith(_OF_SWEEPS)]
    shared = [word.replace("${loss}", loss) for word in shared]
    return [f"loss={loss}", *shared, f"steps={_LONGER * plan.steps}"]
