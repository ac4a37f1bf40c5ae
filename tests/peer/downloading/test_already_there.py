"""A download of what lies at its place already: success, and nothing is fetched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import AlreadyExists, Cancelled, TrackerUnavailable
from p2pfs.peer.downloading import Fetched
from p2pfs.testing import download, publish
from tests.peer.downloading.pairs import CONTENT, Peers, begun
from tests.peer.holdings import shared
from tests.simulation.parts import outcome_of, part_files

CHECKING = "checking the file that is there"


def fetched_to(peers: Peers, target: Path, overwrite: bool = False) -> Fetched:
    """What a download comes to."""
    result: Fetched = peers.network.result_of(
        download(peers.peer, "f", target, overwrite=overwrite)[1], 120
    )
    return result


def uploaded(peers: Peers) -> int:
    return peers.source.peer.serving.uploads.total


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_second_time_it_is_there(peers: Peers, overwrite: bool) -> None:
    """By its stamp: nothing is read, and nothing fetched; the file stays the same one."""
    assert not fetched_to(peers, peers.target).already_there
    before, sent = peers.target.stat().st_ino, uploaded(peers)
    disk = peers.host.disk
    reads: list[int] = []
    disk.read = lambda *of: reads.append(1) or b""  # type: ignore[method-assign,func-returns-value]
    again = fetched_to(peers, peers.target, overwrite)
    assert (again.already_there, again.size, again.sources) == (True, len(CONTENT), {})
    assert (peers.target.stat().st_ino, uploaded(peers), reads) == (before, sent, [])


def test_what_is_there_is_right_without_a_tracker_too(peers: Peers) -> None:
    """A name stands for one content; what is not there, or elsewhere, cannot be told."""
    fetched_to(peers, peers.target)
    peers.network.result_of(peers.swarm.stop(peers.network.hosts["tracker"]), 10)
    peers.network.run(1)
    assert fetched_to(peers, peers.target).already_there
    for target in (peers.target, peers.target.with_name("other")):
        peers.target.unlink(missing_ok=True)
        _, fetched = download(peers.peer, "f", target)
        assert isinstance(outcome_of(peers.network, fetched, 60), TrackerUnavailable)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_of_that_content_is_shared_as_if_it_had_been_fetched(
    peers: Peers, overwrite: bool
) -> None:
    """Whoever put it there: it is hashed, listed, and on record."""
    peers.target.write_bytes(CONTENT)
    before, sent = peers.target.stat().st_ino, uploaded(peers)
    assert fetched_to(peers, peers.target, overwrite).already_there
    assert (peers.target.stat().st_ino, uploaded(peers)) == (before, sent)
    peers.network.run(1)
    assert peers.peer.peer.library["f"].path == peers.target
    [on_record] = peers.peer.peer.store.load().holdings
    assert on_record.is_share
    tracker: Any = peers.swarm.daemons[peers.network.hosts["tracker"]]
    assert len(tracker.tracker.directory["f"].holders) == 2


@pytest.mark.parametrize("content", [CONTENT[::-1], CONTENT[1:], CONTENT + b"x", b""])
def test_another_content_is_none_of_it(peers: Peers, content: bytes) -> None:
    """It is in the way as ever, and replaced where that is asked for."""
    peers.target.write_bytes(content)
    error = outcome_of(peers.network, download(peers.peer, "f", peers.target)[1])
    assert isinstance(error, AlreadyExists)
    assert "use --overwrite" in str(error)
    assert peers.target.read_bytes() == content
    assert not fetched_to(peers, peers.target, overwrite=True).already_there
    assert peers.target.read_bytes() == CONTENT


def test_a_share_that_was_touched_is_known_by_its_content(peers: Peers) -> None:
    """Its stamp is the new one then, so that no look takes it for changed."""
    fetched_to(peers, peers.target)
    os.utime(peers.target, ns=(1, 1))
    assert fetched_to(peers, peers.target).already_there
    peers.network.run(40)
    assert peers.peer.peer.library["f"].stamp is not None
    [on_record] = peers.peer.peer.store.load().holdings
    assert on_record.stamp == peers.peer.peer.library["f"].stamp


def test_a_second_copy_is_there_too(peers: Peers) -> None:
    """The name stays with the share that has it."""
    fetched_to(peers, peers.target)
    copy = peers.host.directory / "copy"
    assert not fetched_to(peers, copy).already_there
    assert fetched_to(peers, copy).already_there
    assert peers.peer.peer.library["f"].path == peers.target


def test_a_name_that_stands_for_something_else_here_stays(peers: Peers) -> None:
    """The file is right all the same."""
    mine = peers.host.directory / "mine"
    mine.write_bytes(b"mine")
    peers.peer.peer.library.add(shared(mine, b"mine", 10))
    peers.target.write_bytes(CONTENT)
    assert fetched_to(peers, peers.target).already_there
    assert peers.peer.peer.library["f"].path == mine


def test_what_an_earlier_download_left_is_given_up(peers: Peers) -> None:
    """When somebody else has put the file there meanwhile."""
    job, fetched, path = begun(peers)
    job.cancel()
    assert isinstance(outcome_of(peers.network, fetched), Cancelled)
    peers.target.write_bytes(CONTENT)
    assert fetched_to(peers, peers.target).already_there
    assert peers.peer.peer.library["f"].is_share
    assert not path.exists()
    assert part_files(peers.host.directory) == []


def test_the_hashing_can_be_cancelled(peers: Peers) -> None:
    """A large file takes its time."""
    peers.target.write_bytes(CONTENT)
    peers.host.drive.disorder = 5.0
    job, fetched = download(peers.peer, "f", peers.target)
    assert peers.network.run(60, lambda: job.phase == CHECKING)
    job.cancel()
    error = outcome_of(peers.network, fetched)
    assert isinstance(error, Cancelled)
    assert "The download of 'f' was cancelled" in str(error)
    assert peers.peer.peer.library.get("f") is None


def test_a_file_without_content(peers: Peers) -> None:
    """There is nothing to hash, and it is the same wherever it lies."""
    empty = peers.source_host.directory / "empty"
    empty.write_bytes(b"")
    peers.network.result_of(publish(peers.source, empty), 10)
    copy = peers.host.directory / "copy"
    copy.write_bytes(b"")
    fetched: Deferred[Fetched] = download(peers.peer, "empty", copy)[1]
    assert peers.network.result_of(fetched, 10).already_there


def test_a_tree_counts_what_is_there(peers: Peers) -> None:
    """Beside what it fetches."""
    folder = peers.source_host.directory / "d"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(name.encode() * 10)
    peers.network.result_of(publish(peers.source, folder), 10)
    copies = peers.host.directory / "copies"
    copies.mkdir()
    (copies / "a").write_bytes(b"a" * 10)
    tree, fetched = peers.peer.peer.trees.start("d/", copies, False)
    peers.network.result_of(fetched, 60)
    assert (tree.already_there, tree.bytes_there) == (1, 10)
    assert (tree.fetched, tree.bytes_fetched) == (1, 10)
    assert tree.done == tree.total
