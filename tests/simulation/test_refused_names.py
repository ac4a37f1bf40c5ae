"""Shares whose name another content has at the tracker."""

from __future__ import annotations

from itertools import pairwise

import pytest
from twisted.internet.defer import Deferred

from p2pfs.peer.announcing.tracker_client import TrackerClient
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network, Swarm, publish
from p2pfs.tracker.service import TrackerService


class Rivals:
    """A peer that shares a file, and another that published another content meanwhile."""

    def __init__(self, network: Network) -> None:
        self.network = network
        swarm = Swarm(network)
        tracker = network.add_host("tracker")
        self.tracker: TrackerService = swarm.start_tracker(tracker)
        host, other = network.add_host("holder"), network.add_host("rival")
        self.holder = swarm.start_peer(host, tracker)
        self.rival = swarm.start_peer(other, tracker)
        network.run(1)
        self.publish(self.holder, b"content")
        network.result_of(swarm.stop(host), 10)
        network.run(1)
        self.publish(self.rival, b"another content")
        self.holder = swarm.start_peer(host, tracker)
        network.run(5)
        assert self.refusal.startswith("Another content is listed")

    def publish(self, peer: PeerService, content: bytes) -> None:
        path = peer.state.parent / "f"
        path.write_bytes(content)
        self.network.result_of(publish(peer, path), 10)

    @property
    def refusal(self) -> str:
        return self.holder.peer.library["f"].refusal

    @property
    def is_listed(self) -> bool:
        directory = self.tracker.tracker.directory
        return "f" in directory and directory["f"].info == self.holder.peer.library["f"].info


@pytest.fixture
def rivals(network: Network) -> Rivals:
    """See there."""
    return Rivals(network)


@pytest.mark.parametrize(("away_for", "within"), [(10, 31), (4000, 301)])
def test_a_share_is_listed_once_the_name_is_free(
    rivals: Rivals, away_for: float, within: float
) -> None:
    """By itself: soon if that is soon, and within 5 minutes however long it was."""
    network = rivals.network
    network.run(away_for)
    network.result_of(Deferred.fromCoroutine(rivals.rival.peer.publisher.unpublish("f")), 10)
    assert network.run(within, lambda: rivals.is_listed)
    network.run(1)
    assert rivals.refusal == ""


def test_what_stays_refused_is_offered_seldom(
    rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pauses that grow to 5 minutes."""
    offered: list[float] = []
    really = TrackerClient.publish

    def count(client: TrackerClient, *args: object) -> Deferred[None]:
        offered.append(rivals.network.timeline.now)
        return really(client, *args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(TrackerClient, "publish", count)
    rivals.network.run(1500)
    pauses = [after - before for before, after in pairwise(offered)]
    assert [round(pause) for pause in pauses] == [60, 120, 240, 300, 300, 300]
