"""Tables and figures of the studies say what the rows of their CSV files say."""

from pathlib import Path

import pytest

from gan_zoo.report.result_rows import read_csv
from gan_zoo.schema import ConfigError
from gan_zoo.studies.cells import cell, grouped, label, winner
from gan_zoo.studies.figures import study_figures
from gan_zoo.studies.page import describe_runs, study_block, update_page
from gan_zoo.studies.plan import load_study
from gan_zoo.studies.tables import overview_table, study_tables

DOCS = Path(__file__).parents[2] / "docs"
DEFAULTS = """part,loss,seed,modes,frechet,health,steps,seconds,device,git_commit,torch,command
ring,gan,0,8,,healthy,10,2,cpu,abc,2,
mnist,gan,0,,21,healthy,10,2,cpu,abc,2,
mnist,cls_gan,0,,9,healthy,10,2,cpu,abc,2,
"""
FACTS = {"health": "healthy", "steps": "10", "seconds": "2", "device": "cpu", "git_commit": "abc"}


def rows(values, **more):
    """A row for each seed of each loss."""
    return [
        {"loss": loss, "seed": str(seed), "frechet": str(value), "torch": "2", **FACTS, **more}
        for loss, numbers in values.items()
        for seed, value in enumerate(numbers)
    ]


def cells(values):
    return {name: cell(group, "frechet") for name, group in grouped(rows(values), ["loss"]).items()}


def test_certain_winner_is_bold():
    table = study_tables(
        rows({"gan": [10, 11, 12], "wgan": [20, 21, 22.5]}),
        [{"rows": ["loss"], "metrics": ["frechet"]}],
    )
    assert table[2] == "| gan | **11.0 ± 2.5** |"
    assert table[3] == "| wgan | 21.2 ± 3.1 |"


def test_means_far_apart_have_digits_of_their_own():
    table = study_tables(
        rows({"gan": [1.25, 1.3, 1.35], "wgan": [1000, 1100, 1200]}),
        [{"rows": ["loss"], "metrics": ["frechet"]}],
    )
    assert table[2:4] == ["| gan | **1.30 ± 0.12** |", "| wgan | 1,100 ± 248 |"]


@pytest.mark.parametrize("other", [[10, 12, 11.5], [30, ""], ["", ""]], ids=str)
def test_uncertain_winner_is_not_marked(other):
    assert winner(cells({"gan": [10, 11, 12], "wgan": other}), "frechet") is None


def test_group_without_its_hardest_seed_is_no_winner():
    found = cells({"gan": [10, 20, 30], "wgan": [10.5, 20.51, ""]})
    assert found["wgan"].mean < found["gan"].mean
    assert winner(found, "frechet") is None


def test_missing_values_are_counted():
    table = study_tables(
        rows({"gan": [10, "", 12], "wgan": [20, 21, 22]}),
        [{"rows": ["loss"], "metrics": ["frechet"]}],
    )
    assert "(2 of 3 runs)" in table[2]


@pytest.mark.parametrize(
    "early",
    [
        {"health": "diverged at step 5003 (loss/critic is nan)", "steps": "5003"},
        {"health": "diverged at step 10000 (loss/critic is nan)", "steps": "10000"},
        {"health": "failed: OSError: disk", "steps": ""},
        {"health": "healthy", "steps": "5000"},
    ],
    ids=lambda early: " ".join(early.values()),
)
def test_runs_that_ended_early_have_no_value(early):
    command = "python train.py warmup.steps=1 steps=10000"
    given = rows({"gan": [8, 2], "wgan": [2]}, steps="10000", command=command)
    for row in given[1:]:
        row |= early
    found = cell(given[:2], "frechet")
    assert (found.values, found.runs) == ({"0": 8}, 2)
    assert "8 (1 of 2 runs)" in study_tables(given, [{"rows": ["loss"], "metrics": ["frechet"]}])[2]
    for plan in (
        {"kind": "dots", "rows": ["loss"], "metric": "frechet"},
        {"kind": "lines", "x": "seed", "series": ["loss"], "metric": "frechet"},
    ):
        assert study_figures(given, [plan])
        assert not study_figures(given[1:], [plan])


def test_labels_name_settings():
    row = {"loss": "glsgan", "loss.slope": "0.5", "architecture.critic.norm": "batch"}
    keys = ["loss", "loss.slope", "architecture.critic.norm", "part"]
    assert label(row, keys) == "glsgan, slope 0.5, critic norm batch"


def test_numbers_are_in_order():
    group = grouped([{"x": "10"}, {"x": "-1"}, {"x": "2"}], ["x"])
    assert [*group] == ["-1", "2", "10"]


def test_columns_are_values_of_a_setting():
    part_rows = [*rows({"gan": [10, 11]}, part="clip"), *rows({"wgan": [5, 6]}, part="none")]
    table = study_tables(
        part_rows, [{"rows": ["loss"], "columns": ["part"], "metrics": ["frechet"]}]
    )
    assert table[2] == "| loss | clip | none |"
    assert table[5].startswith("| wgan | – | 5.5")


@pytest.mark.parametrize(
    "plan",
    [
        {"kind": "dots", "rows": ["loss"], "metric": "frechet"},
        {"kind": "heat", "rows": ["loss"], "columns": ["part"], "metric": "frechet"},
        {"kind": "lines", "x": "steps", "series": ["loss"], "metric": "frechet"},
    ],
    ids=lambda plan: plan["kind"],
)
def test_figures_need_numbers(plan):
    with_numbers = rows({"gan": [10, 11], "wgan": [5, 6]}, part="clip")
    assert len(study_figures(with_numbers, [plan])) == 1
    assert not study_figures(rows({"gan": ["", ""]}, part="clip"), [plan])


def test_curves_of_a_group_without_values_are_an_empty_panel():
    plan = {"kind": "curves", "tag": "score/fake", "each": ["part"], "series": ["loss"]}
    known = {"score/fake@1": "0.1", "score/fake@2": "2"}
    given = rows({"gan": [1, 2]}, part="none", **known)
    lost = rows({"gan": [1, 2]}, part="clip", **dict.fromkeys(known, ""))
    ((figure, _),) = study_figures([*given, *lost], [plan]).values()
    assert [len(axes.lines[0].get_xdata()) for axes in figure.axes] == [2, 0]
    early = [row | {"health": "diverged at step 2"} for row in given]
    assert not study_figures([*early, *lost], [plan])


@pytest.mark.parametrize("others", [[1010, 1030], [5, 6]], ids=["alike", "a hundredfold"])
def test_heat_maps_round_as_tables_do(others):
    given = [
        *rows({"gan": [1022, 1004], "wgan": others}, part="clip"),
        *rows({"wgan": ["", ""]}, part="none"),
    ]
    plan = {"rows": ["loss"], "columns": ["part"], "metric": "frechet"}
    ((figure, _),) = study_figures(given, [{"kind": "heat", **plan}]).values()
    shown = [text.get_text().replace("\n", " ") for text in figure.axes[0].texts]
    table = study_tables(given, [{**plan, "metrics": ["frechet"]}])
    assert [line.split(" | ")[1].strip("*") for line in table if "gan |" in line] == shown[:2]
    assert "1,013 ± 114" in shown


def test_shares_are_per_cent_in_tables_and_figures():
    given = [
        {"loss": "gan", "seed": str(seed), "classification_error": str(share), "health": "healthy"}
        for seed, share in enumerate((0.02, 0.04))
    ]
    plan = {"kind": "dots", "rows": ["loss"], "metric": "classification_error"}
    ((figure, caption),) = study_figures(given, [plan]).values()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "Classification error (%)"
    assert sorted(axes.lines[0].get_xdata()) == [2, 4]
    assert caption.startswith("Classification error (%);")
    table = study_tables(given, [{"rows": ["loss"], "metrics": ["classification_error"]}])
    assert table[2].startswith("| gan | 3.0 ± 12.7 |")


def test_steps_of_a_study_are_those_of_runs_that_reached_their_end():
    given = rows({"gan": [8, 2, 1]}, steps="10000", command="python train.py steps=10000")
    given[1] |= {"health": "diverged at step 5003 (loss/critic is nan)", "steps": "5003"}
    given[2] |= {"steps": "7000"}
    assert describe_runs(given).startswith("3 runs of 10,000 steps, 3 seeds")


def test_results_without_a_place_are_refused(tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/tour.csv").write_text("part\n")
    (tmp_path / "studies.md").write_text("nothing\n")
    with pytest.raises(ConfigError, match="has no line"):
        update_page(tmp_path)


@pytest.mark.parametrize("path", sorted((DOCS / "studies").glob("*.csv")), ids=lambda p: p.stem)
def test_page_shows_the_results(path):
    found, plan = read_csv(path), load_study(path.stem).content
    figures = study_figures(found, plan["figures"])
    block = study_block(path.stem, DOCS, found, figures)
    assert block in (DOCS / "studies.md").read_text(encoding="utf-8")
    for picture in figures:
        assert (DOCS / f"pictures/study-{path.stem}-{picture}.png").is_file()
    if "overview" in plan:
        table = "\n".join(overview_table(found, plan["overview"]))
        assert table in (DOCS.parent / "README.md").read_text(encoding="utf-8")


def test_readme_shows_the_overview(tmp_path):
    (tmp_path / "docs/studies").mkdir(parents=True)
    (tmp_path / "docs/pictures").mkdir()
    (tmp_path / "docs/studies/defaults.csv").write_text(DEFAULTS)
    (tmp_path / "docs/studies.md").write_text("<!-- study defaults -->\n<!-- end -->\n")
    (tmp_path / "README.md").write_text("a\n<!-- overview defaults -->\nold\n<!-- end -->\nb\n")
    assert update_page(tmp_path / "docs") == ["defaults"]
    assert (
        (tmp_path / "README.md").read_text()
        == """a
<!-- overview defaults -->

| loss | ring: modes | mnist: Fréchet distance |
|---|---|---|
| gan | 8 | 21 |
| cls_gan | – | 9 |
<!-- end -->
b
"""
    )
