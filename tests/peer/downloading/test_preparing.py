"""How a download begins or goes on: nothing of anybody else's is taken for its own."""

from __future__ import annotations

from random import Random

import pytest

from p2pfs.errors import Cancelled
from p2pfs.testing import Network, download, publish
from tests.peer.downloading.pairs import (
    CONTENT,
    Peers,
    PeersOfSmallChunks,
    begun,
)
from tests.simulation.parts import outcome_of, part_files


@pytest.fixture
def peers(network: Network) -> Peers:
    """See there."""
    return PeersOfSmallChunks(network)


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
