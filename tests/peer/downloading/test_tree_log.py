"""What the log says of the download of a directory."""

from __future__ import annotations

from p2pfs.errors import Cancelled
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network
from tests.log import log_lines
from tests.peer.downloading.tree_scene import FILES, peers, target
from tests.simulation.parts import outcome_of

__all__ = ["peers"]


def test_a_tree_is_two_lines_of_the_log(
    network: Network, peers: tuple[PeerService, PeerService]
) -> None:
    """However many files it has; one that fails or is cancelled has its reason there."""
    trees = peers[1].peer.trees
    with log_lines() as lines:
        network.result_of(trees.start("d/", target(network), False)[1], 60)
    begun, ended = lines
    assert f"Download of 'd/' to {target(network)} begun: {FILES} files, " in begun
    assert f"Downloaded 'd/' to {target(network)}: {FILES} files, " in ended
    with log_lines() as lines:
        outcome_of(network, trees.start("nothing/", target(network), False)[1])
        tree, fetched = trees.start("d/", target(network) / "again", False)
        tree.cancel()
        assert isinstance(outcome_of(network, fetched), Cancelled)
    assert "The download of 'nothing/' failed after 0.0 s: Nobody offers" in lines[0]
    assert "The download of 'd/' was cancelled after" in lines[-1]
