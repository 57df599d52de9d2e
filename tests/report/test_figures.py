"""Figures: one style per configuration, scales, and which figures are omitted."""

import errno
import functools
import io
import itertools
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.text import Text

from gan_zoo.report.build import figures, write_report
from gan_zoo.report.curve_figures import learning
from gan_zoo.report.figure_style import line_styles, wrapped_text
from gan_zoo.report.metric_choice import Metric
from gan_zoo.report.sweep_figures import heat_map, intervals, sweep
from report_folders import (
    METRIC,
    add_metrics,
    compared,
    write_run,
    write_sweep,
    write_unevaluated_sweep,
)


@pytest.fixture
def slopes(tmp_path):
    """A comparison of three slopes and two seeds that has every figure of a metric."""
    for i, slope in enumerate((0.0, -1.0, 1.0)):
        for seed in (0, 1):
            last = 2.0 + i + seed
            write_run(
                tmp_path / f"{slope},{seed}", [3 * last, last], number=i,
                overrides=(f"loss.slope={slope}",), summary={"seconds": last},
                settings={"seed": seed, "loss": {"slope": slope}},
            )  # fmt: skip
    return compared(tmp_path)


def test_configurations_have_one_color_and_marker_everywhere(slopes):
    styles = line_styles(slopes)
    assert [style.marker for style in styles.values()] == ["D", "o", "o"]
    drawn = figures(slopes)
    assert set(drawn) == {"intervals", "sweep", "learning", "cost"}
    for figure, _ in drawn.values():
        marks = {
            (to_hex(line.get_color()), line.get_marker())
            for line in figure.axes[0].lines
            if line.get_marker() in ("D", "o")
        }
        assert marks == {(style.color, style.marker) for style in styles.values()}


def test_colors_do_not_depend_on_rank(tmp_path):
    root = write_sweep(tmp_path, {"gan": [9.0, 8.0], "wgan": [7.0, 6.0], "hinge": [8.0, 7.0]})
    higher = Metric(METRIC, lower_is_better=False)
    colors = [
        {label: style.color for label, style in line_styles(found).items()}
        for found in (compared(root), compared(root, metric=higher), compared(root, metric=None))
    ]
    assert colors[0] == colors[1] == colors[2]
    assert len(set(colors[0].values())) == 3


def test_curves_begin_at_step_0_with_markers(slopes):
    (axes,) = learning(slopes)[0].axes
    assert axes.get_xlim()[0] == 0
    assert all(line.get_marker() in ("D", "o") for line in axes.lines)


@pytest.mark.parametrize(
    ("values", "scale"), [([5.0, 1.0], "linear"), ([10.0, 1.0], "log"), ([10.0, 0.0], "linear")]
)
def test_scale_is_logarithmic_over_a_power_of_ten(tmp_path, values, scale):
    write_run(tmp_path / "run", values)
    (axes,) = learning(compared(tmp_path))[0].axes
    assert axes.get_yscale() == scale


@pytest.mark.parametrize(
    ("rates", "scale"),
    [((3e-5, 1e-4, 3e-4), "log"), ((1e-4, 2e-4, 5e-4), "linear"), ((0.0, 1e-4, 1e-2), "linear")],
)
def test_axis_of_learning_rates_over_a_decade_is_logarithmic(tmp_path, rates, scale):
    for i, lr in enumerate(rates):
        settings = {"optimizer": {"lr": lr}}
        write_run(tmp_path / str(i), [3.0 + i, 2.0 + i], settings=settings, number=i)
    (axes,) = sweep(compared(tmp_path))[0].axes
    assert (axes.get_xscale(), axes.get_xlabel()) == (scale, "optimizer.lr")


@pytest.mark.parametrize("searched", [True, False])
def test_points_that_differ_in_other_settings_are_not_joined(tmp_path, searched):
    for i, (lr, slope) in enumerate(((1e-4, 0.3), (2e-4, -0.7), (3e-4, 0.1))):
        settings = {"optimizer": {"lr": lr}, "loss": {"slope": slope if searched else 0.0}}
        typed = (f"optimizer.lr={lr}", f"loss.slope={settings['loss']['slope']}")
        write_run(tmp_path / str(i), [3.0 + i], settings=settings, overrides=typed, number=i)
    figure, caption = sweep(compared(tmp_path))
    joined = [line for line in figure.axes[0].lines if len({*line.get_xdata()}) > 1]
    assert len(joined) == (0 if searched else 1)
    assert ("points that also differ in loss.slope are not joined" in caption) == searched


@pytest.mark.parametrize("rates", [(1e-4, 2e-4, 3e-4), (0.00018, 0.0002, 0.00044)])
def test_ticks_of_small_numbers_do_not_overlap(tmp_path, rates):
    beside = {"missing classes": {"0": 1.0, "9": 19.0}}  # whose words make the axes narrow
    for i, lr in enumerate(rates):
        settings, summary = {"optimizer": {"lr": lr}}, {"yardstick": {METRIC: beside}}
        write_run(tmp_path / str(i), [4.0 + i], settings=settings, summary=summary, number=i)
    figure, _ = sweep(compared(tmp_path))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    shown = [tick for tick in axes.get_xticklabels() if tick.get_text()]
    low, high = axes.get_xlim()
    boxes = [t.get_window_extent() for t in shown if low <= t.get_position()[0] <= high]
    assert len(boxes) >= 2
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


def test_labels_break_between_words(tmp_path):
    write_sweep(tmp_path, {"relativistic_average": [1.0], "gan": [2.0]})
    figure, _ = intervals(compared(tmp_path))
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == ["loss=gan", "loss=relativistic_\naverage"]
    text = "optimizer.lr=0.0001783, optimizer.betas=[0.0, 0.9]"
    assert wrapped_text(text, 20) == ("optimizer.lr=\n0.0001783,\noptimizer.betas=\n[0.0, 0.9]")


def test_letters_of_no_font_are_no_warning(tmp_path, recwarn):
    for i, name in enumerate(("照片", "снимки", "\U0001315b")):  # the last is a hieroglyph
        loss = {"loss": {"_target_": "gan_zoo.losses.GAN", "name": name}}
        settings, words = {"seed": 0, **loss}, (f"loss.name={name}",)
        write_run(tmp_path / str(i), [2.0 + i], settings=settings, overrides=words, number=i)
    write_report([tmp_path], out=tmp_path / "report")
    assert "照片" in (tmp_path / "report/report.md").read_text(encoding="utf-8")
    assert not [each.message for each in recwarn if "Glyph" in str(each.message)]


def test_long_names_are_within_the_figure(tmp_path):
    tag = "metric/label_accuracy_worst_image_folder_unlabeled_cnn"
    key = "regularizer.parts.gradient_penalty.weight"
    for i, (weight, lr) in enumerate(itertools.product((0, 1), (1.0, 2.0, 3.0))):
        settings = {"optimizer": {"lr": lr}, "regularizer": {"parts": {"gradient_penalty": {}}}}
        settings["regularizer"]["parts"]["gradient_penalty"]["weight"] = weight
        folder = write_run(
            tmp_path / str(i), [6.0 + i, 2.0 + i], settings=settings, number=i,
            overrides=(f"{key}={weight}",), summary={"seconds": 5 + i},
        )  # fmt: skip
        lines = (folder / "metrics.jsonl").read_text().replace(METRIC, tag)
        (folder / "metrics.jsonl").write_text(lines)
    for kind in ("precision", "recall"):
        add_metrics(tmp_path, **{f"{kind}_image_folder_unlabeled_cnn": 0.5})
    metrics = tmp_path / "0/metrics.jsonl"
    metrics.write_text(metrics.read_text().replace("0.5", "0.6"))
    drawn = figures(compared(tmp_path, metric=Metric(tag, lower_is_better=False)))
    assert set(drawn) == {"intervals", "sweep", "heat_map", "learning", "diversity", "cost"}
    for figure, _ in drawn.values():
        figure.draw_without_rendering()
        for axes in figure.axes:
            for text in (axes.xaxis.label, axes.yaxis.label, *axes.get_children()):
                if isinstance(text, Text) and text.get_text() and text.get_visible():
                    box = text.get_window_extent()
                    assert min(box.x0, box.y0) >= 0, text
                    assert box.x1 <= figure.bbox.width, text
                    assert box.y1 <= figure.bbox.height, text


def test_scores_keep_a_linear_scale(tmp_path):
    write_unevaluated_sweep(tmp_path)
    for path in tmp_path.rglob("metrics.jsonl"):
        path.write_text(path.read_text().replace("0.5", "50.0"))
    found = compared(tmp_path, metric=None)
    scales = {name: figure.axes[0].get_yscale() for name, (figure, _) in figures(found).items()}
    assert scales == {"losses": "log", "scores": "linear", "gradients": "log"}


def test_figures_of_equal_values_are_omitted(tmp_path):
    root = write_sweep(tmp_path, {"gan": [5.0, 5.0], "wgan": [5.0, 5.0], "hinge": [5.0, 5.0]})
    for path in root.rglob("metrics.jsonl"):
        path.write_text(path.read_text().replace("10.0", "5.0"))
    assert figures(compared(root)) == {}
    (root / "loss=gan,seed=0/metrics.jsonl").write_text(
        (root / "loss=gan,seed=0/metrics.jsonl").read_text().replace("5.0", "6.0")
    )
    assert set(figures(compared(root))) == {"intervals", "learning", "cost"}


def test_figure_is_narrow_enough_for_a_phone(slopes):
    widths = [figure.get_size_inches()[0] for figure, _ in figures(slopes).values()]
    assert widths
    assert max(widths) < 5


def test_heat_map_over_decades_has_plain_numbers(tmp_path):
    for i, (lr, slope) in enumerate(itertools.product((0.1, 0.2), (-1, 1))):
        write_run(tmp_path / str(i), [10.0**i], settings={"lr": lr, "slope": slope}, number=i)
    figure, _ = heat_map(compared(tmp_path))
    figure.draw_without_rendering()
    bar = figure.axes[1]
    shown = [t.get_text() for t in [*bar.get_yticklabels(), *bar.get_yticklabels(minor=True)]]
    assert {"1", "10", "100", "1000"} <= set(shown)
    assert "$" not in "".join(shown)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_figure_that_cannot_be_written_keeps_the_old_one(slopes, tmp_path, monkeypatch, kind):
    write_report([tmp_path], tmp_path / "report")
    before = {path: path.read_bytes() for path in (tmp_path / "report/figures").iterdir()}

    canvas = FigureCanvasAgg if kind == "png" else FigureCanvasSVG
    draw = getattr(canvas, f"print_{kind}")

    @functools.wraps(draw)  # matplotlib reads the signature
    def fail(self, file, **options):
        if isinstance(file, io.BytesIO):  # for the layout
            return draw(self, file, **options)
        write = Path(file).write_bytes if isinstance(file, (str, Path)) else file.write
        write(b"half")
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(canvas, f"print_{kind}", fail)
    with pytest.raises(OSError, match="full"):
        write_report([tmp_path], tmp_path / "report")
    after = {path: path.read_bytes() for path in (tmp_path / "report/figures").iterdir()}
    assert after == before
