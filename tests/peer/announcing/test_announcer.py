"""Which tracker a peer joins, at whatever moment it is told to; and what it tells it, and when.

No tracker but the one that the user named last is left joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from twisted.internet.defer import Deferred

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import TrackerUnavailable
from p2pfs.identity import PeerKey
from p2pfs.peer.announcing.announcer import Announcer
from p2pfs.peer.announcing.introduction import Introduction
from p2pfs.peer.announcing.refusals import FIRST_PAUSE, MOST_TOLD, Refusals
from p2pfs.peer.announcing.tracker_client import PROBE_SECONDS, TrackerClient
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.rates import Bandwidth, Bandwidths, RateLimit
from p2pfs.peer.service import PeerService
from p2pfs.peer.settings import PeerSettings
from p2pfs.testing import Host, Network, Swarm, publish
from p2pfs.testing.swarm import TRACKER_PORT
from p2pfs.tracker.service import TrackerService
from p2pfs.wire import messages as m
from tests.log import log_lines
from tests.peer.holdings import content, described, shared
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


class Telling:
    """An announcer by itself that has joined a tracker, and what it says there."""

    def __init__(self, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
        self.network = network
        self.tracker_host, host = network.add_host("tracker"), network.add_host("peer")
        self.tracker = Swarm(network).start_tracker(self.tracker_host)
        self.place = host.directory / "g"
        self.library = Library()
        self.holding = shared(host.directory / "f", content(64), 1)
        self.library.add(self.holding)
        self.up = Bandwidth(RateLimit())
        self.announcer = Announcer(
            host.reactor,
            Random(1),
            PeerSettings(host.directory),
            self.library,
            Bandwidths(self.up, Bandwidth(RateLimit())),
            lambda: Introduction(Address("", 6881), PeerKey.from_seed(bytes(32))),
            lambda _: None,
            lambda _: None,
            host.wall_clock,
        )
        self.said: list[tuple[float, m.Message]] = []
        really = TrackerClient.send

        def send(client: TrackerClient, message: m.Message) -> None:
            self.said.append((network.timeline.now, message))
            really(client, message)

        monkeypatch.setattr(TrackerClient, "send", send)

    def join(self) -> None:
        """Join the tracker, and forget what was said meanwhile."""
        self.announcer.start(f"tcp:{self.tracker_host.address}:{TRACKER_PORT}")
        assert self.network.run(5, lambda: self.announcer.joined)
        self.network.run(1)
        self.said.clear()

    @property
    def registered(self) -> list[tuple[float, m.RequestChunkRegister]]:
        """The messages about chunks, and when each was said."""
        return [(at, it) for at, it in self.said if isinstance(it, m.RequestChunkRegister)]

    def stop(self) -> None:
        self.network.result_of(self.announcer.stop(), 5)


@pytest.fixture
def telling(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telling]:
    """See there; it leaves the tracker in the end."""
    telling = Telling(network, monkeypatch)
    yield telling
    telling.stop()


def test_chunks_are_told_in_batches_that_grow(telling: Telling) -> None:
    """The first at once, as others wait for it; then each second would be too often for many."""
    telling.join()
    source = Address("192.0.2.1", 6881)
    for number in range(64):
        telling.announcer.register_chunk(telling.holding, number, source)
        telling.network.run(0.25)
    telling.network.run(10)
    times = [at for at, _ in telling.registered]
    assert [after - before for before, after in pairwise(times)] == pytest.approx([1, 3, 5, 5, 5])
    told = [ChunkSet.from_bitfield(64, it.chunks or b"").bits for _, it in telling.registered]
    assert told[0] == 1
    assert sum(told) == (1 << 64) - 1, "each chunk is told once"
    assert telling.registered[0][1].sources == [str(source)]


def test_what_waits_for_a_batch_is_told_at_once_when_it_must_not(telling: Telling) -> None:
    """At the end of a download nothing is left to wait for; and nothing is told twice."""
    telling.join()
    for number in range(3):
        telling.announcer.register_chunk(telling.holding, number, Address("192.0.2.1", 6881))
    telling.announcer.flush()
    assert len(telling.registered) == 2
    telling.network.run(20)
    assert len(telling.registered) == 2


def test_chunks_of_a_file_that_is_not_held_any_more_are_not_told(telling: Telling) -> None:
    """It was unpublished meanwhile: the tracker would name this peer as their holder."""
    telling.join()
    for number in range(3):
        telling.announcer.register_chunk(telling.holding, number, Address("192.0.2.1", 6881))
    telling.library.discard(telling.holding)
    telling.network.run(5)
    assert [at for at, _ in telling.registered] == [telling.said[0][0]]
    telling.announcer.register_chunk(telling.holding, 5, Address("192.0.2.1", 6881))
    telling.network.run(5)
    assert len(telling.registered) == 1


def test_a_copy_of_an_own_share_is_not_told(telling: Telling) -> None:
    """The share is listed as a whole already, or is withheld, which a chunk would undo."""
    telling.join()
    copy = replace(telling.holding, path=telling.holding.path.with_name("copy"))
    telling.announcer.register_chunk(copy, 0, Address("192.0.2.1", 6881))
    assert telling.registered == []


def test_how_fast_a_file_is_sent_is_told_now_and_then(telling: Telling) -> None:
    """Every 5 s at the most while that stays as it is, however many chunks are sent."""
    telling.join()
    telling.announcer.delivered("f")
    assert telling.registered == []  # it is not known yet
    now = telling.network.timeline.now
    for tenth in range(40):
        telling.up.count(1000, now + tenth / 10, now + (tenth + 1) / 10)
    assert telling.up.highest is not None
    for _ in range(110):
        telling.network.run(0.1)
        telling.announcer.delivered("f")
    assert [after - before for (before, _), (after, _) in pairwise(telling.registered)] == (
        pytest.approx([5, 5], abs=0.2)
    )
    assert {it.up for _, it in telling.registered} == {telling.up.highest}


def test_a_probe_that_came_too_early_is_told_once_joined(telling: Telling) -> None:
    """The tracker may ping this peer before this peer knows that it has joined."""
    telling.announcer.reached("token")
    telling.announcer.start(f"tcp:{telling.tracker_host.address}:{TRACKER_PORT}")
    telling.network.run(5)
    assert [it.token for _, it in telling.said if isinstance(it, m.RequestReached)] == ["token"]


@pytest.mark.parametrize("ahead", [0.0, 90.0, -90.0])
def test_how_far_the_clock_of_the_tracker_is_ahead(telling: Telling, ahead: float) -> None:
    """As of the joining; without a tracker nothing is known of it."""
    telling.tracker_host.drive.clock_offset = ahead
    assert telling.announcer.tracker_time_offset is None
    telling.join()
    assert telling.announcer.tracker_time_offset == pytest.approx(ahead, abs=0.1)
    telling.tracker_host.kill()
    telling.network.run(1)
    assert telling.announcer.tracker_time_offset is None


def test_a_part_that_is_refused_bears_the_reason_until_it_is_taken(telling: Telling) -> None:
    """Nobody waits for an answer to a registration; so the holding is where it is seen."""
    telling.join()
    network = telling.network
    directory = telling.tracker.tracker.directory
    directory.join("192.0.2.9:6881")
    other = FileInfo(5, 1, 5)
    directory.publish("192.0.2.9:6881", "g", other, 0.0)
    part = Holding.begun("g", *described(content(64), 1), telling.place, telling.place)
    part.left()
    part.chunks.add(3)
    telling.library.add(part)
    assert outcome_of(network, telling.announcer.announce(part)) is None
    network.run(1)
    assert part.refusal.startswith("Another content is listed under that name, held by 192.0.2.9")
    directory.unpublish("192.0.2.9:6881", "g")
    assert outcome_of(network, telling.announcer.announce(part)) is None
    network.run(1)
    assert part.refusal == ""
    assert "g" in directory
    part.refused("as it was before")
    part.chunks.add(4)
    telling.announcer.register_chunk(part, 4, Address("192.0.2.1", 6881))
    assert part.refusal == ""
    told = telling.registered[-1][1].chunks or b""
    assert list(ChunkSet.from_bitfield(64, told)) == [3, 4], "the tracker may have dropped all"


def test_a_share_that_lost_its_name_meanwhile_is_offered_again(telling: Telling) -> None:
    """It hears of it when it says how fast it sends; then it is as if a publish was refused."""
    telling.join()
    network, directory = telling.network, telling.tracker.tracker.directory
    [me, name] = directory.peers[0], "f"
    directory.unpublish(me, name)
    directory.join("192.0.2.9:6881")
    directory.publish("192.0.2.9:6881", name, FileInfo(5, 1, 5), 0.0)
    now = network.timeline.now
    for tenth in range(40):
        telling.up.count(1000, now + tenth / 10, now + (tenth + 1) / 10)
    telling.announcer.delivered(name)
    network.run(1)
    assert telling.holding.refusal.startswith("Another content is listed")
    directory.unpublish("192.0.2.9:6881", name)
    network.run(FIRST_PAUSE)
    assert telling.holding.refusal == ""
    assert directory[name].info == telling.holding.info


def test_what_the_tracker_never_says_is_waited_for_so_long(telling: Telling) -> None:
    """To be tried again is asked for; a tracker that hangs, or has none, ends it with a reason."""
    unavailable = outcome_of(telling.network, telling.announcer.probe(), 1)
    assert isinstance(unavailable, TrackerUnavailable)
    telling.join()
    telling.tracker.tracker.factory.prober.stop()
    telling.tracker.tracker.factory.prober.look_now = (  # type: ignore[method-assign]
        lambda member: None  # it is asked, and nothing comes of it
    )
    outcome = outcome_of(telling.network, telling.announcer.probe(), PROBE_SECONDS + 1)
    assert isinstance(outcome, TrackerUnavailable)
    assert "did not say within 15 s" in str(outcome)


def test_without_a_tracker_the_user_is_told_how_to_join_one(telling: Telling) -> None:
    """What needs one fails with that sentence, and what does not is done."""
    announcer, network = telling.announcer, telling.network
    for work in (announcer.locate("f"), announcer.announce(telling.holding)):
        error = outcome_of(network, work)
        assert isinstance(error, TrackerUnavailable)
        assert "'connect HOST PORT'" in str(error)
    assert outcome_of(network, announcer.withdraw(telling.holding)) is None
    assert outcome_of(network, Deferred.fromCoroutine(announcer.needed())) is None


def test_of_many_that_are_not_listed_the_log_names_some(network: Network) -> None:
    """Whoever joins with a directory that has other contents elsewhere is told, in some lines."""
    swarm = Swarm(network)
    tracker = network.add_host("tracker")
    swarm.start_tracker(tracker)
    hosts = [network.add_host(name) for name in ("one", "two")]
    peers = [swarm.start_peer(hosts[0], tracker), swarm.start_peer(hosts[1], None)]
    network.run(1)
    for host, peer in zip(hosts, peers, strict=True):
        (host.directory / "d").mkdir()
        for number in range(3 * MOST_TOLD):
            (host.directory / "d" / f"{number}").write_text(host.name)
        network.result_of(publish(peer, host.directory / "d"), 10)
    with log_lines(of=Refusals.__module__) as lines:
        endpoint = f"tcp:{tracker.address}:{TRACKER_PORT}"
        switched = Deferred.fromCoroutine(peers[1].peer.announcer.switch(endpoint))
        network.result_of(switched, 5)
        network.run(5)
    assert len(lines) == MOST_TOLD + 1
    assert all(line.startswith("The tracker does not list 'd/") for line in lines[:-1])
    assert lines[-1].startswith("It does not list others either")
