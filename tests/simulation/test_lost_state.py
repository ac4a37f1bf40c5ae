"""Daemons whose state directory is removed underneath them."""

from __future__ import annotations

import shutil

from p2pfs.testing import Network, Swarm


def test_it_is_noticed_and_the_daemon_stops(network: Network) -> None:
    """Peer and tracker alike, within 10 s."""
    swarm = Swarm(network)
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    swarm.start_tracker(tracker)
    swarm.start_peer(host, tracker)
    network.run(25)
    assert len(swarm.daemons) == 2
    for each in (tracker, host):
        shutil.rmtree(each.directory / "state")
    network.run(11)
    assert swarm.daemons == {}
