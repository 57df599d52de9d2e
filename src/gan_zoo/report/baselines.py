"""Which configuration each other one is compared with, and the difference from it."""

import dataclasses
from collections.abc import Mapping, Sequence

from gan_zoo.report.configurations import Configuration
from gan_zoo.report.factors import canonical, format_value, is_value
from gan_zoo.report.stats import holm, paired_difference
from gan_zoo.schema import ConfigError


def compare_with_baselines(
    found: Sequence[Configuration], baseline: Mapping[str, str]
) -> list[Configuration]:
    """Add to each configuration its difference from its baseline, p corrected over all of them.

    baseline: factors and values, as on the command line; where it is empty, the first configuration
    of each dataset is the baseline. Raises ConfigError where no configuration matches.
    """
    _check(found, baseline)
    pairs = [(each, _baseline_of(each, found, baseline)) for each in found]
    differences = [
        paired_difference(each.scores, other.scores) if other else None for each, other in pairs
    ]
    ps = [d.p if d else None for d in differences]
    corrected = iter(holm([p for p in ps if p is not None]))
    baselines = [other for _, other in pairs if other]
    return [
        dataclasses.replace(
            each,
            baseline=other.label if other else "",
            is_baseline=any(each is other for other in baselines),
            difference=difference,
            p_holm=None if p is None else next(corrected),
        )
        for (each, other), difference, p in zip(pairs, differences, ps, strict=True)
    ]


def _check(found: Sequence[Configuration], baseline: Mapping[str, str]) -> None:
    for key, value in baseline.items():
        values = sorted({format_value(each.factors[key]) for each in found if key in each.factors})
        if not any(key in each.factors and is_value(each.factors[key], value) for each in found):
            allowed = f"no configuration has that; it was {', '.join(values) or 'not varied'}"
            raise ConfigError(f"--baseline {key}", value, allowed)
    if baseline and not any(_matches(each, baseline) for each in found):
        words = ",".join(f"{key}={value}" for key, value in baseline.items())
        raise ConfigError("--baseline", words, "no configuration has all of that")


def _baseline_of(
    ours: Configuration, found: Sequence[Configuration], baseline: Mapping[str, str]
) -> Configuration | None:
    """The baseline of one configuration: of several matches, the one equal to it in all else."""
    peers = [each for each in found if each.dataset == ours.dataset]
    matching = [each for each in peers if _matches(each, baseline)]
    if not baseline:
        matching = peers[:1]
    if ours in matching:
        return None
    alike = [each for each in matching if _equal_except(each, ours, baseline)]
    return matching[0] if len(matching) == 1 else next(iter(alike), None)


def _matches(each: Configuration, baseline: Mapping[str, str]) -> bool:
    return all(is_value(each.factors.get(key), value) for key, value in baseline.items())


def _equal_except(a: Configuration, b: Configuration, keys: Mapping[str, str]) -> bool:
    return all(
        canonical(b.factors[key]) == canonical(value)
        for key, value in a.factors.items()
        if key not in keys
    )
