"""The table of recipes: what each configuration was trained with, and what differs."""

import pytest

from gan_zoo.report.recipe import recipe_columns
from report_folders import compared, write_run

ADAM = {"lr": 0.0002, "betas": [0.5, 0.999]}
REFERENCES = {"_target_": "gan_zoo.optimizers.Adam", "lr": "${optimizer.lr}"}
REFERENCES |= {"betas": "${optimizer.betas}"}
RMSPROP = {"_target_": "gan_zoo.optimizers.RMSprop", "lr": "${optimizer.lr}", "alpha": 0.99}
CLIP = {"_target_": "gan_zoo.regularizers.WeightClip", "bound": 0.01}


@pytest.fixture
def cells(tmp_path):
    """Text and CSS class of each cell: configuration -> title -> (text, class)."""
    shared = {"batch_size": 64, "seed": 0}
    gan = {"optimizer": {**ADAM, "generator": REFERENCES, "critic": {**REFERENCES, "lr": 0.001}}}
    wgan = {"optimizer": {"lr": 5e-5, "generator": RMSPROP, "critic": RMSPROP}}
    wgan |= {"n_critic": 5, "regularizer": CLIP, "warmup": {"steps": 25}}
    gan |= {"n_critic": 1, "warmup": {"steps": 0}}
    chosen = {"loss": "wgan", "regularizer": "weight_clip"}
    write_run(tmp_path / "a", [2.0], settings={**shared, **gan})
    write_run(tmp_path / "b", [1.0], settings={**shared, **wgan}, choices=chosen)
    found = compared(tmp_path)
    columns = recipe_columns(found.configurations, found.factor_set)
    return {
        row.label: {column.title: (column.text(row), column.mark(row)) for column in columns}
        for row in found.configurations
    }


def test_recipes_resolve_references_and_networks(cells):
    gan, wgan = cells["loss=gan"], cells["loss=wgan"]
    assert gan["optimizer"] == ("Adam", "")
    assert gan["lr"] == ("critic 0.001, generator 0.0002", "")
    assert gan["betas"] == ("0.5, 0.999", "")
    assert wgan["lr"][0] == "5e-05"
    assert wgan["betas"][0] == "alpha 0.99"
    assert wgan["regularizer"] == ("weight_clip (bound=0.01)", "strong")


def test_recipes_mark_what_differs_from_the_baseline(cells):
    differing = {title for title, (_, mark) in cells["loss=wgan"].items() if mark == "strong"}
    assert {"loss", "lr", "betas", "n_critic", "regularizer", "warmup.steps"} == differing - {
        "optimizer"
    }
    assert not any(mark for _, mark in cells["loss=gan"].values())
    assert cells["loss=wgan"]["batch size"] == ("64", "")


def test_recipes_are_compared_with_their_own_baseline(tmp_path):
    for loss in ("gan", "wgan"):
        for lr in (0.1, 0.2):
            write_run(
                tmp_path / f"{loss}{lr}", [1.0], choices={"loss": loss},
                overrides=(f"loss={loss}", f"optimizer.lr={lr}"),
                settings={"loss": {"_target_": loss}, "optimizer": {
                    "lr": lr, "generator": REFERENCES, "critic": REFERENCES,
                    "betas": [0.5, 0.9],
                }},
            )  # fmt: skip
    found = compared(tmp_path, baseline={"loss": "gan"})
    columns = recipe_columns(found.configurations, found.factor_set)
    strong = {
        row.label: {column.title for column in columns if column.mark(row) == "strong"}
        for row in found.configurations
    }
    assert strong == {
        f"loss={loss}, optimizer.lr={lr}": {"loss"} if loss == "wgan" else set()
        for loss in ("gan", "wgan")
        for lr in (0.1, 0.2)
    }


def test_recipes_show_settings_of_data_and_optimizers_but_not_access(tmp_path):
    for i in (0, 1):
        access = {"root": f"data{i}", "download": bool(i), "cache": f"c{i}", "workers": i}
        dataset = {**access, "_target_": f"D{i}", "on_device": bool(i), "labels_per_class": 10 * i}
        optimizer = {"lr": 1.0, "weight_decay": 0.5 * i, "generator": {"lr": 1.0 + i}}
        write_run(
            tmp_path / str(i), [1.0], overrides=(f"dataset.labels_per_class={10 * i}",),
            settings={"dataset": dataset, "optimizer": optimizer},
        )  # fmt: skip
    found = compared(tmp_path)
    columns = recipe_columns(found.configurations, found.factor_set)
    row = found.configurations[1]
    second = {column.title: (column.text(row), column.mark(row)) for column in columns}
    assert second["dataset.labels_per_class"] == ("10", "strong")
    assert second["optimizer.weight_decay"] == ("0.5", "strong")
    others = {title for title in second if title.startswith(("dataset", "optimizer."))}
    assert others == {"dataset.labels_per_class", "optimizer.weight_decay"}


def test_recipes_of_one_dataset_omit_how_others_differ_from_it(tmp_path):
    for i, (name, modes) in enumerate((("ring", 8), ("grid", 25))):
        for seed, loss in enumerate(("gan", "wgan")):
            settings = {"dataset": {"modes": modes}, "loss": {"_target_": loss}}
            write_run(
                tmp_path / f"{name}{loss}", [1.0], overrides=(f"dataset={name}", f"loss={loss}"),
                settings=settings, choices={"dataset": name, "loss": loss}, number=2 * i + seed,
            )  # fmt: skip
    found = compared(tmp_path)
    for peers in found.datasets.values():
        titles = [column.title for column in recipe_columns(peers, found.factor_set)]
        assert len(peers) == 2
        assert "dataset.modes" not in titles


def test_recipes_omit_what_is_unknown(cells):
    assert "EMA" not in cells["loss=gan"]


def test_setting_that_refers_to_itself_does_not_hang(tmp_path):
    loop = {"optimizer": {"critic": {"lr": "${optimizer.critic.lr}"}, "generator": {"lr": 1}}}
    write_run(tmp_path / "run", [1.0], settings=loop)
    found = compared(tmp_path)
    columns = recipe_columns(found.configurations, found.factor_set)
    assert "${optimizer.critic.lr}" in "".join(c.text(found.configurations[0]) for c in columns)
