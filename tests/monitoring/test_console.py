"""The terminal: log lines beside a progress bar, bold text, and the numbers that stay."""

import io
import logging
import sys

import pytest
from tqdm import tqdm

from gan_zoo.monitoring.console import (
    bold,
    estimate,
    log_above_bar,
    log_bold,
    plain,
    short_duration,
    show,
)
from gan_zoo.monitoring.progress import JobDisplay, Progress, last_numbers


class Terminal(io.StringIO):
    """A terminal that keeps what it is sent."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def open_terminal(monkeypatch):
    """A function that makes a terminal of both outputs, with a console handler of warnings.

    To be called in the test: pytest sets both outputs after its fixtures.
    """

    def open_here():
        screen = Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.delenv("NO_COLOR", raising=False)
        handler = logging.StreamHandler(screen)
        handler.setLevel("WARNING")
        monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
        return screen

    return open_here


def test_log_lines_are_above_the_bar_and_keep_levels(open_terminal):
    terminal = open_terminal()
    log = logging.getLogger("test")
    log.setLevel("INFO")
    with log_above_bar(), tqdm(total=2, leave=False, ascii=True) as bar:
        bar.update()
        log.info("hidden")
        log.warning("shown")
    assert "hidden" not in terminal.getvalue()
    assert "\rshown\n" in terminal.getvalue()
    (handler,) = logging.getLogger().handlers
    assert handler.stream is terminal


@pytest.mark.parametrize(("no_color", "expected"), [("", bold("text")), ("1", "text")])
def test_bold_is_shown_where_wanted(open_terminal, monkeypatch, no_color, expected):
    terminal = open_terminal()
    monkeypatch.setenv("NO_COLOR", no_color)
    log_bold()
    logging.getLogger("test").warning("text", extra={"styled": bold("text")})
    logging.getLogger("test").warning("other")
    assert terminal.getvalue() == f"{expected}\nother\n"
    assert plain(bold("text")) == "text"


def test_closed_output_is_no_error(monkeypatch):
    closed = Terminal()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    show("a line")


def test_other_encodings_get_every_line(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    show("mean ± 1")
    assert written.getvalue() == b"mean ? 1\n"


def test_times_have_units():
    times = {0.44: "0.4 s", 9.97: "10 s", 41: "41 s", 125: "2 min", 5400: "90 min", 9000: "2.5 h"}
    assert {seconds: short_duration(seconds) for seconds in times} == times
    assert [estimate(s) for s in (4, 53, 97, 540)] == [
        "about 4 s", "about 50 s", "about 2 min", "about 9 min",
    ]  # fmt: skip


VALUES = {"loss/critic": 1.25, "loss/generator": 0.5, "perf/images_per_second": 900.0}


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_bar_of_a_job_fits_the_terminal(open_terminal, monkeypatch, columns):
    terminal = open_terminal()
    monkeypatch.setenv("COLUMNS", str(columns))
    job = JobDisplay("job 3/18  loss=wgan,seed=2", lambda made, left: "about 9 min left", bar=True)
    progress = Progress(100, 0, job=job)
    progress._bar.dynamic_ncols = lambda _: (columns, 24)
    progress.update(50, VALUES, "healthy")
    progress._bar.refresh()
    shown = terminal.getvalue().split("\r")[-1]
    assert len(shown) <= columns
    parts = ["about 9 min left", "critic 1.25  generator 0.5", "healthy", "900 images/s"]
    fitting = {50: 1, 80: 2, 200: 4}[columns]
    assert [part in shown for part in parts] == [k < fitting for k in range(4)]
    progress.close()


def test_job_without_bar_shows_few_lines(capsys, monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr("gan_zoo.monitoring.progress.time.monotonic", lambda: now[0])
    job = JobDisplay("job 1/2  seed=0", lambda made, left: f"{made} made, {left} left", bar=False)
    progress = Progress(100, 20, job=job)
    for step in range(21, 101):
        now[0] += 1.0
        progress.update(step, VALUES, "healthy")
    lines = capsys.readouterr().out.splitlines()
    values = "critic 1.25  generator 0.5  healthy"
    assert lines == [
        f"job 1/2  seed=0  step {step}/100  {values}  {step - 20} made, {100 - step} left"
        for step in (30, 90)
    ]


def test_last_numbers_stay_in_lines_of_80_characters():
    metrics = {f"metric/{name}_glyphs_cnn": 0.123456 for name in (
        "frechet", "precision", "recall", "density", "coverage", "classes_covered", "class_entropy",
    )}  # fmt: skip
    last = {"loss/critic": 1.25, "loss/generator": 0.5, "score/real": 1.0, **metrics}
    summary = {
        "steps": 300,
        "seconds": 61.2,
        "health": "healthy",
        "last": {**last, "metric/x": None},
    }
    lines = last_numbers(summary).splitlines()
    assert lines[:3] == [
        "trained      300 steps in 61 s",
        "last losses  critic 1.25  generator 0.5",
        "metrics      frechet 0.1235  precision 0.1235  recall 0.1235  density 0.1235",
    ]
    assert lines[-1] == "health       healthy"
    assert max(map(len, lines)) <= 80
