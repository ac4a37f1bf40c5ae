"""Files with secrets: nobody else can read them, and none is there by half."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pfs.private_files import write_private


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Whatever this process would let others do with its files."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """From its beginning, whatever the umask; and all of it is there."""
    path = tmp_path / "key"
    write_private(path, b"secret")
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.usefixtures("open_umask")
def test_what_lay_open_before_does_not_stay_so(tmp_path: Path) -> None:
    """A file that takes its place is another one, with no mode taken over."""
    path = tmp_path / "key"
    path.write_bytes(b"old, and longer")
    with path.open("rb") as reader:
        write_private(path, b"new")
        assert reader.read() == b"old, and longer"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_what_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is given only to what the disk has; and the next attempt is not in the way."""

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "key"
    write_private(path, b"first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            write_private(path, b"second")
    assert path.read_bytes() == b"first"
    write_private(path, b"third")
    assert path.read_bytes() == b"third"


def test_a_link_in_its_way_is_not_followed(tmp_path: Path) -> None:
    """What it leads to is neither written nor read by others through it."""
    target, path = tmp_path / "elsewhere", tmp_path / "key"
    path.with_name("key.new").symlink_to(target)
    write_private(path, b"secret")
    assert not target.exists()
    assert path.read_bytes() == b"secret"
    assert not path.is_symlink()


def test_nor_is_one_that_is_made_in_that_very_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is made anew, or not at all."""
    target, path = tmp_path / "elsewhere", tmp_path / "key"
    really = Path.unlink

    def plant(draft: Path, missing_ok: bool = False) -> None:
        really(draft, missing_ok)
        draft.symlink_to(target)

    monkeypatch.setattr(Path, "unlink", plant)
    with pytest.raises(FileExistsError):
        write_private(path, b"secret")
    assert not target.exists()
