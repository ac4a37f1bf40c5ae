"""A directory of many small files that is published, and a peer that has not got it."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.peer.service import PeerService
from p2pfs.testing import Network, Swarm, publish

FILES = 80


@pytest.fixture
def peers(network: Network, monkeypatch: pytest.MonkeyPatch) -> tuple[PeerService, PeerService]:
    """One that has published a directory of small files, and one that has not got them.

    Their tracker's list has some ten names on a page.
    """
    monkeypatch.setattr("p2pfs.tracker.protocol._REPLY_ROOM", 2000)
    swarm = Swarm(network)
    tracker = network.add_host("tracker")
    swarm.start_tracker(tracker)
    hosts = [network.add_host(name, 1e7, 1e7, 0.001) for name in ("one", "two")]
    one, two = (swarm.start_peer(host, tracker) for host in hosts)
    network.run(1)
    (hosts[0].directory / "d").mkdir()
    for number in range(FILES):
        (hosts[0].directory / "d" / f"{number:03}").write_bytes(b"%d" % number)
    network.result_of(publish(one, hosts[0].directory / "d"), 60)
    return one, two


def target(network: Network) -> Path:
    return network.hosts["two"].directory / "copies"
