"""How a peer keeps to its tracker: how often it tries, and what makes it try sooner."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from random import Random

import pytest
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Protocol

from p2pfs.addresses import Address
from p2pfs.identity import PeerKey
from p2pfs.peer.announcing.introduction import Introduction
from p2pfs.peer.announcing.tracker_link import TrackerLink
from p2pfs.peer.settings import PeerSettings
from p2pfs.testing import Network, Swarm
from p2pfs.testing.swarm import TRACKER_PORT
from p2pfs.wire.messages import ReplyRegister, encode
from p2pfs.wire.reception import TurnedAway
from tests.log import log_lines
from tests.simulation.parts import Servers


class ThrowsOut(Protocol):
    """Registers whoever comes, and closes the connection."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(encode(ReplyRegister("10.0.0.2:6881")))
        self.transport.loseConnection()


@pytest.mark.parametrize("kind", [partial(TurnedAway, lambda: None), ThrowsOut])
def test_who_is_turned_away_tries_less_and_less_often(
    network: Network, kind: Callable[[], Protocol]
) -> None:
    """A connection that comes to nothing counts as a failure, though it stood for a moment."""
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    came: list[float] = []

    def make() -> Protocol:
        came.append(network.timeline.now)
        return kind()

    TCP4ServerEndpoint(tracker.reactor, TRACKER_PORT).listen(Servers(make))
    peer = Swarm(network).start_peer(host, tracker)
    network.run(200)
    pauses = [after - before for before, after in pairwise(came)]
    assert 15 <= pauses[-1] <= 16.1
    assert len(came) <= 25
    assert peer.peer.announcer.retry_at is not None
    assert 0 < peer.peer.announcer.retry_at - network.timeline.now <= 16


def test_who_was_in_for_long_is_back_soon(network: Network) -> None:
    """A tracker that was started anew is joined in a second or two, as often as that happens."""
    swarm = Swarm(network)
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    peer = swarm.start_peer(host, tracker)
    for _ in range(10):
        swarm.start_tracker(tracker)
        assert network.run(4, lambda: peer.peer.announcer.joined)
        network.run(20)
        tracker.kill()
        network.run(0.2)


def test_another_address_is_a_reason_to_try(network: Network) -> None:
    """A machine that has a route again does not wait for the end of a pause."""
    tables = [b"a route"]
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    Swarm(network).start_tracker(tracker)
    link = TrackerLink(
        host.reactor,
        Random(1),
        PeerSettings(host.directory),
        f"tcp:{tracker.address}:{TRACKER_PORT}",
        Introduction(Address("", 6881), PeerKey.from_seed(bytes(32))),
        lambda _: None,
        lambda _: None,
        host.wall_clock,
        lambda: tables[0],
    )
    network.result_of(link.start(), 5)
    network.partition([host])
    tables[0] = b""
    network.run(200)
    assert link.client is None
    network.heal()
    tables[0] = b"another route"
    assert network.run(3, lambda: link.client is not None)
    network.result_of(link.stop(), 5)
    network.run(10)
    assert not host.reactor.getDelayedCalls()


def test_the_log_has_what_changes_and_not_each_attempt(network: Network) -> None:
    """A tracker that is away, comes, goes for long, comes back, and is left at the end."""
    swarm = Swarm(network)
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    with log_lines(of=TrackerLink.__module__) as lines:
        swarm.start_peer(host, tracker)
        network.run(100)
        for _ in range(2):
            swarm.start_tracker(tracker)
            network.run(20)
            tracker.kill()
            network.run(100)
        swarm.start_tracker(tracker)
        network.run(20)
        network.result_of(swarm.stop(host), 5)
    [away, joined, *again, left] = [line.partition(" at tcp:")[0] for line in lines]
    assert away == "No tracker is reachable"
    assert joined == "Joined the tracker"
    assert again == ["Lost the tracker", "No tracker is reachable", "Joined the tracker"] * 2
    assert left == "Left the tracker"
    assert "It is tried again in " in lines[0]


def test_who_is_refused_for_long_is_told_so_once(network: Network) -> None:
    """The tracker may be full for a day."""
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    make = partial(TurnedAway, lambda: None)
    TCP4ServerEndpoint(tracker.reactor, TRACKER_PORT).listen(Servers(make))
    with log_lines(of=TrackerLink.__module__) as lines:
        Swarm(network).start_peer(host, tracker)
        network.run(500)
    assert len(lines) == 1, lines
