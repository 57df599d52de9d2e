"""The recipe of each configuration: loss, optimizer, regularizer, and what else differs."""

from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from gan_zoo.report.configurations import Configuration
from gan_zoo.report.factors import ABSENT, Factors, format_value
from gan_zoo.report.number_format import NONE
from gan_zoo.report.runs import Run
from gan_zoo.report.tables import Column
from gan_zoo.setting_keys import DATA_ROOT

_SHOWN_GROUPS = ("loss", "optimizer", "regularizer", "architecture")
_SHOWN = ("dataset", "n_critic", "batch_size", "ema", *_SHOWN_GROUPS)
_DETAILED = ("optimizer", "architecture", "dataset")  # groups of which only a part is shown
_OF_OPTIMIZERS = ("lr", "betas", "alpha")  # that are shown
_OTHERS = 8  # columns of further settings

_Text = Callable[[Run], str]
_Reference = Callable[[Configuration], Configuration]  # what a row is compared with


def recipe_columns(rows: Sequence[Configuration], found: Factors) -> list[Column]:
    """Make the columns of recipes; what differs from a row's baseline is strong.

    Where no row has one, it is the first row.
    """
    by_label = {each.label: each for each in rows}
    has_baseline = any(each.baseline or each.is_baseline for each in rows)

    def reference(each: Configuration) -> Configuration:
        return by_label.get(each.baseline, each) if has_baseline else rows[0]

    hidden = found.equal if len(rows) > 1 else {}  # of the loss: its line would be long
    columns = [
        _column("loss", lambda run: _choice(run, "loss", hidden), reference),
        _column("lr", lambda run: _of_networks(run, "lr"), reference),
        _column("betas", _betas, reference),
        _column("n_critic", lambda run: _setting(run, "n_critic"), reference),
        _column("regularizer", lambda run: _choice(run, "regularizer"), reference),
        _column("optimizer", _optimizers, reference),
        _column("architecture", lambda run: str(run.choices.get("architecture", NONE)), reference),
        _column("batch size", lambda run: _setting(run, "batch_size"), reference),
        _column("EMA", lambda run: _setting(run, "ema"), reference),
        *(_column(key, _setting_of(key), reference) for key in _others(found, rows)),
    ]
    return [
        Column("configuration", lambda each: each.label, wordy=True),
        *(column for column in columns if any(column.text(row) != NONE for row in rows)),
    ]


def _column(title: str, text: _Text, reference: _Reference) -> Column:
    def of(each: Configuration) -> str:
        return text(each.statuses[0].run)

    def mark(each: Configuration) -> str:
        return "strong" if of(each) != of(reference(each)) else ""

    return Column(title, of, mark=mark, wordy=True)


def _others(found: Factors, rows: Sequence[Configuration]) -> Iterable[str]:
    """Choose keys that differ and that no other column shows; those of _DETAILED are last."""
    keys = (*found.factors, *found.covarying)
    hidden = [key for key in keys if key.partition(".")[0] not in _SHOWN]
    hidden += [key for key in keys if _is_detail(key, rows)]
    return hidden[:_OTHERS]


def _is_detail(key: str, rows: Sequence[Configuration]) -> bool:
    group, _, name = key.partition(".")
    last = name.rpartition(".")[2]
    if group not in _DETAILED or last in ("", "_target_") or key == DATA_ROOT:
        return False
    if group == "dataset":  # other datasets have tables of their own
        return len({_setting(each.statuses[0].run, key) for each in rows}) > 1
    return group != "optimizer" or last not in _OF_OPTIMIZERS


def _choice(run: Run, group: str, hidden: Container[str] = ()) -> str:
    """Return a group's choice and settings but the hidden ones: weight_clip (bound=0.01)."""
    target = run.settings.get(f"{group}._target_")
    name = run.choices.get(group) or (str(target).rpartition(".")[2] if target else NONE)
    settings = [
        f"{key.removeprefix(f'{group}.')}={format_value(value)}"
        for key, value in run.settings.items()
        if key.startswith(f"{group}.") and not key.endswith("_target_") and key not in hidden
    ]
    return f"{name} ({', '.join(settings)})" if settings else str(name)


def _optimizers(run: Run) -> str:
    return _of_networks(run, "_target_").replace("gan_zoo.optimizers.", "")


def _betas(run: Run) -> str:
    """Return Adam's betas, or the alpha of RMSprop."""
    alpha = _of_networks(run, "alpha")
    return _of_networks(run, "betas") if alpha == NONE else f"alpha {alpha}"


def _of_networks(run: Run, name: str) -> str:
    """Return a setting of both optimizers, or of each of them where they differ."""
    critic, generator = (
        _setting(run, f"optimizer.{network}.{name}") for network in ("critic", "generator")
    )
    if critic == generator:
        return critic
    return f"critic {critic}, generator {generator}"


def _setting_of(key: str) -> _Text:
    return lambda run: _setting(run, key)


def _setting(run: Run, key: str) -> str:
    return _text(run.keys.get(key))


def _text(value: Any) -> str:
    if value is None or value == ABSENT:
        return NONE
    if isinstance(value, (list, tuple)):
        return ", ".join(map(format_value, value))
    return format_value(value)
