"""A disk that is too small is told of before anything is fetched to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p2pfs.errors import StorageProblem
from p2pfs.peer.downloading.space import Wanted, bytes_to_come, check_space
from p2pfs.peer.storage import Disk
from p2pfs.testing import download
from tests.peer.downloading.pairs import CONTENT, Peers, begun
from tests.simulation.parts import part_files


def test_what_is_there_takes_no_more_room(tmp_path: Path) -> None:
    """A file of that size at its place, and what a part file takes up already."""
    (tmp_path / "there").write_bytes(b"x" * 1000)
    (tmp_path / "other").write_bytes(b"x" * 999)
    (tmp_path / "part").write_bytes(b"x" * 8192)
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "folder").mkdir()

    def to_come(target: str, part: str | None = None, size: int = 1000) -> int:
        wanted = Wanted(tmp_path / target, size, tmp_path / part if part else None)
        return bytes_to_come(Disk(), [wanted])

    assert to_come("there") == 0
    for target in ("other", "link", "folder", "nothing", "other/below"):
        assert to_come(target) == 1000
    blocks = os.stat(tmp_path / "part").st_blocks * 512
    assert to_come("new", "part", 100_000) == 100_000 - blocks
    assert to_come("new", "part", 100) == 0
    assert to_come("new", "gone", 100) == 100


def test_the_disk_of_what_is_not_there_yet_is_asked(tmp_path: Path) -> None:
    """That is where it will come to lie; and who is refused is told both sizes."""
    left = Disk().space(tmp_path)
    below = tmp_path / "a" / "b" / "c"
    check_space(Disk(), "d/", below, left // 2)
    check_space(Disk(), "d/", below, 0)
    with pytest.raises(StorageProblem) as told:
        check_space(Disk(), "d/", below, 1 << 60)
    assert str(told.value).startswith(
        f"There is no room for 'd/': it takes 1024.0 PiB more, and the disk of {tmp_path} has "
    )
    (tmp_path / "file").touch()
    with pytest.raises(StorageProblem, match="no room"):
        check_space(Disk(), "d/", tmp_path / "file" / "below", 1 << 60)
    with pytest.raises(StorageProblem, match="too long for the file system"):
        check_space(Disk(), "d/", tmp_path / ("x" * 300), 1)


def test_a_file_that_does_not_fit_leaves_nothing(peers: Peers) -> None:
    """Nothing is made, nothing fetched, and nothing is held of it."""
    peers.host.drive.space = len(CONTENT) - 1
    with pytest.raises(StorageProblem, match=r"There is no room for 'f': .* make room"):
        peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    assert part_files(peers.host.directory) == []
    assert peers.source.peer.serving.uploads.total == 0
    assert peers.peer.peer.library.get("f") is None
    peers.host.drive.space += 1
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)


def test_what_has_its_room_already_is_gone_on_with(peers: Peers) -> None:
    """A part file took it with its first chunk."""
    job, fetched, _ = begun(peers)
    fetched.addErrback(lambda _: None)
    job.cancel()
    peers.network.run(1)
    peers.host.drive.space = 0
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    assert peers.target.read_bytes() == CONTENT
