"""The user's own files in other formats: CASIA's .gnt and numpy's .npz."""

import shlex
import zipfile

import numpy as np
import pytest
import torch

from gan_zoo.data.glyphs import gb2312_level_1
from gan_zoo.data.hwdb import HWDB, GntError, is_level_1, read_gnt
from gan_zoo.data.npz import Npz
from gan_zoo.schema import ConfigError


@pytest.fixture
def writers(tmp_path, gnt_bytes):
    """A function that writes a file of characters, each a dark square on white paper."""

    def write(name, characters, side=20, width=12):
        image = np.full((side, width), 255, np.uint8)
        image[side // 2 - 3 : side // 2 + 3, width // 2 - 3 : width // 2 + 3] = 10
        path = tmp_path / "hwdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gnt_bytes([(character, image) for character in characters]))
        return path

    return write


@pytest.fixture
def hwdb(tmp_path):
    def make(**settings):
        return HWDB(root=str(tmp_path / "hwdb"), cache=str(tmp_path / "cache"), **settings)

    return make


def test_records_are_read_in_order(tmp_path, gnt_bytes, noise):
    pairs = [("啊", noise(3, 5)), ("A", noise(1, 1, seed=1)), ("座", noise(40, 7, seed=2))]
    path = tmp_path / "a.gnt"
    path.write_bytes(gnt_bytes(pairs))
    for (character, image), record in zip(pairs, read_gnt(path), strict=True):
        assert record.code.rstrip(b"\0").decode("gb2312") == character
        assert np.array_equal(record.image, image)


def test_level_1_codes_are_those_of_its_characters():
    codes = {bytes([a, b]) for a in range(256) for b in range(256) if is_level_1(bytes([a, b]))}
    assert codes == {character.encode("gb2312") for character in gb2312_level_1()}


def test_hwdb_images_are_centered_light_ink(writers, hwdb):
    writers("1-f.gnt", "啊阿")
    samples = hwdb(size=20, test_share=0.0).load()
    assert samples.shape == (1, 20, 20)
    ink = (samples.x[0, 0] > 200).nonzero().float()
    assert torch.allclose(ink.mean(0), torch.tensor([9.5, 9.5]), atol=0.6)
    assert samples.x[0, 0, :, :2].max() == 0  # the paper is black, and so is what pads it


def test_hwdb_classes_are_in_code_order(writers, hwdb):
    writers("HWDB1.1trn_gnt/1-c.gnt", "座A啊")
    writers("HWDB1.1tst_gnt/2-c.gnt", "阿啊，")
    dataset = hwdb()
    assert dataset.load().num_classes == 3
    assert dataset.load().y.tolist() == [2, 0]
    assert dataset.load("test").y.tolist() == [1, 0]
    everything = hwdb(characters="all")
    assert everything.load().num_classes == 5
    assert everything.load("test").y.tolist() == [3, 2, 1]
    for samples in (everything.load(), everything.load()):  # the second one from the cache
        assert samples.class_names == ("A", "，", "啊", "阿", "座")
        assert samples.split_from == "trn and tst in the paths"


def test_characters_that_show_nothing_are_escaped(writers, hwdb):
    writers("1-f.gnt", "\x1b\n\u3000啊")
    samples = hwdb(characters="all", test_share=0.0).load()
    assert samples.class_names == ("\\n", "\\x1b", "\\u3000", "啊")
    assert samples.describe()["classes"].isprintable()


def test_the_last_mark_of_a_path_is_its_split(writers, hwdb, caplog):
    for name in ("train_and_test/1trn_gnt/1.gnt", "train_and_test/1tst_gnt/1.gnt", "2/1.gnt"):
        writers(name, "啊")
    train, test = (hwdb().load(split) for split in ("train", "test"))
    assert len(train) == len(test) == 1
    assert train.excluded == test.excluded == {"without trn or tst in the path": 1}
    assert caplog.text.count("1 without trn or tst in the path: 2/1.gnt") == 1


def test_a_long_stroke_keeps_its_ink(tmp_path, gnt_bytes, hwdb):
    path = tmp_path / "hwdb" / "1.gnt"
    path.parent.mkdir()
    path.write_bytes(gnt_bytes([("一", np.zeros((4, 90), np.uint8))]))
    image = hwdb(size=8, test_share=0.0).load().x[0, 0]
    assert [row.unique().tolist() for row in image].count([255]) == 1


def test_writers_are_held_out_whole(writers, hwdb):
    for i in range(30):
        writers(f"latest/{i:03}-f.gnt", "啊阿座")
    train, test = (hwdb(test_share=0.3).load(split) for split in ("train", "test"))
    assert len(train) % 3 == len(test) % 3 == 0
    assert len(train) + len(test) == 90
    assert 9 <= len(test) <= 60


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:-1], "ends at byte 499, within the record that starts at 250"),
        (lambda b: b[:255], "ends at byte 255, within the record that starts at 250"),
        (lambda b: b + b"\1", "ends at byte 501, within the record that starts at 500"),
        (lambda b: b[:250] + b"\xff" + b[251:], "record of 255 bytes at byte 250, where 250 are"),
        (lambda b: b[:256] + b"\0\0" + b[258:], "0 x 20 pixels at byte 250"),
        (lambda b: b"\x89PNG\r\n\x1a\n" + b, "pixels at byte 0"),
        (lambda b: b"", "cannot be read"),
    ],
)
def test_damaged_gnt_error_names_the_offset(damage, message, writers, hwdb):
    path = writers("1-f.gnt", "啊阿")
    assert len(path.read_bytes()) == 500
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(GntError):
        list(read_gnt(path))
    with pytest.raises(ConfigError, match=rf"1-f\.gnt: .*{message}"):
        hwdb(test_share=0.0).load()


def test_invalid_hwdb_folders_are_errors(tmp_path, writers, hwdb):
    with pytest.raises(ConfigError, match=r"is no folder.*dataset=chinese_glyphs"):
        hwdb()
    writers("1-f.gnt", "AB")
    with pytest.raises(ConfigError, match=r"no Chinese character.*dataset\.characters=all"):
        hwdb(test_share=0.0).load()
    with pytest.raises(ConfigError, match="leaves no writer for the test split"):
        hwdb(test_share=0.0).load("test")
    (tmp_path / "hwdb" / "1-f.gnt").unlink()
    with pytest.raises(ConfigError, match=r"holds no \.gnt files"):
        hwdb().load()


@pytest.fixture
def npz(tmp_path):
    """A function from arrays to a dataset of an .npz file that holds them."""

    def make(save=np.savez, share=0.0, **arrays):
        save(tmp_path / "own.npz", **arrays)
        return Npz(root=str(tmp_path / "own.npz"), test_share=share)

    return make


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(6, 8, 9), (6, 8, 9, 3), (6, 3, 8, 9), (6, 8, 9, 1)])
def test_npz_takes_three_layouts(save, shape, npz, noise):
    x = noise(*shape)
    samples = npz(save, x=x).load()
    channels = 1 if len(shape) == 3 or shape[3] == 1 else 3
    assert samples.shape == (channels, 8, 9)
    first_row = x[0, :, 0] if shape[1:2] == (3,) else x[0, 0].reshape(9, -1).T
    assert np.array_equal(samples.x[0, :, 0], first_row)
    assert samples.num_classes == 1


def test_npz_reads_fortran_order(npz, noise):
    x = noise(5, 8, 8)
    assert np.array_equal(npz(x=np.asfortranarray(x)).load().x[:, 0], x)


def test_npz_test_split(npz, noise):
    x, y = noise(40, 8, 8), np.arange(40, dtype=np.int32) % 5
    dataset = npz(x=x, y=y, x_test=x[:3], y_test=np.array([7, 0, 1]))
    assert (len(dataset.load()), dataset.load().num_classes) == (40, 6)
    assert dataset.load("test").y.tolist() == [5, 0, 1]
    assert dataset.load().class_names == dataset.load("test").class_names == tuple("012347")
    dataset = npz(x=x, y=y, share=0.3)
    train, test = dataset.load(), dataset.load("test")
    assert len(train) + len(test) == 40
    images = [tuple(image.flatten().tolist()) for part in (train, test) for image in part.x]
    assert len(set(images)) == 40
    assert train.num_classes == test.num_classes == 5


def test_has_test_before_loading(npz, noise, writers, hwdb):
    x = noise(40, 8, 8)
    assert npz(x=x, share=0.3).has_test()
    assert npz(x=x, x_test=x[:2]).has_test()
    everything = npz(x=x)
    assert not everything.has_test()
    with pytest.raises(ConfigError, match=r"test_share=0.0: leaves no image for the test split"):
        everything.load("test")
    writers("1-f.gnt", "啊阿")
    assert not hwdb(test_share=0.0).has_test()
    assert hwdb(test_share=1.0).has_test()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((3, 8, 8), np.uint8)}, "holds images, but no x|holds nothing"),
        ({"x": np.zeros((3, 8, 8), np.float32)}, "x of float32 of shape 3x8x8, not bytes"),
        ({"x": np.zeros((3, 8, 8, 2), np.uint8)}, "shape 3x8x8x2"),
        ({"x": np.zeros((0, 8, 8), np.uint8)}, "0 images"),
        ({"x": np.zeros((3, 8, 8), np.uint8), "y": np.zeros(2, int)}, "y of int64 of shape 2"),
        ({"x": np.zeros((3, 8, 8), np.uint8), "y": np.zeros(3)}, "y of float64"),
        ({"x": np.zeros((3, 8, 8), np.uint8), "y": np.array([0, -1, 0])}, "labels -1 to 0"),
        ({"x": np.zeros((3, 8, 8), np.uint8), "y": np.array([0, 10**9, 0])}, "up to 1000000000"),
        ({"x": np.array([{}] * 3)}, "cannot be read"),
        ({"x": np.zeros((32, 32, 3), np.uint8)}, "shape 32x32x3, one image in color"),
    ],
)
def test_invalid_npz_is_an_error(arrays, message, npz):
    with pytest.raises(ConfigError, match=message):
        npz(**arrays).load()


LIGHT = np.arange(6 * 64, dtype=np.uint8).reshape(6, 8, 8)
SIX = np.arange(6) % 3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": LIGHT, "y": SIX, "x_test": LIGHT}, "labels y for x, but no y_test for x_test"),
        ({"x": LIGHT, "x_test": LIGHT, "y_test": SIX}, "labels y_test for x_test, but no y for x"),
        ({"x": LIGHT, "y": SIX, "y_test": SIX}, "has y_test, but no x_test"),
        ({"images": LIGHT, "labels": SIX}, "holds images, labels, but no x"),
        ({"arr_0": LIGHT, "arr_1": SIX, "words": np.array([{}])}, "holds arr_0, arr_1, words, but"),
        ({"train_images": LIGHT, "val_images": LIGHT, "test_images": LIGHT}, "but no x"),
        ({"x": LIGHT / 255}, "x of float64"),
        ({"x": LIGHT / 127.5 - 1, "x_test": LIGHT / 127.5 - 1}, "x of float64"),
        ({"x": LIGHT.astype(np.uint16) * 16}, "x of uint16"),
        ({"x": LIGHT > 100}, "x of bool"),
        ({"x": LIGHT.reshape(6, 64), "y": SIX}, "x of uint8 of shape 6x64"),
        ({"x": np.stack([LIGHT] * 4, -1)}, "x of uint8 of shape 6x8x8x4"),
        ({"x": LIGHT, "y": np.eye(3)[SIX]}, "y of float64 of shape 6x3"),
        ({"x": LIGHT, "y": SIX * 1.0}, "y of float64 of shape 6"),
        ({"x": LIGHT, "y": np.array([b"a", b"b"])[SIX % 2]}, "one integer or text"),
        ({"x": LIGHT, "y": np.array([b"ren\xe9e", b"b"])[SIX % 2]}, "one integer or text"),
    ],
)
def test_npz_error_has_a_working_command(arrays, message, npz, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=message) as refused:
        npz(**arrays).load()
    words = shlex.split(str(refused.value).partition("rewrite it with ")[2])
    assert words[:2] == ["python", "-c"]
    exec(words[2], {})  # in this process, which takes no time
    root = words[-1].removeprefix("dataset.root=")
    samples = Npz(root=root, test_share=0.0).load()
    assert samples.x.shape[2:] == (8, 8)
    assert samples.x.max() >= 250
    kept = "y" in arrays or "labels" in arrays or "arr_1" in arrays
    assert (samples.num_classes > 1) == kept


WHOLE_RANGE = np.arange(256).reshape(4, 8, 8)


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": (WHOLE_RANGE - 128).astype(np.int8)},
        {"x": (WHOLE_RANGE * 257 - 32768).astype(np.int16)},
        {"x": WHOLE_RANGE.astype(np.uint8), "x_test": WHOLE_RANGE / 255},
        {"x": WHOLE_RANGE / 255, "x_test": WHOLE_RANGE.astype(np.uint8)},
        {"x": WHOLE_RANGE / 127.5 - 1, "x_test": WHOLE_RANGE},
    ],
    ids=["int8", "int16", "bytes and floats", "floats and bytes", "signed floats and integers"],
)
def test_rewritten_npz_has_the_same_pixels(arrays, npz):
    with pytest.raises(ConfigError) as refused:
        npz(**arrays).load()
    words = shlex.split(str(refused.value).partition("rewrite it with ")[2])
    exec(words[2], {})
    rewritten = Npz(root=words[-1].removeprefix("dataset.root="), test_share=0.0)
    for split in ("train", "test")[: len(arrays)]:
        assert np.array_equal(rewritten.load(split).x[:, 0], WHOLE_RANGE)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": LIGHT, "x_test": LIGHT[:0]}, "holds 0 images in x_test"),
        ({"x": LIGHT, "y": SIX[:0]}, "y of int64 of shape 0, not one integer or text for each"),
        (
            {"x": LIGHT, "x_test": np.zeros((2, 9, 8), np.uint8)},
            "images are 1x8x8 and test images 1x9x8",
        ),
        ({"x": LIGHT, "x_train": LIGHT}, "holds x and x_train, of which one"),
        ({"x": np.zeros((6, 0, 8), np.uint8)}, "shape 6x0x8"),
        ({"x": np.uint8(3)}, "of shape none"),
        ({"x": np.full((6, 8, 8), np.nan)}, "x of float64 .*384 of its 384 numbers are not finite"),
        (
            {"x": LIGHT, "x_test": np.where(LIGHT > 200, np.inf, LIGHT)},
            "x_test of float64 .* are not finite .NaN or infinite.: replace them first",
        ),
        ({"x": LIGHT, "y": np.linspace(0, 1, 6)}, "y of float64"),
        ({"x": LIGHT, "y": SIX * 1j}, "y of complex128"),
        ({"x": LIGHT, "y": np.array([None] * 6)}, "array y that cannot be read .*Python objects"),
        ({"y": SIX}, "holds y, but no x; its images must be called x"),
        ({}, "holds nothing, but no x"),
    ],
)
def test_unfixable_npz_has_no_command(arrays, message, npz):
    with pytest.raises(ConfigError, match=message) as refused:
        npz(**arrays).load()
    assert "rewrite it" not in str(refused.value)


def test_npz_reads_keras_names(npz):
    dataset = npz(x_train=LIGHT, y_train=SIX[:, None], x_test=LIGHT[:2], y_test=SIX[:2, None])
    assert dataset.load().y.tolist() == SIX.tolist()
    assert dataset.load("test").y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("y", "names", "warning"),
    [
        (SIX, "012", ""),
        (SIX + 1, "123", "labels are 1 to 3: 3 classes"),
        (SIX * 5, ("0", "5", "10"), "labels are 0 to 10: 3 classes"),
        (np.array(["cat", "dog"])[SIX % 2], ("cat", "dog"), ""),
        (SIX == 0, "01", ""),
        (np.array(["0", "1", "2"])[SIX], "012", ""),
        (np.array(["9", "10", "11"])[SIX], ("10", "11", "9"), "labels are 9 to 11: 3 classes"),
    ],
)
def test_npz_classes_are_the_labels_that_occur(y, names, warning, npz, caplog):
    samples = npz(x=LIGHT, y=y).load()
    assert samples.class_names == tuple(names)
    assert samples.num_classes == len(names)
    assert [samples.class_names[label] for label in samples.y] == list(
        map(str, y.astype(int) if y.dtype == bool else y)
    )
    assert warning in caplog.text
    assert bool(warning) == ("labels are" in caplog.text)


def test_npz_warns_of_unused_arrays_and_dark_images(npz, caplog):
    npz(x=LIGHT // 200, y=SIX, x_test=LIGHT[:1], y_test=np.array([7]), z=SIX).load()
    assert "not used: z" in caplog.text
    assert "no pixel of x is above 1 of 255" in caplog.text
    assert "(255 / 1)" in caplog.text
    assert "no image of the training split has label 7" in caplog.text
    caplog.clear()
    npz(x=LIGHT, y=SIX).load()
    assert not caplog.text


def test_npz_names_are_printed_on_one_line(npz, caplog):
    labels = np.array(["a\nb", "c"])[SIX % 2]
    npz(x=LIGHT, y=labels, x_test=LIGHT, y_test=np.array(["\x1b[1m"] * 6), **{"q\nr": SIX}).load()
    assert [message for message in caplog.messages if not message.isprintable()] == []
    assert "not used: q\\nr" in caplog.text


def test_npz_classes_are_named_on_one_line(npz):
    samples = npz(x=LIGHT, y=np.array(["a\nb", "\x1b[31mred"])[SIX % 2]).load()
    assert samples.class_names == ("\\x1b[31mred", "a\\nb")
    assert samples.describe()["classes"].isprintable()


def test_zip_of_images_is_for_another_dataset(tmp_path, encode):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as file:
        file.writestr("1.png", encode(LIGHT[0]))
    with pytest.raises(ConfigError, match=r"no arrays; .* is for dataset=image_folder"):
        Npz(root=str(tmp_path / "images.zip")).load()


def test_not_an_npz_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        Npz(root=str(tmp_path / "nowhere.npz"))
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(ConfigError, match=r"is no \.npz file"):
        Npz(root=str(tmp_path / "text.npz"))
