"""The user's own images: folders, zips, splits, policy, broken files, cache."""

import errno
import json
import logging
import os
import re
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from gan_zoo import cpu_cores
from gan_zoo.data import decoded_images
from gan_zoo.data.decoded_cache import RowWriter
from gan_zoo.data.image_decoding import ImageTransform
from gan_zoo.data.image_files import ImageFolder
from gan_zoo.data.sources import Folder
from gan_zoo.data.splits import divide, hash_split
from gan_zoo.schema import ConfigError


@pytest.fixture
def folder(tmp_path):
    """A function from settings to a dataset whose cache is the test's own."""

    def make(root, **settings):
        settings = {"size": 8, "test_share": 0.0, **settings}
        return ImageFolder(root=str(root), cache=str(tmp_path / "cache"), **settings)

    return make


def values(samples):
    """The one value of each image's pixels."""
    assert (samples.x.amin((1, 2, 3)) == samples.x.amax((1, 2, 3))).all()
    return samples.x[:, 0, 0, 0].tolist()


def test_folders_are_classes_at_any_depth(class_folders, folder):
    samples = folder(class_folders).load()
    assert (samples.shape, samples.num_classes) == ((3, 8, 8), 2)
    assert values(samples) == [*range(8), *range(100, 108)]
    assert samples.y.tolist() == [0] * 8 + [1] * 8


def test_stray_image_is_excluded(class_folders, folder, encode, caplog):
    (class_folders / "0.png").write_bytes(encode(np.zeros((4, 4), np.uint8)))
    for _ in range(2):  # also when read from the cache
        caplog.clear()
        samples = folder(class_folders).load()
        assert (len(samples), samples.num_classes) == (16, 2)
        assert samples.class_names == ("apple", "pear")
        assert samples.excluded == {"in no class folder": 1}
        assert "1 in no class folder (0.png)" in caplog.text


def test_many_stray_images_make_one_class(class_folders, folder, encode, caplog):
    for i in range(4):
        (class_folders / f"{i}.png").write_bytes(encode(np.zeros((4, 4), np.uint8)))
    samples = folder(class_folders).load()
    assert (len(samples), samples.num_classes) == (20, 1)
    assert samples.y.tolist() == [0] * 20
    assert "one class, because 4 of 20 are in no class folder, such as 0.png" in caplog.text


def test_a_flat_folder_is_one_class(class_folders, folder):
    samples = folder(class_folders / "pear" / "deeper").load()
    assert values(samples) == list(range(100, 108))
    assert samples.num_classes == 1


@pytest.mark.parametrize("test_name", ["test", "val", "Validation"])
def test_train_and_test_folders_are_splits(class_folders, folder, test_name, tmp_path):
    (tmp_path / "both").mkdir()
    class_folders.rename(tmp_path / "both" / "train")
    held = tmp_path / "both" / test_name / "pear"
    held.parent.mkdir()
    (tmp_path / "both" / "train" / "pear").rename(held)
    dataset = folder(tmp_path / "both", test_share=0.5)
    assert values(dataset.load()) == list(range(8))
    test = dataset.load("test")
    assert values(test) == list(range(100, 108))
    assert test.y.tolist() == [1] * 8  # the classes are those of both splits together
    assert dataset.load().num_classes == 2


def test_test_share_splits_images_without_overlap(class_folders, folder):
    dataset = folder(class_folders, test_share=0.3)
    train, test = dataset.load(), dataset.load("test")
    assert sorted(values(train) + values(test)) == [*range(8), *range(100, 108)]
    assert 1 <= len(test) <= 10
    assert train.num_classes == test.num_classes == 2


def test_held_out_names_are_stable():
    names = [f"{i}.jpg" for i in range(4000)]
    few, many = hash_split(names[:2000], 0.1), hash_split(names, 0.1)
    assert set(few["test"]) <= set(many["test"])
    assert 330 < len(many["test"]) < 470


@pytest.mark.parametrize(
    ("names", "inside"),
    [
        (["a/b/x.png", "a/b/y.png"], ["x.png", "y.png"]),
        (["a/b/x.png", "a/c/y.png"], ["b/x.png", "c/y.png"]),
        (["x.png"], ["x.png"]),
        (["ab/x.png", "abc/y.png"], ["ab/x.png", "abc/y.png"]),
        (["data/train/u/1.png", "data/test/u/2.png"], ["u/1.png", "u/2.png"]),
    ],
)
def test_shared_folders_are_ignored(names, inside):
    seen = divide(names, 0.0).inside
    assert [seen[name] for name in names] == inside


def test_zip_equals_folder(class_folders, folder, tmp_path):
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in class_folders.rglob("*.png"):
            file.write(path, "export/" + str(path.relative_to(class_folders)))
        file.writestr("__MACOSX/export/apple/._0.png", b"not an image")
        file.writestr("export/readme.txt", b"not an image")
    from_zip, from_folder = folder(packed).load(), folder(class_folders).load()
    assert from_zip.fingerprint() == from_folder.fingerprint()


def test_cyclic_links_end(class_folders, folder):
    (class_folders / "apple" / "again").symlink_to(class_folders, target_is_directory=True)
    samples = folder(class_folders).load()
    assert set(values(samples)) == {*range(8), *range(100, 108)}


def halves(width, height):
    """Left half black, right half white, the middle third of the height gray."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, width // 2 :] = 255
    pixels[height // 3 : -(height // 3)] = 128
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("fit", "top", "middle"),
    [
        ("crop", 128, 128),  # of a tall image only the middle is seen
        ("pad", 0, 128),  # a narrow strip between black sides
        ("stretch", 255, 128),  # everything is seen
    ],
)
def test_the_three_fits(fit, top, middle):
    pixels = ImageTransform(12, 3, fit).fitted(halves(12, 48))
    assert pixels.shape == (3, 12, 12)
    assert abs(int(pixels[0, 6, 6]) - middle) <= 2
    assert abs(int(pixels[0, 0, 11]) - top) <= 2


def test_a_long_image_is_padded_to_a_line(encode):
    for shape in ((2, 300, 3), (300, 2, 3)):
        content = encode(np.full(shape, 200, np.uint8))
        image = ImageTransform(64, 3, "pad").decode(content)[0]
        lines = image if shape[0] == 2 else image.T
        assert [set(line) for line in lines].count({200}) == 1
        assert (lines > 0).sum() == 64


def test_shrinking_averages_rather_than_picks_pixels(encode):
    checkers = np.indices((64, 64)).sum(0) % 2 * 255
    pixels = ImageTransform(8, 1, "crop").decode(encode(checkers.astype(np.uint8)))
    assert np.abs(pixels.astype(int) - 127).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "TGA"])
def test_formats_of_pillow_are_read(kind, encode):
    content = encode(np.full((9, 9, 3), 200, np.uint8), kind)
    assert np.abs(ImageTransform(4, 3, "crop").decode(content).astype(int) - 200).max() <= 2


def test_sixteen_bits_are_scaled_not_clipped(encode):
    content = encode(np.full((6, 6), 40_000, np.uint16))
    assert (ImageTransform(4, 1, "crop").decode(content) == 40_000 >> 8).all()


def test_transparent_values_of_sixteen_bits_lie_on_white(encode):
    pixels = np.full((6, 6), 40_000, np.uint16)
    pixels[:3], pixels[3] = 1000, 1001  # which have the same upper 8 bits
    decoded = ImageTransform(6, 1, "crop").decode(encode(pixels, "PNG", transparency=1000))
    assert decoded[0, :, 0].tolist() == [255] * 3 + [3] + [156] * 2


def test_transparent_colors_of_sixteen_bits_lie_on_white():
    def chunk(kind, content):
        code = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + code

    color = struct.pack(">3H", 1000, 2000, 3000)
    rows = b"".join(b"\0" + part * 6 for part in [color] * 3 + [b"\x9c\x40" * 3] * 3)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II5B", 6, 6, 16, 2, 0, 0, 0))
    content += chunk(b"tRNS", color) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    decoded = ImageTransform(6, 3, "crop").decode(content)
    assert decoded[0, :, 0].tolist() == [255] * 3 + [156] * 3


def test_transparency_lies_on_white(encode):
    clear = np.zeros((6, 6, 4), np.uint8)
    clear[:, 3:] = (10, 20, 30, 255)
    pixels = ImageTransform(6, 3, "stretch").decode(encode(clear))
    assert pixels[:, 2, 0].tolist() == [255, 255, 255]
    assert pixels[:, 2, 5].tolist() == [10, 20, 30]


def test_exif_rotation_is_applied(encode):
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 250
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = ImageTransform(16, 3, "crop").decode(encode(pixels, "PNG", exif=exif))
    assert turned[0, 2, 8] == 0
    assert turned[0, 13, 8] == 250


def test_damaged_files_are_excluded_and_logged(class_folders, folder, encode, caplog, tmp_path):
    whole = encode(np.zeros((40, 40, 3), np.uint8), "JPEG")
    (class_folders / "apple" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (class_folders / "pear" / "garbage.png").write_bytes(b"garbage")
    (class_folders / "pear" / "empty.gif").write_bytes(b"")
    dataset = folder(class_folders)
    for _ in range(2):  # logged again when read from the cache
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            samples = dataset.load()
        assert len(samples) == 16
        assert samples.y.tolist() == [0] * 8 + [1] * 8
        assert "3 of 19 images cannot be read" in caplog.text
        assert str(entries(tmp_path)[0]) in caplog.text
        assert all(name in caplog.text for name in ("cut.jpg", "garbage.png", "empty.gif"))


def test_folder_without_readable_images_is_an_error(tmp_path, folder):
    (tmp_path / "bad").mkdir()
    for i in range(3):
        (tmp_path / "bad" / f"{i}.jpg").write_bytes(b"\xff\xd8\xff garbage")
    with pytest.raises(ConfigError, match=r"none of 3 images can be read, such as 0\.jpg"):
        folder(tmp_path / "bad").load()
    assert not any((tmp_path / "cache").glob("*/x.npy"))


def test_invalid_roots_are_errors(tmp_path, folder):
    with pytest.raises(ConfigError, match="does not exist"):
        folder(tmp_path / "nowhere")
    (tmp_path / "text.txt").write_text("text")
    with pytest.raises(ConfigError, match="is no zip file"):
        folder(tmp_path / "text.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no file that is named like an image"):
        folder(tmp_path / "empty").load()


def test_empty_split_is_an_error(class_folders, folder):
    with pytest.raises(ConfigError, match="leaves no image for the test split"):
        folder(class_folders, test_share=0.0).load("test")
    assert not folder(class_folders, test_share=0.0).has_test()
    assert folder(class_folders, test_share=0.5).has_test()


def entries(tmp_path):
    return sorted((tmp_path / "cache").glob("*/facts.json"))


def test_second_start_decodes_nothing(class_folders, folder, tmp_path, monkeypatch):
    first = folder(class_folders).load()

    def decode(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(ImageTransform, "decode", decode)
    second = folder(class_folders).load()
    assert second.fingerprint() == first.fingerprint()
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize("change", ["content", "name", "policy", "fewer", "share"])
def test_every_change_invalidates_the_cache(change, class_folders, folder, tmp_path, encode):
    folder(class_folders).load()
    settings = {}
    path = class_folders / "apple" / "deeper" / "0.png"
    if change == "content":
        path.write_bytes(encode(np.full((10, 14, 3), 77, np.uint8)))
        os.utime(path, ns=(1, 1))
    elif change == "name":
        path.rename(path.with_name("zero.png"))
    elif change == "fewer":
        path.unlink()
    else:
        settings = {"policy": {"fit": "pad"}, "share": {"test_share": 0.4}}[change]
    folder(class_folders, **settings).load()
    assert len(entries(tmp_path)) == 2


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_other_images_of_equal_names_sizes_and_times_are_decoded(kind, folder, tmp_path, encode):
    for value in (10, 200):
        root = tmp_path / f"images-{value}"
        root.mkdir()
        for i in range(4):
            path = root / f"{i}.bmp"
            path.write_bytes(encode(np.full((8, 8, 3), value + i, np.uint8), "BMP"))
            os.utime(path, ns=(1, 1))
        if kind == "zip":
            with zipfile.ZipFile(root.with_suffix(".zip"), "w") as file:
                for path in sorted(root.iterdir()):
                    file.writestr(path.name, path.read_bytes())
            root = root.with_suffix(".zip")
            os.utime(root, ns=(1, 1))
        assert values(folder(root).load()) == [value + i for i in range(4)]


def test_files_that_cannot_be_read_now_are_not_excluded_for_good(
    class_folders, folder, monkeypatch
):
    def refuse(source, name):
        if name.startswith("pear"):
            raise PermissionError(13, "Permission denied")
        return read(source, name)

    read = Folder.read
    monkeypatch.setattr(Folder, "read", refuse)
    with pytest.raises(ConfigError, match=r"pear/deeper/0\.png cannot be read \(Permission denied"):
        folder(class_folders).load()
    monkeypatch.undo()
    assert len(folder(class_folders).load()) == 16


@pytest.mark.parametrize("damage", ["x.npy", "y.npy", "facts.json"])
def test_damaged_cache_entry_is_rebuilt(damage, class_folders, folder, tmp_path):
    before = folder(class_folders).load().fingerprint()
    path = entries(tmp_path)[0].parent / damage
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert folder(class_folders).load().fingerprint() == before
    assert json.loads(entries(tmp_path)[0].read_text())["num_classes"] == 2


def test_interrupted_decoding_leaves_no_entry(class_folders, folder, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:

        def killed(*_):
            raise KeyboardInterrupt

        patched.setattr(ImageTransform, "decode", killed)
        with pytest.raises(KeyboardInterrupt):
            folder(class_folders).load()
    assert not entries(tmp_path)
    assert len(folder(class_folders).load()) == 16


def test_parallel_jobs_decode_once(class_folders, folder, monkeypatch):
    decoded, decode = [], ImageTransform.decode

    def counted(transform, content):
        decoded.append(content)
        return decode(transform, content)

    monkeypatch.setattr(ImageTransform, "decode", counted)
    with ThreadPoolExecutor(4) as jobs:
        prints = list(jobs.map(lambda _: folder(class_folders).load().fingerprint(), range(4)))
    assert len(set(prints)) == 1
    assert len(decoded) == 16


@pytest.mark.parametrize("settings", [{"test_share": 0.5}, {}])
def test_images_that_links_put_into_both_splits_are_named(
    class_folders, folder, settings, caplog, tmp_path
):
    if settings:
        (class_folders / "pears").symlink_to("pear", target_is_directory=True)
        shared = r"\(pears?/deeper/\d.png"
    else:
        (class_folders / "test").mkdir()
        (class_folders / "train").mkdir()
        for name in ("apple", "pear"):
            (class_folders / name).rename(class_folders / "train" / name)
            (class_folders / "test" / name).symlink_to(class_folders / "train" / name)
        shared = r"16 \(test/apple/deeper/0.png"
    folder(class_folders, **settings).load()
    found = [line for line in caplog.messages if "from the training split, too" in line]
    assert len(found) == 1
    assert re.search(shared, found[0])
    caplog.clear()
    folder(class_folders, **settings).load("test")
    assert "from the training split, too" not in caplog.text


def test_containers_limit_the_threads_that_decode(class_folders, folder, monkeypatch, tmp_path):
    used = []

    def pool(count):
        used.append(count)
        return ThreadPoolExecutor(count)

    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(cpu_cores, "_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(decoded_images, "ThreadPoolExecutor", pool)
    folder(class_folders).load()
    assert used == [1]


def test_unusable_cache_is_one_line(class_folders, tmp_path):
    (tmp_path / "file").write_text("")
    dataset = ImageFolder(root=str(class_folders), cache=str(tmp_path / "file" / "cache"))
    with pytest.raises(ConfigError, match=r"dataset\.cache=.*cannot be used"):
        dataset.load()


def test_cache_without_locks_is_one_line(class_folders, folder, monkeypatch):
    import filelock

    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(filelock.FileLock, "acquire", fail)
    with pytest.raises(ConfigError, match=r"dataset\.cache=.*cannot be used") as refused:
        folder(class_folders).load()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_cache_where_locks_fail_is_one_line(number, class_folders, folder, monkeypatch):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(ConfigError, match=r"dataset\.cache=.*cannot be used") as refused:
        folder(class_folders).load()
    assert "\n" not in str(refused.value)


def test_full_disk_is_one_line(class_folders, folder, tmp_path, monkeypatch):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def allocate(rows, count):
        whole(rows, count)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))

    whole = RowWriter.allocate
    monkeypatch.setattr(RowWriter, "allocate", allocate)
    try:
        with pytest.raises(ConfigError, match=r"dataset\.cache=.*File too large") as refused:
            folder(class_folders, size=64).load()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(refused.value)
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def test_disk_without_room_is_an_error_before_decoding(class_folders, folder, monkeypatch):
    import shutil

    usage = shutil.disk_usage("/")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match=r"dataset\.cache=.*GB free"):
        folder(class_folders).load()


def test_real_cifar_zip(real_cifar, tmp_path):
    small = tmp_path / "small.zip"  # its first class and a bit: decoding all takes too long here
    with zipfile.ZipFile(real_cifar) as source, zipfile.ZipFile(small, "w") as target:
        for name in source.namelist():
            if name.endswith(("/0001.jpg", "/0002.jpg")):
                target.writestr(name, source.read(name))
    dataset = ImageFolder(root=str(small), size=32, cache=str(tmp_path / "cache"))
    train, test = dataset.load(), dataset.load("test")
    assert train.num_classes == test.num_classes == 10
    assert train.y.tolist() == test.y.tolist() == [label for label in range(10) for _ in range(2)]
    assert train.x.float().mean().item() == pytest.approx(120, abs=25)
