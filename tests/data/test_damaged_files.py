"""Damaged files give a one-line error or are skipped: never a traceback or a hang."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan_zoo.data.decoded_images import _try_decode
from gan_zoo.data.hwdb import GntError, read_gnt
from gan_zoo.data.image_decoding import ImageTransform
from gan_zoo.data.image_files import ImageFolder
from gan_zoo.data.mnist import read_idx
from gan_zoo.data.npz import Npz
from gan_zoo.data.sources import Zip
from gan_zoo.schema import ConfigError


def mutations(content, count, seed, header):
    """Copies of a file with a few bytes changed, cut or repeated; most in its header."""
    rng = np.random.default_rng(seed)
    extremes = np.array([0, 1, 0x7F, 0x80, 0xFF], np.uint8)
    for _ in range(count):
        damaged = bytearray(content)
        for _ in range(rng.integers(1, 5)):
            at = int(rng.integers(0, header if rng.random() < 0.8 else len(damaged)))
            at = min(at, len(damaged) - 1)
            damaged[at] = int(rng.choice(extremes) if rng.random() < 0.5 else rng.integers(256))
        way = rng.random()
        if way < 0.15:
            del damaged[int(rng.integers(1, len(damaged))) :]
        elif way < 0.25:
            damaged += damaged[: int(rng.integers(1, len(damaged)))]
        elif way < 0.3:
            damaged[:4] = b"\xff\xff\xff\xff"
        yield bytes(damaged)


def overwrite(path, content):
    """Write in place: some file systems flush a file that was emptied first, which is slow."""
    path.touch()
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


def statuses(attempt, contents):
    """How many attempts succeeded and how many failed in the way they may."""
    counts = {True: 0, False: 0}
    for content in contents:
        counts[attempt(content)] += 1
    return counts


def test_damaged_gnt_is_one_line(tmp_path, gnt_bytes, noise):
    path = tmp_path / "a.gnt"
    content = gnt_bytes([("啊", noise(7, 5)), ("A", noise(3, 3)), ("座", noise(4, 9))])

    def attempt(damaged):
        overwrite(path, damaged)
        try:
            assert all(record.image.size for record in read_gnt(path))
        except GntError as error:
            assert "\n" not in str(error)
            return False
        return True

    counts = statuses(attempt, mutations(content, 3000, seed=1, header=10))
    assert counts[False] > 1500
    assert counts[True] > 50  # damage to codes and pixels cannot be seen


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_idx_is_one_line(suffix, tmp_path, idx_bytes, noise):
    import gzip

    path = tmp_path / f"images{suffix}"
    content = idx_bytes(noise(3, 4, 5))
    content = gzip.compress(content) if suffix else content

    def attempt(damaged):
        overwrite(path, damaged)
        try:
            assert read_idx(path, 3).ndim == 3
        except ConfigError as error:
            assert str(error).startswith(f"dataset.root={path}: ")
            assert "\n" not in str(error)
            return False
        return True

    assert statuses(attempt, mutations(content, 2000, seed=2, header=20))[False] > 1000


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_npz_is_one_line(save, tmp_path, noise):
    path = tmp_path / "own.npz"
    save(path, x=noise(3, 4, 5), y=np.arange(3))
    content = path.read_bytes()

    def attempt(damaged):
        overwrite(path, damaged)
        try:
            samples = Npz(root=str(path), test_share=0.0).load()
            assert len(samples) == len(samples.y)
        except ConfigError as error:
            assert "\n" not in str(error)
            return False
        return True

    counts = statuses(attempt, mutations(content, 1500, seed=3, header=len(content)))
    assert counts[False] > 500


def npz_of(header, payload=b""):
    """An .npz file whose array x is announced by a header of the test's own."""
    text = header.encode().ljust(117) + b"\n"
    array = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + payload
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("x.npy", array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "shape", ["(1000000, 4000, 4000)", "(-1, 2, 2)", "(2**70,)", f"({2**62}, {2**62})", "('a',)"]
)
def test_npz_announcing_terabytes_allocates_none(shape, tmp_path):
    path = tmp_path / "own.npz"
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    path.write_bytes(npz_of(header, b"\0" * 64))
    with pytest.raises(ConfigError, match="cannot be read"):
        Npz(root=str(path)).load()


def test_idx_announcing_terabytes_allocates_none(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(b"\x00\x00\x08\x03" + b"\xff" * 12 + b"\0" * 100)
    with pytest.raises(ConfigError, match="100 bytes of data"):
        read_idx(path, 3)


def test_oversized_gzip_is_not_unpacked(tmp_path, idx_bytes):
    import gzip

    path = tmp_path / "images.gz"
    small = idx_bytes(np.zeros((1, 2, 2), np.uint8))
    path.write_bytes(gzip.compress(small + bytes(1 << 27)))  # 128 MB of zeros
    with pytest.raises(ConfigError, match="or more, where 1x2x2 are due") as error:
        read_idx(path, 3)
    assert int(str(error.value).split(" has ")[1].split()[0]) <= 1 << 24


KINDS = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "PCX", "ICO", "JPEG2000"]


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks; a run silences them too
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_images_are_skipped(kind, encode, noise):
    try:
        content = encode(noise(16, 16, 3), kind)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow does not write {kind}")
    transform = ImageTransform(8, 3, "crop")

    def attempt(damaged):
        result = _try_decode("name", lambda _: damaged, transform)
        if isinstance(result, str):
            assert result.startswith("name (")
            assert "\n" not in result
            return False
        assert result.shape == (3, 8, 8)
        return True

    counts = statuses(attempt, mutations(content, 300, seed=4, header=min(60, len(content))))
    assert counts[False] > 0


@pytest.mark.filterwarnings("ignore")
def test_image_with_too_many_pixels_is_skipped(encode):
    buffer = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(buffer, "PNG")  # 144 megapixels in few bytes
    result = _try_decode("bomb.png", lambda _: buffer.getvalue(), ImageTransform(8, 3, "crop"))
    assert result == "bomb.png (is too large: 12000 x 12000 pixels)"


def test_postscript_is_never_run():
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    assert "no format that Pillow reads" in _try_decode(
        "a.png", lambda _: content, ImageTransform(8, 3, "crop")
    )


def test_damaged_zip_is_one_line(tmp_path, encode, noise):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for i in range(3):
            file.writestr(f"{i}.png", encode(noise(8, 8, 3, seed=i)))
    content, transform = path.read_bytes(), ImageTransform(8, 3, "crop")

    def attempt(damaged):
        overwrite(path, damaged)
        source = Zip(path, (".png",))
        try:
            results = [_try_decode(name, source.read, transform) for name in source.names]
        except ConfigError as error:
            assert "cannot be read as a zip file" in str(error)
            return False
        return all(not isinstance(result, str) for result in results)

    assert statuses(attempt, mutations(content, 1000, seed=5, header=len(content)))[False] > 400


def test_damaged_table_of_a_zip_is_one_line(tmp_path, encode, noise):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("0.png", encode(noise(8, 8, 3)))
        file.writestr("dataset.json", '{"labels": [["0.png", 0]]}')
    path.write_bytes(path.read_bytes().replace(b'{"labels"', b'{"lebels"', 1))
    with pytest.raises(ConfigError, match="dataset.json cannot be read: damaged, or encrypted"):
        ImageFolder(root=str(path), size=8, cache=str(tmp_path / "cache")).load()
