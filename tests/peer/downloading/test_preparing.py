"""How a download begins or goes on: nothing of anybody else's is taken for its own."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import AlreadyExists, Cancelled, StorageProblem
from p2pfs.testing import download, publish
from tests.peer.downloading.pairs import (
    CHUNK,
    CONTENT,
    Peers,
    begun,
)
from tests.peer.holdings import shared
from tests.simulation.parts import outcome_of, part_files


def test_a_file_of_the_users_beside_the_target_is_left_alone(peers: Peers) -> None:
    """Whatever it is called, and also if the target may be overwritten."""
    mine = peers.target.with_name("f.part")
    mine.write_bytes(b"mine")
    peers.target.write_bytes(b"old")
    peers.network.result_of(download(peers.peer, "f", peers.target, overwrite=True)[1], 60)
    assert mine.read_bytes() == b"mine"
    assert peers.target.read_bytes() == CONTENT
    assert part_files(peers.host.directory) == []


def test_nothing_is_written_through_a_link(peers: Peers) -> None:
    """A link at the target is replaced, not what it leads to; one to a directory is followed."""
    elsewhere = peers.host.directory / "elsewhere"
    elsewhere.write_bytes(b"mine")
    for name in ("f", "f.part"):
        peers.target.with_name(name).symlink_to(elsewhere)
    peers.network.result_of(download(peers.peer, "f", peers.target, overwrite=True)[1], 60)
    assert elsewhere.read_bytes() == b"mine"
    assert not peers.target.is_symlink()
    assert peers.target.read_bytes() == CONTENT


def test_a_link_in_the_place_of_a_part_file_is_not_followed(peers: Peers) -> None:
    """What was left is gone then; the download begins anew, and the link stays."""
    job, fetched, path = begun(peers)
    job.cancel()
    assert isinstance(outcome_of(peers.network, fetched, 10), Cancelled)
    elsewhere = peers.host.directory / "elsewhere"
    elsewhere.write_bytes(b"mine")
    path.unlink()
    path.symlink_to(elsewhere)
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    assert elsewhere.read_bytes() == b"mine"
    assert path.is_symlink()
    assert peers.target.read_bytes() == CONTENT


@pytest.mark.parametrize("killed", [False, True])
def test_another_file_in_the_place_of_a_part_file_is_left_alone(peers: Peers, killed: bool) -> None:
    """It is not written to, and giving the download up does not remove it."""
    job, fetched, path = begun(peers)
    fetched.addErrback(lambda _: None)
    if killed:
        peers.host.kill()
    else:
        job.cancel()
        peers.network.run(1)
    path.unlink()
    path.write_bytes(b"mine")
    peer = peers.start(peers.host) if killed else peers.peer
    peers.network.run(3)
    peers.network.result_of(download(peer, "f", peers.target)[1], 60)
    assert path.read_bytes() == b"mine"
    assert peers.target.read_bytes() == CONTENT


def test_a_directory_may_hold_whatever_names_there_are(peers: Peers) -> None:
    """Such as x and x.part, and names as long as the file system lets them be."""
    tree = peers.source_host.directory / "tree"
    tree.mkdir()
    names = ["x", "x.part", "x.part.part", ".x.p2pfs-part", "l" * 255, "ü" * 127 + "l"]
    for number, name in enumerate(names):
        (tree / name).write_bytes(Random(number).randbytes(3000))
    peers.network.result_of(publish(peers.source, tree), 10)
    copy = peers.host.directory / "copy"
    peers.network.result_of(peers.peer.peer.trees.start("tree/", copy, False)[1], 60)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == {
        path.name: path.read_bytes() for path in tree.iterdir()
    }


def cancelled(peers: Peers) -> Path:
    """Leave an unfinished download; the path of its part file."""
    job, fetched, path = begun(peers)
    job.cancel()
    assert isinstance(outcome_of(peers.network, fetched), Cancelled)
    return path


def publish_another_content(peers: Peers) -> bytes:
    """Have the name stand for something else from now on."""
    network = peers.network
    network.result_of(Deferred.fromCoroutine(peers.source.peer.publisher.unpublish("f")), 10)
    network.partition([peers.host])
    network.run(60)  # until the tracker has forgotten what the peer holds of it
    other = peers.source_host.directory / "other"
    other.write_bytes(CONTENT[::-1])
    network.result_of(publish(peers.source, other, "f"), 10)
    network.heal()
    network.run(30)
    return CONTENT[::-1]


def test_what_is_unfinished_is_gone_on_with(peers: Peers) -> None:
    """In the same part file; what is there is not fetched again."""
    path = cancelled(peers)
    there = len(peers.peer.peer.library["f"].chunks)
    job, fetched = download(peers.peer, "f", peers.target)
    received = sum(peers.network.result_of(fetched, 60).sources.values())
    assert job.holding is peers.peer.peer.library["f"]
    assert received == len(CONTENT) - there * CHUNK
    assert peers.target.read_bytes() == CONTENT
    assert not path.exists()


def test_what_is_unfinished_belongs_to_one_place(peers: Peers) -> None:
    """Whoever wants it elsewhere is told where it lies, and it stays there."""
    path = cancelled(peers)
    error = outcome_of(
        peers.network, download(peers.peer, "f", peers.host.directory / "elsewhere")[1]
    )
    assert isinstance(error, AlreadyExists)
    assert f"lies in {path}; download it to {peers.target} to go on" in str(error)
    assert path.exists()


def test_what_is_unfinished_of_another_content_is_given_up(peers: Peers) -> None:
    """Nobody has the rest of it any more; not even its part file is left."""
    path = cancelled(peers)
    content = publish_another_content(peers)
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    assert peers.target.read_bytes() == content
    assert not path.exists()
    assert part_files(peers.host.directory) == []


def test_a_share_of_another_content_is_in_the_way(peers: Peers) -> None:
    """It is the user's to unpublish; it is shared as before."""
    mine = peers.host.directory / "mine"
    mine.write_bytes(b"mine")
    peers.peer.peer.library.add(shared(mine, b"mine", CHUNK))
    error = outcome_of(peers.network, download(peers.peer, "f", peers.target)[1])
    assert isinstance(error, AlreadyExists)
    assert "shares another content as 'f'; unpublish it first" in str(error)
    assert peers.peer.peer.library["f"].path == mine
    assert part_files(peers.host.directory) == []


def test_a_directory_is_no_target(peers: Peers) -> None:
    """Said before anything is made."""
    peers.target.mkdir()
    error = outcome_of(peers.network, download(peers.peer, "f", peers.target, overwrite=True)[1])
    assert isinstance(error, StorageProblem)
    assert "is a directory; give a path for the file in it" in str(error)
    assert peers.peer.peer.library.get("f") is None
