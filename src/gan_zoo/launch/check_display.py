"""What the terminal shows while all jobs of a large sweep are checked. No torch."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

from gan_zoo.monitoring.console import estimate, has_bar, show
from gan_zoo.report.number_format import counted

_PATIENCE = 5  # seconds before anything is shown

Job = TypeVar("Job")


@contextmanager
def shown_checks(jobs: Iterable[Job], count: int) -> Iterator[Iterator[Job]]:
    """Show how many of so many jobs are checked in this block, as they are taken from the iterator.

    A bar, or without a terminal one line; nothing if it takes less than some seconds.
    """
    bar = tqdm(
        desc=f"checking {counted(count, 'job')}",
        total=count,
        disable=not has_bar(),
        delay=_PATIENCE,
        leave=False,
        bar_format="{desc} {percentage:3.0f}%, {remaining} left",
    )
    with bar:
        yield _followed(jobs, count, bar)


def _followed(jobs: Iterable[Job], count: int, bar: "tqdm[Job]") -> Iterator[Job]:
    begin, announced = 0.0, False
    for number, job in enumerate(jobs):
        yield job
        bar.update()
        begin = begin or time.monotonic()  # the first check imports torch
        passed = time.monotonic() - begin
        if bar.disable and not announced and passed > _PATIENCE:
            announced = True
            left = estimate(passed / number * (count - number))
            show(f"checking {counted(count, 'job')}, {left}")
