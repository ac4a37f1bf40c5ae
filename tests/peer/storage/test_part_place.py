"""Where part files lie: no other file is taken for one, removed as one, or replaced by one."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from random import Random

import pytest

from p2pfs.errors import AlreadyExists, StorageProblem
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.part_file import PartFile
from p2pfs.peer.storage.part_place import (
    identity_at,
    is_part_name,
    is_same,
    part_name,
    remove_part,
    rename_unless_exists,
)


@pytest.fixture
def part(tmp_path: Path) -> PartFile:
    """A fresh part file of 100 bytes."""
    return PartFile.create(Disk(), tmp_path / "f.part", 100)


def test_the_names_of_part_files() -> None:
    """Short whatever they are for, hidden, and nobody's by chance."""
    names = {part_name(Random(seed)) for seed in range(100)}
    assert len(names) == 100
    for name in names:
        assert is_part_name(name)
        assert len(name) == 28
    for name in ("f.part", "x.p2pfs-part", ".p2pfs-part", ".0123456789abcdeg.p2pfs-part"):
        assert not is_part_name(name)


def test_only_the_file_itself_is_the_same(part: PartFile, tmp_path: Path) -> None:
    """Under whatever name; neither a link to it, nor what lies in its place, nor a directory."""
    disk, moved = Disk(), tmp_path / "moved"
    assert is_same(disk, part.path, part.identity)
    part.path.rename(moved)
    assert is_same(disk, moved, part.identity)
    assert identity_at(disk, part.path) is None
    part.path.symlink_to(moved)
    assert identity_at(disk, part.path) is None
    part.path.unlink()
    part.path.write_bytes(b"mine")
    assert not is_same(disk, part.path, part.identity)
    assert not is_same(disk, part.path, None)
    assert identity_at(disk, tmp_path) is None
    part.close()


def test_only_the_part_file_is_removed(part: PartFile, tmp_path: Path) -> None:
    """What somebody put in its place stays, and so does what is not known to be one."""
    disk, moved = Disk(), part.path.rename(tmp_path / "moved")
    part.path.write_bytes(b"mine")
    remove_part(disk, part.path, part.identity)
    remove_part(disk, part.path, None)
    assert part.path.read_bytes() == b"mine"
    remove_part(disk, moved, part.identity)
    assert not moved.exists()
    remove_part(disk, moved, part.identity)  # it is gone, as it should be
    part.close()


def test_what_cannot_be_looked_at_is_not_gone(part: PartFile) -> None:
    """A disk that fails says nothing of what lies on it."""

    class Failing(Disk):
        def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(StorageProblem, match="Cannot read"):
        identity_at(Failing(), part.path)
    part.close()


def test_a_new_name_replaces_nothing(part: PartFile, tmp_path: Path) -> None:
    """Not even a link to nowhere."""
    target = tmp_path / "f"
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(AlreadyExists, match=r"exists.*--overwrite"):
        rename_unless_exists(Disk(), part.path, target)
    assert part.path.exists()
    target.unlink()
    rename_unless_exists(Disk(), part.path, target)
    assert is_same(Disk(), target, part.identity)
    assert not part.path.exists()
    part.close()


@pytest.mark.parametrize("there", [False, True])
def test_finishing_without_hard_links(
    part: PartFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """A file system without hard links is served as well, and still nothing is replaced."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    if there:
        (tmp_path / "f").write_text("mine")
        with pytest.raises(AlreadyExists):
            part.finish(tmp_path / "f", overwrite=False)
        assert (tmp_path / "f").read_text() == "mine"
    else:
        part.finish(tmp_path / "f", overwrite=False)
        assert (tmp_path / "f").stat().st_size == 100
    part.close()
