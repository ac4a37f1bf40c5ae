"""How far the download of a directory is, and how it is cancelled."""

from __future__ import annotations

from p2pfs.errors import Cancelled
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network
from tests.peer.downloading.tree_scene import FILES, peers, target
from tests.simulation.parts import outcome_of

__all__ = ["peers"]


def test_a_tree_is_counted_before_it_comes(
    network: Network, peers: tuple[PeerService, PeerService]
) -> None:
    """So it is known from the first file on how far it is; and the second time all are there."""
    told: list[str] = []
    tree, fetched = peers[1].peer.trees.start(
        "d/", target(network), False, lambda _: told.append(tree.detail)
    )
    network.result_of(fetched, 60)
    assert told[0] == f"1 of {FILES} files"
    again, fetched = peers[1].peer.trees.start("d/", target(network), False)
    network.result_of(fetched, 60)
    assert (again.already_there, again.done, again.fetched) == (FILES, again.total, 0)


def test_cancelled(network: Network, peers: tuple[PeerService, PeerService]) -> None:
    """At any moment: while it is counted, while files come, between two of them."""
    for after in range(5):
        tree, fetched = peers[1].peer.trees.start("d/", target(network), True)
        network.run(after / 50)
        tree.cancel()
        outcome = outcome_of(network, fetched, 60)
        assert isinstance(outcome, Cancelled)
        network.run(1)
        assert not peers[1].peer.downloads.jobs
