"""The user's word on which tracker to join, at whatever moment: no other is left joined."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import TrackerUnavailable
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, publish
from p2pfs.testing.swarm import TRACKER_PORT
from p2pfs.tracker.service import TrackerService
from tests.simulation.parts import outcome_of


class Trackers:
    """Three trackers, and a peer with one share, which is told to join the first at its start."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.hosts = [network.add_host(name) for name in ("first", "second", "third")]
        self.trackers: list[TrackerService] = [self.swarm.start_tracker(h) for h in self.hosts]
        self.host = network.add_host("peer")
        self.peer: PeerService = self.swarm.start_peer(self.host, self.hosts[0])
        network.run(1)
        path = self.host.directory / "file"
        path.write_bytes(b"content")
        network.result_of(publish(self.peer, path), 10)

    def restart(self) -> None:
        """Start the peer anew; it takes some seconds to find out what it shared."""
        self.stop()
        self.host.drive.disorder = 3.0
        self.peer = self.swarm.start_peer(self.host, self.hosts[0])

    def connect(self, host: Host) -> Deferred[None]:
        """What the command does."""
        endpoint = f"tcp:{host.address}:{TRACKER_PORT}"
        return Deferred.fromCoroutine(self.peer.peer.announcer.switch(endpoint))

    def stop(self) -> None:
        self.network.result_of(self.swarm.stop(self.host), 10)
        self.network.run(1)

    @property
    def listing(self) -> list[bool]:
        """Which trackers list the share."""
        return ["file" in tracker.tracker.directory for tracker in self.trackers]

    @property
    def connections(self) -> list[int]:
        """How many each has."""
        return [len(tracker.tracker.factory.connections) for tracker in self.trackers]


@pytest.fixture
def trackers(network: Network) -> Trackers:
    """See there."""
    return Trackers(network)


@pytest.mark.parametrize("latency", [0.0005, 2.0])
def test_whom_the_user_names_before_the_peer_is_restored_is_kept(
    trackers: Trackers, latency: float
) -> None:
    """Whether it is joined before that or after; the tracker of the options is none any more."""
    trackers.hosts[1].latency = latency
    trackers.restart()
    network, peer = trackers.network, trackers.peer
    joined = trackers.connect(trackers.hosts[1])
    assert not peer.peer.share_watcher.restored().called
    network.result_of(joined, 20)
    network.run(20)
    assert peer.peer.share_watcher.restored().called
    assert trackers.listing == [False, True, False]
    assert trackers.connections == [0, 1, 0]
    trackers.stop()
    network.run(10)
    assert trackers.connections == [0, 0, 0]


def test_the_tracker_of_the_options_is_joined_when_that_one_is_not_there(
    trackers: Trackers,
) -> None:
    """As with any 'connect' that fails."""
    trackers.hosts[1].kill()
    trackers.restart()
    joined = trackers.connect(trackers.hosts[1])
    assert isinstance(outcome_of(trackers.network, joined), TrackerUnavailable)
    trackers.network.run(20)
    assert trackers.listing == [True, False, False]


@pytest.mark.parametrize("after", [0.0, 0.5, 1.5, 2.5, 3.5, 4.5])
def test_nothing_is_joined_by_a_peer_that_stops(trackers: Trackers, after: float) -> None:
    """Connecting, or registering there, or leaving the one before: all of it ends with the peer."""
    trackers.hosts[1].latency = 0.5
    network, host = trackers.network, trackers.host
    joined = trackers.connect(trackers.hosts[1])
    joined.addErrback(lambda failure: failure.trap(TrackerUnavailable))
    network.run(after)
    network.result_of(trackers.swarm.stop(host), 20)
    network.run(0)
    assert host.reactor.getDelayedCalls() == []
    assert network.ends_of(host) == []
    network.run(30)
    assert joined.called
    assert trackers.connections == [0, 0, 0]


def test_a_peer_that_has_stopped_joins_nothing(trackers: Trackers) -> None:
    """A console that is still open at that moment may ask for it."""
    trackers.stop()
    joined = trackers.connect(trackers.hosts[1])
    error = outcome_of(trackers.network, joined)
    assert isinstance(error, TrackerUnavailable)
    assert str(error) == "This peer stops; start it again to join a tracker."
    trackers.network.run(30)
    assert trackers.connections == [0, 0, 0]


@pytest.mark.parametrize("slow", [1, 2])
def test_of_two_trackers_that_are_named_at_once_the_last_is_kept(
    trackers: Trackers, slow: int
) -> None:
    """Whichever answers first."""
    trackers.hosts[slow].latency = 1.0
    network = trackers.network
    sooner, later = (trackers.connect(host) for host in trackers.hosts[1:])
    outcomes = [outcome_of(network, sooner), outcome_of(network, later)]
    network.run(20)
    assert trackers.listing == [False, False, True]
    assert trackers.connections == [0, 0, 1]
    assert outcomes[1] is None
    if slow == 1:  # it was given up before it had answered
        assert isinstance(outcomes[0], TrackerUnavailable)
    trackers.stop()
    network.run(10)
    assert trackers.connections == [0, 0, 0]


def test_one_that_is_named_twice_at_once_is_joined_once(trackers: Trackers) -> None:
    """It knows this peer by its key, so the second joining replaces the first."""
    network = trackers.network
    both = [trackers.connect(trackers.hosts[1]) for _ in range(2)]
    assert outcome_of(network, both[1]) is None
    network.run(20)
    assert both[0].called
    both[0].addErrback(lambda failure: failure.trap(TrackerUnavailable))
    assert trackers.listing == [False, True, False]
    assert trackers.connections == [0, 1, 0]
