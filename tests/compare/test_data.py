"""What a comparison sees in data, and the overrides that it chooses for them."""

import zipfile

import numpy as np
import pytest
from hydra import compose
from PIL import Image

from gan_zoo import launch
from gan_zoo.compare.data_words import choose_data, inspect_data
from gan_zoo.compare.image_facts import (
    ImageFacts,
    choose_batch_size,
    choose_dataset,
    choose_sides,
    choose_test_share,
    read_image_facts,
)
from gan_zoo.schema import ConfigError


def compose_plain(words):
    with launch.initialize():
        return launch.to_dict(compose("train", list(words)))


def write_images(folder, sizes, classes=(), gray=False):
    rng = np.random.default_rng(0)
    for i, (width, height) in enumerate(sizes):
        pixels = rng.integers(256, size=(height, width, 3), dtype=np.uint8)
        pixels = np.repeat(pixels[..., :1], 3, 2) if gray else pixels
        path = folder / (classes[i % len(classes)] if classes else "") / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def inspect(root, tmp_path, *words):
    given = launch.prepare_overrides([f"dataset.root={root}", *words])
    return inspect_data([*given, f"dataset.cache={tmp_path}/cache"], compose_plain)


@pytest.mark.parametrize(
    ("sizes", "sides"),
    [
        ([(32, 32)] * 3, [32]),
        ([(64, 64)] * 3, [32, 64]),
        ([(28, 28)] * 3, [28]),
        ([(48, 48)] * 3, [48]),
        ([(50, 50)] * 3, [32]),
        ([(640, 480), (48, 100)], [32, 64]),
        ([(40, 33), (90, 41)], [32]),
        ([(20, 30), (10, 12)], [16]),
        ([(30, 30)] * 3, [28]),
        ([(20, 30)] * 3, [20]),
        ([(128, 128)] * 3, [32, 64]),
    ],
)
def test_sides_never_enlarge_images_without_need(sizes, sides):
    assert choose_sides(ImageFacts(tuple(sizes), gray=False)) == sides


@pytest.mark.parametrize(
    ("count", "share"), [(60, 0.25), (600, 0.25), (1000, 0.2), (5000, 0.1), (10**6, 0.1)]
)
def test_more_of_few_images_is_held_out(count, share):
    assert choose_test_share(count) == share


def test_batches_fit_the_training_images():
    assert [choose_batch_size(count, 64) for count in (45, 63, 64, 1000, 3)] == [32, 32, 64, 64, 2]


def test_folder_of_unequal_images_with_classes(tmp_path):
    sizes = [(40 + i, 70 - i) for i in range(30)] * 2
    root = write_images(tmp_path / "photos", sizes, ("cats", "dogs"))
    data = inspect(root, tmp_path)
    assert data.sides == (32,)
    assert data.shape == (3, 32, 32)
    assert data.words == ("dataset=image_folder", "dataset.test_share=0.25", "batch_size=32")
    assert data.facts["images"].startswith("40x70 to ")
    assert "dataset.fit=pad" in data.facts["images"]
    assert "conditional=true" in data.facts["labels"]
    assert "held out" in data.facts["data"]


def test_gray_images_have_one_channel(tmp_path):
    root = write_images(tmp_path / "photos", [(32, 32)] * 20, gray=True)
    data = inspect(root, tmp_path)
    assert "dataset.channels=1" in data.words
    assert data.shape == (1, 32, 32)
    assert "labels" not in data.facts
    assert not read_image_facts(write_images(tmp_path / "color", [(32, 32)])).gray


@pytest.mark.parametrize("count", [66, 100, 130, 200])
def test_images_at_the_end_of_a_folder_count(tmp_path, count):
    """Those after the first 64 have color and are larger."""
    write_images(tmp_path / "a_bw", [(20, 20)] * (count - count // 4), gray=True)
    write_images(tmp_path / "b_color", [(40, 40)] * (count // 4))
    facts = read_image_facts(tmp_path)
    assert not facts.gray
    large = facts.sizes.count((40, 40)) / len(facts.sizes)
    assert large == pytest.approx(0.25, abs=0.02)


def test_given_settings_are_not_chosen_again(tmp_path):
    root = write_images(tmp_path / "my photos", [(80, 60)] * 30)
    words = ("dataset.size=24", "dataset.channels=1", "dataset.test_share=0.4", "batch_size=4")
    data = inspect(root, tmp_path, *words)
    assert data.words == ("dataset=image_folder",)
    assert data.sides == ()
    assert data.shape == (1, 24, 24)


def test_split_folders_are_kept(tmp_path):
    for split, count in (("train", 20), ("test", 6)):
        write_images(tmp_path / "photos" / split, [(32, 32)] * count)
    data = inspect(tmp_path / "photos", tmp_path)
    assert not any(word.startswith("dataset.test_share") for word in data.words)
    assert "20 images to train on, 6 held out" in data.facts["data"]


def test_zip_of_images_and_arrays_are_told_apart(tmp_path):
    root = write_images(tmp_path / "photos", [(32, 32)] * 2)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(root / "000.png", "000.png")
    np.savez(tmp_path / "arrays.npz", x=np.zeros((4, 8, 8), np.uint8))
    (tmp_path / "arrays.npz").rename(tmp_path / "arrays.zip")
    names = ("photos", "photos.zip", "arrays.zip", "missing.npz", "missing")
    expected = ["image_folder", "image_folder", "npz", "npz", "image_folder"]
    assert [choose_dataset(tmp_path / name) for name in names] == expected


def test_npz_with_labels(tmp_path):
    x = np.random.default_rng(0).integers(256, size=(80, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "digits.npz", x=x, y=np.arange(80) % 4)
    data = inspect_data([f"dataset.root={tmp_path}/digits.npz"], compose_plain)
    assert data.words == ("dataset=npz", "dataset.test_share=0.25")
    assert data.sides == ()
    assert data.shape == (1, 28, 28)
    assert "4 classes" in data.facts["labels"]


def test_other_datasets_need_no_root():
    data = inspect_data(["dataset=ring", "dataset.count=500"], compose_plain)
    assert data.words == ()
    assert data.shape == (2,)
    assert set(data.facts) == {"data"}


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["experiment=mnist_all_labels", "dataset.download=true"], ()),
        (["dataset=mnist", "dataset.download=true"], ()),
        (["experiment=characters"], ("dataset=image_folder",)),  # whose dataset has no root
        ([], ("dataset=image_folder",)),
    ],
)
def test_dataset_with_a_root_is_kept(words, chosen, tmp_path):
    write_images(tmp_path, [(32, 32)])
    given = [*words, f"dataset.root={tmp_path}", "loss=gan"]
    assert choose_data(given, lambda each: launch.to_dict(launch.compose_run(each)[0])) == chosen


def test_nothing_held_out_is_one_line(tmp_path):
    root = write_images(tmp_path / "photos", [(32, 32)] * 12)
    with pytest.raises(ConfigError, match="dataset.test_share=0: leaves no held-out samples"):
        inspect(root, tmp_path, "dataset.test_share=0")


@pytest.mark.parametrize("count", [1, 5, 9])
def test_too_few_images_are_one_line(tmp_path, count):
    root = write_images(tmp_path / "photos", [(32, 32)] * count)
    with pytest.raises(ConfigError, match=f"has too few images to compare losses: {count}, of"):
        inspect(root, tmp_path)


def test_missing_root_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="dataset.root=.*nowhere: does not exist"):
        inspect(tmp_path / "nowhere", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no file that is named like an image"):
        inspect(tmp_path / "empty", tmp_path)


def test_damaged_images_are_skipped(tmp_path):
    root = write_images(tmp_path / "photos", [(32, 32)] * 12)
    (root / "broken.png").write_bytes(b"none")
    assert len(read_image_facts(root).sizes) == 12
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for photo in root.iterdir():
            archive.write(photo, photo.name)
        archive.writestr("0.png", b"to be damaged")
    path.write_bytes(path.read_bytes().replace(b"to be damaged", b"is now damage", 1))
    assert len(read_image_facts(path).sizes) == 12
