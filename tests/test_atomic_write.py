"""Files are written whole or not at all."""

import errno

import pytest

from gan_zoo.atomic_write import atomic_write, write_text


def test_a_block_that_fails_keeps_the_old_file(tmp_path):
    path = tmp_path / "new" / "file"
    write_text(path, "old")
    with pytest.raises(TypeError), atomic_write(path) as file:
        file.writelines([b"half", None])
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_writers_at_once_do_not_mix(tmp_path):
    path = tmp_path / "file"
    with atomic_write(path) as one:
        one.write(b"one")
        with atomic_write(path) as two:
            two.write(b"two")
        assert path.read_text() == "two"
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_not_utf8_is_escaped(tmp_path):
    write_text(tmp_path / "file", "caf\udce9 é")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "caf\\udce9 é"


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match="full") as caught, atomic_write(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "full")
    assert caught.value.filename == str(tmp_path / "file")
