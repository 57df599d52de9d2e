"""The user's own images: names of any form, zips of any program, labels, what is not used."""

import json
import logging
import os
import re
import shlex
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan_zoo.data.decoded_images import Skipped, _try_decode
from gan_zoo.data.file_names import natural_key, normalize
from gan_zoo.data.hwdb import HWDB
from gan_zoo.data.image_decoding import ImageTransform, suffixes
from gan_zoo.data.image_files import ImageFolder
from gan_zoo.data.npz import Npz
from gan_zoo.data.splits import hash_split
from gan_zoo.printable import printable
from gan_zoo.schema import ConfigError


@pytest.fixture
def load(tmp_path):
    """A function from a root to its samples, with a cache of the test's own."""

    def make(root, split="train", **settings):
        settings = {"size": 4, "channels": 1, "test_share": 0.0, **settings}
        return ImageFolder(root=str(root), cache=str(tmp_path / "cache"), **settings).load(split)

    return make


@pytest.fixture(params=["folder", "zip"])
def packed(request, tmp_path, encode):
    """A function from names and gray values, or other contents, to a folder or a zip of them."""

    def make(members):
        contents = {
            name: encode(np.full((4, 4), value, np.uint8)) if isinstance(value, int) else value
            for name, value in members.items()
        }
        if request.param == "zip":
            with zipfile.ZipFile(tmp_path / "data.zip", "w") as file:
                for name, content in contents.items():
                    file.writestr(name, content)
            return tmp_path / "data.zip"
        for name, content in contents.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "data"

    return make


def by_value(samples):
    """Label of each image, by its gray value."""
    return dict(zip(samples.x[:, 0, 0, 0].tolist(), samples.y.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.png", "a/b.png"),
        ("./cat/0.png", "cat/0.png"),
        ("/abs/a.png", "abs/a.png"),
        ("a//b.png", "a/b.png"),
        ("a\\b\\c.png", "a/b/c.png"),
        (".\\a\\.\\b.png", "a/b.png"),
        ("a/../b/c.png", "b/c.png"),
        ("../../c.png", "c.png"),
        ("a..b/...png", "a..b/...png"),
        ("./", ""),
    ],
)
def test_names_are_normalized(name, expected):
    assert normalize(name) == expected


def test_names_are_printable():
    assert printable("caf\udce9.png") == "caf\\xe9.png"
    assert printable("a\nb\ud800é") == "a\\nb\\ud800é"


def test_digits_in_names_count_as_numbers():
    names = ["img10", "img2", "b", "a", "10", "9", "02", "2", "1" * 5000]
    expected = ["02", "2", "9", "10", "1" * 5000, "a", "b", "img2", "img10"]
    assert sorted(names, key=natural_key) == expected


def test_hash_split_is_stable():
    split = hash_split([f"{i}.jpg" for i in range(40)], 0.1)
    assert split["test"] == ["6.jpg", "18.jpg", "27.jpg", "32.jpg"]
    assert sum(map(len, hash_split(["caf\udce9.png", "x\ud800.png"], 0.5).values())) == 2


def test_name_that_is_not_utf8(tmp_path, load, encode, caplog):
    folder = os.fsencode(tmp_path / "odd" / "x")[:-1]
    for name, content in ((b"caf\xe9", encode(np.zeros((4, 4), np.uint8))), (b"bad\xe9", b"bad")):
        os.makedirs(folder + name)  # noqa: PTH103
        with open(folder + name + b"/\xff.png", "wb") as file:  # noqa: PTH123
            file.write(content)
    samples = load(tmp_path / "odd")
    assert len(samples) == 1
    assert samples.class_names == ("bad\\xe9", "caf\\xe9")
    assert samples.excluded == {"cannot be read": 1}
    assert "bad\\xe9/\\xff.png" in caplog.text


def test_backslashes_in_names_are_folders(packed, load):
    members = {
        f"{s}\\{c}\\{i}.png": 100 * label + 10 * place + i
        for place, s in enumerate(("train", "test"))
        for label, c in enumerate(("cat", "dog"))
        for i in range(3)
    }
    root = packed(members)
    train, test = load(root), load(root, "test")
    assert by_value(train) == {0: 0, 1: 0, 2: 0, 100: 1, 101: 1, 102: 1}
    assert by_value(test) == {10: 0, 11: 0, 12: 0, 110: 1, 111: 1, 112: 1}
    assert train.class_names == ("cat", "dog")
    assert train.split_from == "folders: train for training, test for testing"


def test_zip_with_odd_names(tmp_path, load, encode):
    """Members ./a, a//b, /a, a/../b, two of one name, and folders with backslashes."""
    names = ["./cat/0.png", "cat//1.png", "/cat/2.png", "x/../cat/3.png", "dog\\4.png", "cat/0.png"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("dog\\", b"")
        for value, name in enumerate(names):
            file.writestr(name, encode(np.full((4, 4), value, np.uint8)))
        file.writestr("./__MACOSX/cat/._0.png", b"fork")
        file.writestr("cat/Thumbs.db", b"")
    samples = load(tmp_path / "a.zip")
    assert by_value(samples) == {5: 0, 1: 0, 2: 0, 3: 0, 4: 1}
    assert samples.excluded == {"of the same name as another": 1}


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (b"caf\xc3\xa9", "café"),  # UTF-8 without the flag, as macOS writes it
        (b"cafe\xcc\x81", "café"),  # the same, decomposed
        (b"caf\x82", "café"),  # cp437, as DOS does
        (b"caf\xe9", "cafΘ"),  # Latin-1, for which zip files have no mark
    ],
)
@pytest.mark.parametrize("flagged", [False, True])
def test_zip_names_in_any_encoding(stored, expected, flagged, tmp_path, load, encode):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        for value, folder in enumerate(("q" * len(stored), "dog")):
            file.writestr(f"{folder}/0.png", encode(np.full((4, 4), value, np.uint8)))
    content = bytearray(path.read_bytes().replace(b"q" * len(stored), stored))
    if flagged:  # announced as UTF-8, whatever it is
        content[content.index(b"PK\1\2") + 9] |= 8
        content[7] |= 8
    path.write_bytes(content)
    samples = load(path)
    assert len(samples) == 2
    assert set(samples.class_names) == {expected, "dog"}


def test_hwdb_reads_odd_file_names(tmp_path, gnt_bytes, noise):
    for i, name in enumerate((b"a\\b.gnt", b"caf\xe9.gnt")):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(gnt_bytes([("啊", noise(7, 5, seed=i))]))
    dataset = HWDB(root=str(tmp_path), cache=str(tmp_path / "cache"), test_share=0.0)
    assert len(dataset.load()) == 2


def test_unicode_forms_of_a_class_are_one(packed, load):
    root = packed({"train/e\u0301/0.png": 0, "train/dog/1.png": 1, "test/\xe9/2.png": 2})
    assert load(root).class_names == ("dog", "\xe9")
    assert by_value(load(root, "test")) == {2: 1}


def test_classes_are_in_natural_order(packed, load):
    samples = load(packed({f"{i}/a.png": i for i in range(12)}))
    assert by_value(samples) == {i: i for i in range(12)}
    assert samples.class_names == tuple(map(str, range(12)))


@pytest.mark.parametrize("top", ["", "export/"])
@pytest.mark.parametrize("as_object", [False, True])
def test_labels_of_a_dataset_json_are_used(top, as_object, packed, load):
    names = {f"{i // 5:05d}/img{i}.png": i for i in range(10)}
    pairs = [[name.replace("/", "\\") if i % 3 else name, 3 + i % 2] for name, i in names.items()]
    table = json.dumps({"labels": dict(pairs) if as_object else pairs}).encode()
    members = {f"{top}{name}": value for name, value in names.items()}
    samples = load(packed({**members, f"{top}dataset.json": table}))
    assert by_value(samples) == {i: i % 2 for i in range(10)}
    assert (samples.num_classes, samples.class_names) == (2, ("3", "4"))


def test_each_split_may_have_a_dataset_json(packed, load):
    members = {f"{s}/{i}.png": 10 * (s == "test") + i for s in ("train", "test") for i in range(4)}
    table = json.dumps({"labels": {f"{i}.png": i % 2 for i in range(4)}}).encode()
    root = packed({**members, "train/dataset.json": table, "test/dataset.json": table})
    assert by_value(load(root)) == {i: i % 2 for i in range(4)}
    assert by_value(load(root, "test")) == {10 + i: i % 2 for i in range(4)}


def test_dataset_json_without_labels_is_one_class(packed, load, caplog):
    members = {"00000/0.png": 0, "00001/1.png": 1, "dataset.json": b'{"labels": null}'}
    assert load(packed(members)).num_classes == 1
    assert "dataset.json has no labels: all images are one class" in caplog.text


def test_only_the_dataset_json_without_labels_is_named(packed, load, caplog):
    members = {f"{s}/{i}.png": i for s in ("train", "test") for i in range(4)}
    table = json.dumps({"labels": {f"{i}.png": i % 2 for i in range(4)}}).encode()
    members |= {"train/dataset.json": table, "test/dataset.json": b'{"labels": null}'}
    assert load(packed(members)).num_classes == 1
    assert " test/dataset.json has no labels" in caplog.text


def test_unrelated_dataset_json_is_ignored(packed, load, caplog):
    members = {"a/0.png": 0, "b/1.png": 1, "dataset.json": b'{"name": "mine"}'}
    assert load(packed(members)).class_names == ("a", "b")
    assert 'dataset.json has no "labels"' in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "dataset.json is no JSON"),
        ("[" * 100_000, "dataset.json is no JSON"),
        ("[]", "must hold an object"),
        ('{"labels": 3}', r"of the form \[\[name, label\]"),
        ('{"labels": [["a/0.png"]]}', r'has \["a/0.png"\] at index 0 of "labels"'),
        ('{"labels": [["a/0.png", "cat"]]}', 'has the label "cat" for a/0.png'),
        ('{"labels": [["a/0.png", -1]]}', "has the label -1 for a/0.png"),
        ('{"labels": [["a/0.png", true]]}', "has the label true"),
        ('{"labels": [["a/0.png", [0.5, 1]]]}', r"has the label \[0.5, 1\]"),
        ('{"labels": [["a/0.png", 0], ["./a/0.png", 1]]}', "has two labels for ./a/0.png: 0 and 1"),
        ('{"labels": [["a/0.png", 0]]}', r"no label for 1 of 2 images \(b/1.png\)"),
    ],
)
def test_invalid_dataset_json_is_one_line(content, message, packed, load):
    root = packed({"a/0.png": 0, "b/1.png": 1, "dataset.json": content.encode()})
    with pytest.raises(ConfigError, match=message) as error:
        load(root)
    assert str(error.value).startswith(f"dataset.root={root}: ")
    assert "\n" not in str(error.value)


def test_new_dataset_json_invalidates_the_cache(packed, load):
    members = {"a/0.png": 0, "b/1.png": 1}
    assert load(packed(members)).class_names == ("a", "b")
    table = b'{"labels": [["a/0.png", 7], ["b/1.png", 5]]}'
    assert load(packed({**members, "dataset.json": table})).class_names == ("5", "7")


def test_other_labels_of_equal_sizes_and_times_are_read(load, tmp_path, encode):
    for name in ("75", "57"):
        root = tmp_path / name
        root.mkdir()
        for i in range(2):
            (root / f"{i}.png").write_bytes(encode(np.full((4, 4), i, np.uint8)))
        labels = [[f"{i}.png", int(label)] for i, label in enumerate(name)]
        (root / "dataset.json").write_text(json.dumps({"labels": labels}))
        for path in root.iterdir():
            os.utime(path, ns=(1, 1))
        assert by_value(load(root)) == {i: sorted(name).index(c) for i, c in enumerate(name)}


def test_stray_files_keep_splits_and_classes(packed, load):
    names = [f"data/x/{s}/{c}/{i}.png" for s in ("train", "val") for c in "ab" for i in range(5)]
    root = packed({"cover.png": 250, "data/plan.jpg": 251, **{n: i for i, n in enumerate(names)}})
    train, test = load(root), load(root, "test")
    assert (len(train), len(test), train.class_names) == (10, 10, ("a", "b"))
    assert train.excluded == test.excluded == {"beside the folders of the splits": 2}


def test_val_and_test_folders_are_the_test_split(packed, load, caplog):
    folders = ("train/a", "train/b", "val/a", "test/b", "extra")
    root = packed({f"{folder}/{i}.png": i for folder in folders for i in range(2)})
    samples = load(root)
    assert samples.split_from == "folders: train for training, test and val for testing"
    assert (len(samples), len(load(root, "test"))) == (4, 4)
    assert samples.excluded == {"beside the folders of the splits": 2}
    assert "2 beside the folders of the splits (extra/0.png, extra/1.png)" in caplog.text


def test_test_folder_without_classes_is_excluded(packed, load, caplog):
    members = {f"train/{c}/{i}.png": i for c in "ab" for i in range(20)}
    root = packed({**members, **{f"test/{i}.png": i for i in range(30)}})
    train, test = load(root, test_share=0.2), load(root, "test", test_share=0.2)
    assert (train.num_classes, len(train) + len(test)) == (2, 40)
    assert train.excluded == {"in no class folder": 30}
    assert "no image of test/ has a class" in caplog.text
    assert train.split_from.startswith("0.2 of the images held out")


def test_folder_of_all_test_images_is_no_class(packed, load, caplog):
    members = {f"train/{c}/images/{i}.png": i for c in "abc" for i in range(10)}
    images = {f"test/images/{i}.png": i for i in range(6)}
    root = packed({**members, **images})
    train = load(root, test_share=0.2)
    assert (train.class_names, train.excluded) == (("a", "b", "c"), {"in no class folder": 6})
    assert "no image of test/ has a class" in caplog.text
    root = packed({**members, **images, **{f"val/{c}/{i}.png": i for c in "ab" for i in range(3)}})
    train, test = load(root), load(root, "test")
    assert (train.class_names, len(test)) == (("a", "b", "c"), 6)
    assert train.excluded == {"in no class folder": 6}


def test_split_names_without_train_are_classes(packed, load, caplog):
    assert load(packed({"val/0.png": 0, "test/1.png": 1})).class_names == ("test", "val")
    assert "test, val are classes here, not splits" in caplog.text


def test_unused_files_are_counted_by_suffix(packed, load, caplog):
    unused = {"a/1.HEIC": b"", "b/2.heic": b"", "readme.txt": b"", "b/3.h5": b"", "a/raw": b""}
    unused |= {f"b/4.{ending}": b"" for ending in ("hdf", "mpg", "fits", "nef")}
    caplog.set_level(logging.INFO)
    root = packed({"a/0.png": 0, "b/0.PNG": 1, **unused})
    for _ in range(2):  # also when read from the cache
        caplog.clear()
        samples = load(root)
        assert len(samples) == 2
        assert sum(samples.excluded.values()) == 9
        assert samples.excluded["in no image format that Pillow reads (.heic)"] == 2
        assert samples.excluded["not named like an image (no ending)"] == 1
        assert "2 in no image format that Pillow reads (.heic)" in caplog.text
        assert "raw" in caplog.text


def test_broken_links_are_counted(class_folders, load):
    (class_folders / "apple" / "link.png").symlink_to("nowhere.png")
    (class_folders / "itself").symlink_to("itself")
    samples = load(class_folders)
    assert (len(samples), samples.excluded) == (16, {"broken link": 2})


def test_only_image_suffixes_count():
    assert {".jpg", ".png", ".webp", ".tif", ".bmp", ".gif"} <= set(suffixes())
    assert not {".h5", ".hdf", ".mpg", ".fits", ".pdf", ".eps", ".grib", ".wmf"} & set(suffixes())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.heic", "b.HEIC"], r"but 2 \.heic \(a\.heic\); convert the \.heic files"),
        (["x.dat", "a/b.txt"], r"but 1 \.dat, 1 \.txt \(x\.dat, a/b\.txt\); use dataset=glyphs"),
        (["img1"], r"but 1 without ending \(img1\)"),
        ([".hidden.png"], "nor any that is not hidden"),
    ],
)
def test_root_without_images_lists_its_files(names, message, packed, load):
    with pytest.raises(ConfigError, match=message):
        load(packed(dict.fromkeys(names, b"content")))


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        (["x/b.npz", "a.png"], "is a folder; use 'dataset.root={root}/x/b.npz'"),
        (["a.npz", "b.NPZ"], "is a folder; name one of its .npz files: a.npz, b.NPZ"),
        (["x/a.JPG", ".b.npz"], "is a folder of images; use dataset=image_folder {quoted}"),
        (["a.txt"], "is a folder without .npz files; name one with an array x of images"),
    ],
)
def test_folder_is_no_file_of_arrays(names, remedy, tmp_path):
    root = tmp_path / "my data"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    with pytest.raises(ConfigError) as error:
        Npz(root=str(root))
    expected = remedy.format(root=root, quoted=shlex.quote(f"dataset.root={root}"))
    assert str(error.value).startswith(f"root={root}: {expected}")


@pytest.mark.parametrize("folder", ["in", "my (data)"])
def test_root_of_another_dataset_is_recognized(folder, tmp_path, load):
    (tmp_path / folder).mkdir()
    for name, remedy in (
        ("a.zip", ["dataset.root={}"]),
        ("b.npz", ["dataset=npz", "dataset.root={}"]),
        ("c.gnt", ["dataset=hwdb", "dataset.root={.parent}"]),
    ):
        path = tmp_path / folder / name
        path.write_bytes(b"")
        with pytest.raises(ConfigError) as error:
            load(path.parent)
        assert str(error.value).endswith(f"use {shlex.join(word.format(path) for word in remedy)}")
        path.unlink()
    arrays = tmp_path / folder / "d.npz"
    np.savez(arrays, x=np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(ConfigError) as error:
        load(arrays)
    assert str(error.value).endswith(f"use {shlex.join(['dataset=npz', f'dataset.root={arrays}'])}")
    with pytest.raises(ConfigError, match=re.escape(f"does not exist ({tmp_path} holds {folder})")):
        load(tmp_path / "away" / "deeper")


def test_empty_test_split_suggests_a_share(packed, load, caplog):
    root = packed({f"{i}.png": i for i in range(1, 4)})
    load(root, test_share=0.1)
    assert (
        "dataset.test_share=0.1 leaves no image for the test split; the data has 3" in caplog.text
    )
    with pytest.raises(ConfigError, match="leaves no image for the test split") as error:
        load(root, "test", test_share=0.1)
    share = float(str(error.value).split("dataset.test_share=")[2].split()[0])
    assert len(load(root, "test", test_share=share))


def tiff_of(pixels, tmp_path, **options):
    """The bytes of a TIFF file of these pixels."""
    Image.fromarray(pixels).save(tmp_path / "a.tif", **options)
    return (tmp_path / "a.tif").read_bytes()


def test_colors_packed_into_sixteen_bits_have_eight(tmp_path):
    """A BMP file of 5, 6 and 5 bits for each pixel."""
    header = struct.pack("<IiiHHIIiiIIIII", 52, 4, 4, 1, 16, 3, 32, 0, 0, 0, 0, 0xF800, 0x7E0, 0x1F)
    content = (
        b"BM" + struct.pack("<IHHI", 66 + 32, 0, 0, 66) + header + struct.pack("<H", 0x8410) * 16
    )
    transform = ImageTransform(4, 3, "crop")
    assert set(transform.decode(content).flatten().tolist()) <= {*range(129, 134)}
    assert not transform.peaks


@pytest.mark.parametrize("compression", [None, "tiff_deflate"])
def test_32_bit_integers_are_skipped(compression, tmp_path):
    content = tiff_of(np.full((6, 6), 200, np.int32), tmp_path, compression=compression)
    result = _try_decode("a.tif", lambda _: content, ImageTransform(4, 1, "crop"))
    assert isinstance(result, Skipped)
    assert result.reason == "has 32-bit integer pixels, whose range is not known"


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_sixteen_bits_in_a_tiff_are_scaled(compression, tmp_path):
    content = tiff_of(np.full((6, 6), 40_000, np.uint16), tmp_path, compression=compression)
    transform = ImageTransform(4, 1, "crop")
    assert (transform.decode(content) == 40_000 >> 8).all()
    assert transform.peaks == [40_000]


@pytest.mark.parametrize("most", [255, 4095, 65_535])
def test_pgm_range_is_used(most):
    pixels = np.full((6, 6), most, ">u2" if most > 255 else np.uint8)
    content = b"P5 6 6 %d\n" % most + pixels.tobytes()
    assert (ImageTransform(4, 1, "crop").decode(content) == 255).all()


def test_signed_pixels_are_skipped(tmp_path):
    content = tiff_of(np.full((6, 6), 200, np.uint16), tmp_path, tiffinfo={339: 1})
    tag = struct.pack("<HHI", 339, 3, 1)  # the format of samples, one short
    assert tag in content
    signed = content.replace(tag + b"\1", tag + b"\2")
    result = _try_decode("a.tif", lambda _: signed, ImageTransform(4, 1, "crop"))
    assert result.reason == "has signed 16-bit pixels, whose range is not known"


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_unknown_pixel_ranges_are_one_line(dtype, tmp_path, load):
    (tmp_path / "deep").mkdir()
    for i in range(3):
        Image.fromarray(np.full((6, 6), i, dtype)).save(tmp_path / "deep" / f"{i}.tif")
    with pytest.raises(
        ConfigError, match="none of 3 images.*0.tif .*save it with 8 or 16"
    ) as error:
        load(tmp_path / "deep")
    assert "1.tif" not in str(error.value)  # the same reason again


@pytest.mark.parametrize(("factor", "logged"), [(65, True), (1040, False)])
def test_unused_upper_bits_are_logged(factor, logged, tmp_path, load, encode, caplog):
    (tmp_path / "deep").mkdir()
    ramp = (np.mgrid[:64, :64][1] * factor).astype(np.uint16)
    for i in range(2):
        (tmp_path / "deep" / f"{i}.png").write_bytes(encode(ramp))
    load(tmp_path / "deep")
    assert ("they use 12 bits and look dark" in caplog.text) == logged


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_every_mode_of_8_bits_is_read(mode, channels, tmp_path):
    Image.new("RGB", (8, 8), "white").convert(mode).save(tmp_path / "a.tif")
    transform = ImageTransform(4, channels, "crop")
    assert (transform.decode((tmp_path / "a.tif").read_bytes()) >= 254).all()
    assert not transform.peaks
