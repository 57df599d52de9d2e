"""Published datasets in torchvision's folders: files made here are read as the real ones are."""

import gzip
import pickle

import numpy as np
import pytest
import torch

from gan_zoo.data.celeba import CelebA
from gan_zoo.data.cifar import CIFAR10, CIFAR100
from gan_zoo.data.lsun import LSUN
from gan_zoo.data.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from gan_zoo.data.svhn_stl10 import STL10, SVHN
from gan_zoo.schema import ConfigError


@pytest.fixture
def idx_files(tmp_path, noise, idx_bytes):
    """A function that writes one split in the format of MNIST and returns images and labels."""

    def write(folder, stem, count, first=0, suffix=""):
        x = noise(count, 28, 28, seed=count)
        y = (np.arange(count) % 10 + first).astype(np.uint8)
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for kind, array in (("images-idx3", x), ("labels-idx1", y)):
            content = idx_bytes(array)
            path = tmp_path / folder / f"{stem}-{kind}-ubyte{suffix}"
            path.write_bytes(gzip.compress(content) if suffix else content)
        return x, y

    return write


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST, KMNIST])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_formats_plain_and_gzipped(kind, suffix, idx_files, tmp_path):
    x, y = idx_files(f"{kind.__name__}/raw", "train", 30, suffix=suffix)
    x_test, _ = idx_files(f"{kind.__name__}/raw", "t10k", 20, suffix=suffix)
    dataset = kind(root=str(tmp_path))
    samples = dataset.load()
    assert samples.num_classes == 10
    assert np.array_equal(samples.x[:, 0], x)
    assert np.array_equal(samples.y, y)
    assert np.array_equal(dataset.load("test").x[:, 0], x_test)
    assert len(samples.class_names) == samples.num_classes == len({*samples.class_names})


def test_dataset_folder_itself_may_be_root(idx_files, tmp_path):
    for stem in ("train", "t10k"):
        idx_files("here", stem, 12)
    assert len(MNIST(root=str(tmp_path / "here")).load()) == 12


def test_emnist_is_upright_with_labels_from_zero(idx_files, tmp_path):
    x, y = idx_files("EMNIST/raw", "emnist-letters-train", 30, first=1)
    idx_files("EMNIST/raw", "emnist-letters-test", 20, first=1)
    samples = EMNIST(root=str(tmp_path), subset="letters").load()
    assert samples.class_names[:3] == ("a", "b", "c")
    assert samples.num_classes == 26
    assert np.array_equal(samples.x[:, 0], x.swapaxes(1, 2))
    assert np.array_equal(samples.y, y - 1)


def test_labels_out_of_range_are_an_error(idx_files, tmp_path):
    for stem in ("train", "t10k"):
        idx_files("MNIST/raw", stem, 12, first=3)
    with pytest.raises(ConfigError, match=r"train-images.*has labels 3 to 12, not 0 to 9"):
        MNIST(root=str(tmp_path)).load()


def write_pickle(path, x, **labels):
    path.parent.mkdir(exist_ok=True)
    content = {b"data": x.reshape(len(x), -1), **{k.encode(): v for k, v in labels.items()}}
    path.write_bytes(pickle.dumps(content, protocol=3))


def test_cifar10_joins_its_five_batches(tmp_path, noise):
    folder = tmp_path / "cifar-10-batches-py"
    x = noise(11, 3, 32, 32)
    for i in range(5):
        write_pickle(folder / f"data_batch_{i + 1}", x[2 * i : 2 * i + 2], labels=[i, i + 5])
    write_pickle(folder / "test_batch", x[10:], labels=[7])
    train, test = (CIFAR10(root=str(tmp_path)).load(split) for split in ("train", "test"))
    assert train.class_names[3] == "cat"
    assert np.array_equal(train.x, x[:10])
    assert train.y.tolist() == [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]
    assert np.array_equal(test.x, x[10:])
    assert test.y.tolist() == [7]


def test_cifar100_has_fine_and_coarse_labels(tmp_path, noise):
    for name in ("train", "test"):
        labels = {"fine_labels": [99, 0], "coarse_labels": [19, 0]}
        write_pickle(tmp_path / "cifar-100-python" / name, noise(2, 3, 32, 32), **labels)
    fine, coarse = (CIFAR100(root=str(tmp_path), labels=k).load() for k in ("fine", "coarse"))
    assert [len({*part.class_names}) for part in (fine, coarse)] == [100, 20]
    assert (fine.class_names[8], coarse.class_names[18]) == ("bicycle", "vehicles_1")
    assert (fine.y.tolist(), fine.num_classes) == ([99, 0], 100)
    assert (coarse.y.tolist(), coarse.num_classes) == ([19, 0], 20)


class Harmful:
    def __reduce__(self):
        return (open, ("harmed", "w"))


def test_unsafe_pickle_is_refused(tmp_path, noise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("train", "test"):
        path = tmp_path / "cifar-100-python" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps({"data": Harmful(), "fine_labels": [0]}))
    with pytest.raises(ConfigError, match=r"is no CIFAR file.*refuses to load"):
        CIFAR100(root=str(tmp_path)).load()
    assert not (tmp_path / "harmed").exists()


def test_svhn_label_ten_is_zero(tmp_path, noise):
    savemat = pytest.importorskip("scipy.io").savemat
    x = noise(32, 32, 3, 4)
    for split in ("train", "test"):
        content = {"X": x, "y": np.array([[10], [1], [9], [10]], np.uint8)}
        savemat(tmp_path / f"{split}_32x32.mat", content, do_compression=True)
    samples = SVHN(root=str(tmp_path)).load()
    assert np.array_equal(samples.x, x.transpose(3, 2, 0, 1))
    assert samples.y.tolist() == [0, 1, 9, 0]


@pytest.fixture
def stl10(tmp_path, noise):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    x = noise(4, 3, 96, 96)
    (folder / "train_X.bin").write_bytes(x[:2].swapaxes(2, 3).tobytes())
    (folder / "train_y.bin").write_bytes(bytes([1, 10]))
    (folder / "unlabeled_X.bin").write_bytes(x.swapaxes(2, 3).tobytes())
    (folder / "test_X.bin").write_bytes(x[3:].swapaxes(2, 3).tobytes())
    (folder / "test_y.bin").write_bytes(bytes([5]))
    return x


def test_stl10_labeled_and_unlabeled(stl10, tmp_path):
    train = STL10(root=str(tmp_path)).load()
    assert train.class_names[7] == "monkey"
    assert np.array_equal(train.x, stl10[:2])
    assert (train.y.tolist(), train.num_classes) == ([0, 9], 10)
    assert STL10(root=str(tmp_path)).load("test").y.tolist() == [4]
    unlabeled = STL10(root=str(tmp_path), part="unlabeled").load()
    assert unlabeled.class_names == ()
    assert np.array_equal(unlabeled.x, stl10)
    assert unlabeled.num_classes == 1
    taken, _ = unlabeled.gather(torch.tensor([2]))
    assert np.array_equal(taken[0].add(1).mul(127.5).round(), stl10[2])


def test_truncated_stl10_is_an_error(stl10, tmp_path):
    path = tmp_path / "stl10_binary" / "train_X.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"train_X\.bin.*55295 bytes.*no multiple of 27648"):
        STL10(root=str(tmp_path)).load()


@pytest.fixture
def celeba(tmp_path, encode):
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for i in range(4):
        content = encode(np.full((218, 178, 3), 50 * i, np.uint8), "JPEG", quality=95)
        (folder / f"00000{i}.jpg").write_bytes(content)
    parts = "".join(f"00000{i}.jpg {part}\n" for i, part in enumerate((0, 0, 1, 2)))
    (folder.parent / "list_eval_partition.txt").write_text(parts)
    rows = "".join(f"00000{i}.jpg  {a} {-a}\n" for i, a in enumerate((1, -1, 1, 1)))
    (folder.parent / "list_attr_celeba.txt").write_text(f"4\nSmiling Young \n{rows}")
    return {"root": str(tmp_path), "cache": str(tmp_path / "cache"), "size": 8}


def test_celeba_follows_its_partition_and_one_attribute(celeba):
    plain = CelebA(**celeba).load()
    assert (plain.shape, plain.num_classes) == ((3, 8, 8), 1)
    assert plain.x.float().mean((1, 2, 3)).round().tolist() == [0, 50, 100]
    smiling = CelebA(attribute="Smiling", **celeba)
    assert (smiling.load().y.tolist(), smiling.load().num_classes) == ([1, 0, 1], 2)
    assert smiling.load().class_names == ("not Smiling", "Smiling")
    young = CelebA(attribute="Young", **celeba).load("test")
    assert (young.y.tolist(), len(young)) == ([0], 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [("", "no line for 1 images, such as 000001.jpg"), ("000001.jpg yes 1\n", "neither 1 nor -1")],
)
def test_missing_celeba_attribute_is_an_error(line, message, celeba, tmp_path):
    path = tmp_path / "celeba" / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("000001.jpg  -1 1\n", line))
    assert len(CelebA(**celeba).load()) == 3
    with pytest.raises(ConfigError, match=message):
        CelebA(attribute="Smiling", **celeba).load()


def test_unknown_celeba_attribute_lists_all(celeba):
    with pytest.raises(ConfigError, match=r"attribute=Old: must be empty or one of Smiling, Young"):
        CelebA(attribute="Old", **celeba).load()


def test_damaged_celeba_list_is_an_error(celeba, tmp_path):
    (tmp_path / "celeba" / "list_attr_celeba.txt").write_bytes(b"\xff\x00")
    with pytest.raises(ConfigError, match=r"list_attr_celeba\.txt.*no list"):
        CelebA(attribute="Old", **celeba).load()


def test_lsun_reads_its_databases(tmp_path, encode):
    lmdb = pytest.importorskip("lmdb")
    for label, name in enumerate(("bedroom", "kitchen")):
        for split, count in (("train", 3), ("val", 1)):
            base = lmdb.open(str(tmp_path / f"{name}_{split}_lmdb"))
            with base.begin(write=True) as writing:
                for i in range(count):
                    pixels = np.full((6, 9, 3), 100 * label + 10 * i, np.uint8)
                    writing.put(bytes([200, i]), encode(pixels, "WEBP", lossless=True))
            base.close()
    dataset = LSUN(
        root=str(tmp_path), categories=("bedroom", "kitchen"), size=4, cache=str(tmp_path / "cache")
    )
    train = dataset.load()
    assert train.class_names == dataset.categories
    assert train.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert train.x[:, 0, 0, 0].tolist() == [0, 10, 20, 100, 110, 120]
    assert dataset.load("test").y.tolist() == [0, 1]


ALL = [MNIST, FashionMNIST, KMNIST, EMNIST, CIFAR10, CIFAR100, SVHN, STL10, CelebA, LSUN]


@pytest.mark.parametrize("kind", ALL)
def test_missing_files_are_one_line(kind, tmp_path):
    with pytest.raises(ConfigError) as error:
        kind(root=str(tmp_path))
    text = str(error.value)
    assert text.startswith(f"root={tmp_path}: {tmp_path}/")
    assert "is missing" in text
    assert "dataset=glyphs" in text
    assert "\n" not in text


@pytest.mark.parametrize("kind", [k for k in ALL if k is not LSUN])
def test_failed_download_is_one_line(kind, tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")

    def offline(*_, **__):
        raise RuntimeError("Error downloading:\nno network")

    monkeypatch.setattr(datasets, kind.__name__, offline)
    with pytest.raises(ConfigError, match="no network") as error:
        kind(root=str(tmp_path), download=True).load()
    assert f"put its files into {tmp_path}" in str(error.value)
    assert "\n" not in str(error.value)


def test_download_uses_the_same_root(tmp_path, monkeypatch, idx_files):
    datasets = pytest.importorskip("torchvision.datasets")
    calls = []

    def fetch(root, download, **arguments):
        calls.append((root, download, arguments))
        for stem in ("train", "t10k"):
            idx_files("KMNIST/raw", stem, 15)

    monkeypatch.setattr(datasets, "KMNIST", fetch)
    dataset = KMNIST(root=str(tmp_path), download=True)
    assert len(dataset.load()) == 15
    assert calls == [(str(tmp_path), True, {})]
    dataset.load()
    assert len(calls) == 1  # existing files are not downloaded again


def test_the_real_mnist_is_whole(real_mnist):
    train, test = (MNIST(root=real_mnist).load(split) for split in ("train", "test"))
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert train.y.bincount().tolist()[:3] == [5923, 6742, 5958]
    assert train.x.float().mean().item() / 255 == pytest.approx(0.1307, abs=1e-4)


def test_missing_dataset_suggests_overrides(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ConfigError, match="folder that holds train_32x32.mat, or dataset.down"):
        SVHN(root=str(tmp_path))
    with pytest.raises(ConfigError, match="holds notes.txt; type dataset.root=FOLDER"):
        MNIST(root=str(tmp_path))
    with pytest.raises(ConfigError, match="nowhere does not exist; .* MNIST/raw/train-images"):
        MNIST(root=str(tmp_path / "nowhere"))
