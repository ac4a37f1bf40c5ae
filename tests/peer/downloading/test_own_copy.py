"""A copy of an own share: only what is wrong in that is asked of others."""

from __future__ import annotations

import os

import pytest

from p2pfs.errors import Cancelled
from p2pfs.peer.storage import Stamp
from p2pfs.testing import download
from tests.peer.downloading.pairs import (
    CHUNK,
    CONTENT,
    Peers,
    change_a_byte,
)
from tests.simulation.parts import outcome_of, part_files


def test_a_copy_of_an_own_share_is_no_exception(peers: Peers) -> None:
    """Although it needs no record and no source."""
    target = peers.source_host.directory / "copy"
    disk = peers.source_host.disk
    read = disk.read
    reads: list[int] = []

    def change_amid(fd: int, length: int, offset: int) -> bytes:
        reads.append(offset)
        if len(reads) == 4:
            [part] = part_files(peers.source_host.directory)
            change_a_byte(part)
        return read(fd, length, offset)

    disk.read = change_amid  # type: ignore[method-assign]  # at one moment
    peers.network.result_of(download(peers.source, "f", target)[1], 60)
    assert len(reads) > 4
    assert target.read_bytes() == CONTENT


@pytest.fixture
def sharing(peers: Peers) -> Peers:
    """Two that share the file."""
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    return peers


def test_a_copy_asks_nobody_for_what_is_there(sharing: Peers) -> None:
    """And of what is wrong in the share, one only asks for that."""
    copy, uploaded = sharing.host.directory / "copy", sharing.source.peer.serving.uploads.total
    fetched = sharing.network.result_of(download(sharing.peer, "f", copy)[1], 60)
    assert copy.read_bytes() == CONTENT
    assert fetched.sources == {}
    assert sharing.source.peer.serving.uploads.total == uploaded
    status = sharing.target.stat()
    change_a_byte(sharing.target, 2 * CHUNK)
    os.utime(sharing.target, ns=(status.st_atime_ns, status.st_mtime_ns))
    other = sharing.host.directory / "other"
    fetched = sharing.network.result_of(download(sharing.peer, "f", other)[1], 60)
    assert other.read_bytes() == CONTENT
    assert sum(fetched.sources.values()) == CHUNK


def test_a_copy_is_on_no_record(sharing: Peers) -> None:
    """The share is, and it alone: the user asked for a copy."""
    copy = sharing.host.directory / "copy"
    sharing.network.result_of(download(sharing.peer, "f", copy)[1], 60)
    [on_record] = sharing.peer.peer.store.load().holdings
    assert on_record.path == sharing.target
    assert sharing.peer.peer.library["f"].path == sharing.target


def test_a_copy_in_the_place_of_the_share_is_the_share(sharing: Peers) -> None:
    """As when its file was deleted; no look takes the new one for a change, nor a restart."""
    peers = sharing
    peers.target.unlink()
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    peers.network.run(31)
    share = peers.peer.peer.library["f"]
    assert share.stamp == Stamp.of(peers.target.stat())
    assert share.withheld is None
    peers.network.run(1)
    [on_record] = peers.peer.peer.store.load().holdings
    assert on_record.stamp == share.stamp


def test_a_copy_that_ends_early_leaves_nothing(sharing: Peers) -> None:
    """Nobody would know whose part file it is."""
    sharing.host.drive.seek = 0.05
    job, fetched = download(sharing.peer, "f", sharing.host.directory / "copy")
    assert sharing.network.run(20, lambda: job.phase == "copying from this peer's own share")
    assert part_files(sharing.host.directory)
    job.cancel()
    assert isinstance(outcome_of(sharing.network, fetched), Cancelled)
    assert part_files(sharing.host.directory) == []
    assert sharing.peer.peer.library["f"].is_share
