"""The tracker tries whether peers can be reached: who is tried, when, how often, and by whom."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from p2pfs.identity import PeerKey
from p2pfs.tracker.probing import ASKED_SECONDS, MOST_OF_A_HOST, MOST_PROBES, PROBE_SECONDS
from tests.memory_transport import MemoryTransport
from tests.tracker.test_identities import KEYS, ROUTER, called, introduce, joined, location
from tests.tracker.tracker_connections import MemoryTracker


def tried(tracker: MemoryTracker) -> list[tuple[str, int]]:
    """Where the tracker has tried to connect to, so far."""
    return [(host, port) for host, port, *_ in tracker.clock.tcpClients]


def refuse(tracker: MemoryTracker, number: int = -1) -> None:
    """Nobody listens where it tried to connect to."""
    factory = tracker.clock.tcpClients[number][2]
    factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))


def accept(tracker: MemoryTracker, number: int = -1) -> tuple[MemoryTransport, str]:
    """Somebody listens there: the connection, and the token that came over it."""
    protocol = tracker.clock.tcpClients[number][2].buildProtocol(None)
    connection = MemoryTransport(protocol, tracker.clock)
    (ping,) = connection.heard()
    assert ping.keys() == {"type", "probe"}
    return connection, ping["probe"]


def told(peer: MemoryTransport) -> list[bool]:
    """What a peer was told of itself since last time."""
    notices: list[dict[str, Any]] = peer.heard()
    assert all(notice["type"] == "NOTICE_REACHABLE" for notice in notices)
    return [notice["reachable"] for notice in notices]


def test_a_peer_that_can_be_reached_is_told_so() -> None:
    """It passes on the token that it was pinged with."""
    tracker = MemoryTracker()
    peer = joined(tracker, KEYS[0])
    assert tried(tracker) == [(ROUTER, 6881)]
    connection, token = accept(tracker)
    assert told(peer) == []
    peer.say(type="REQUEST_REACHED", token=token)
    assert told(peer) == [True]
    assert connection.aborted
    tracker.clock.advance(7200)
    assert len(tried(tracker)) == 1


def test_who_cannot_be_reached_is_tried_again_ever_more_seldom() -> None:
    """It is told once, and until then named as ever."""
    tracker = MemoryTracker()
    peer, other = joined(tracker, KEYS[0]), joined(tracker, KEYS[1], "192.0.2.9")
    tracker.share(peer)
    other.say(type="REQUEST_REACHED", token=accept(tracker)[1])
    assert told(other) == [True]
    assert location(other) == ({f"{ROUTER}:6881": "+A=="}, {})
    refuse(tracker, 0)
    assert told(peer) == [False]
    assert location(other) == ({}, {called(KEYS[0]): "+A=="})
    times, begun = [], tracker.clock.seconds()
    for _ in range(4 * 3600):
        before = len(tried(tracker))
        tracker.clock.advance(1)
        if len(tried(tracker)) > before:
            times.append(tracker.clock.seconds() - begun)
            refuse(tracker)
    gaps = [later - sooner for sooner, later in zip([0, *times], times, strict=False)]
    assert [round(gap) for gap in gaps] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert told(peer) == []


def test_somebody_else_at_the_address_is_not_the_peer() -> None:
    """Neither who answers pings, nor another peer that passes on the token."""
    tracker = MemoryTracker()
    peer = joined(tracker, KEYS[0])
    connection, token = accept(tracker)
    connection.say(type="PEER_PING_PONG", probe=token)
    stranger = joined(tracker, KEYS[1], "192.0.2.9")
    stranger.say(type="REQUEST_REACHED", token=token)
    visitor = tracker.connect()
    visitor.say(type="REQUEST_REACHED", token=token)
    peer.say(type="REQUEST_REACHED", token="0" * 32)
    assert told(peer) == told(stranger) == []
    tracker.clock.advance(PROBE_SECONDS)
    assert told(peer) == [False]
    peer.say(type="REQUEST_REACHED", token=token)  # too late
    assert told(peer) == []


def test_of_several_at_an_address_the_one_that_was_pinged_is_there() -> None:
    """The others cannot be reached, whoever was tried."""
    tracker = MemoryTracker()
    peers = [joined(tracker, key) for key in KEYS[:3]]
    assert len(tried(tracker)) == 1  # one for the address, not for each
    _, token = accept(tracker)
    peers[1].say(type="REQUEST_REACHED", token=token)
    assert [told(peer) for peer in peers] == [[False], [True], [False]]
    newcomer = joined(tracker, KEYS[3])
    refuse(tracker)
    assert told(newcomer) == [False]
    assert told(peers[1]) == []  # perhaps it was just too busy
    peers[1].hang_up()
    tracker.clock.advance(60)
    _, token = accept(tracker)
    peers[2].say(type="REQUEST_REACHED", token=token)
    assert told(peers[2]) == [True]


def test_a_host_is_tried_a_few_times_at_once_and_all_together_too() -> None:
    """However many addresses are registered, and hosts take turns."""
    tracker = MemoryTracker()
    keys = [PeerKey.from_seed(number.to_bytes(32, "big")) for number in range(300)]
    for number, key in enumerate(keys[:100]):
        joined(tracker, key, address=f":{7000 + number}")
    assert len(tried(tracker)) == MOST_OF_A_HOST
    for number, key in enumerate(keys[100:]):
        joined(tracker, key, f"192.0.2.{number % 20 + 20}", address=f":{7000 + number}")
    assert len(tried(tracker)) == MOST_PROBES
    for number in range(300):
        refuse(tracker, number)
        under_way = len(tried(tracker)) - number - 1
        assert under_way <= MOST_PROBES
    hosts = [host for host, _ in tried(tracker)]
    assert len(set(tried(tracker))) == 300
    assert hosts[:100].count(ROUTER) < 30


def test_a_host_with_many_addresses_waits_for_others() -> None:
    """Hosts take turns, so one that came later does not come last."""
    tracker = MemoryTracker()
    hosts = [f"192.0.2.{number}" for number in range(20, 30)]
    for number in range(100):
        key = PeerKey.from_seed(number.to_bytes(32, "big"))
        joined(tracker, key, hosts[number // 10], address=f":{7000 + number}")
    for number in range(MOST_PROBES):
        refuse(tracker, number)
    assert {host for host, _ in tried(tracker)} == set(hosts)


def test_a_silent_host_does_not_hold_up_others_for_long() -> None:
    """A probe ends after its time, answered or not."""
    tracker = MemoryTracker()
    for number, key in enumerate(KEYS):
        joined(tracker, key, address=f":{7000 + number}")
    assert len(tried(tracker)) == MOST_OF_A_HOST
    tracker.clock.advance(PROBE_SECONDS)
    assert len(tried(tracker)) == 2 * MOST_OF_A_HOST


def test_only_the_host_that_announced_it_is_tried() -> None:
    """A tracker that lets peers announce other hosts connects to none of these."""
    tracker = MemoryTracker(allow_announced_host=True)
    peer = tracker.connect()
    assert introduce(peer, KEYS[0], "192.0.2.99:22")["address"] == "192.0.2.99:22"
    assert tried(tracker) == []
    tracker.join()  # nor one without a key, which could not tell of it
    assert tried(tracker) == []


def test_who_has_left_is_not_tried_any_more() -> None:
    """Whether it was waiting, being tried, or to be tried again; nothing is left of it."""
    tracker = MemoryTracker()
    peers = [
        joined(tracker, key, address=f":{7000 + number}") for number, key in enumerate(KEYS[:4])
    ]
    refuse(tracker, 0)
    for peer in peers:
        peer.hang_up()
    before = len(tried(tracker))
    tracker.clock.advance(7200)
    assert len(tried(tracker)) == before
    assert not tracker.clock.getDelayedCalls()


def test_a_tracker_that_stops_leaves_nothing() -> None:
    """Neither timers nor connections."""
    tracker = MemoryTracker()
    peers = [
        joined(tracker, key, address=f":{7000 + number}") for number, key in enumerate(KEYS[:3])
    ]
    refuse(tracker, 0)
    connection, _ = accept(tracker, 1)
    tracker.factory.prober.stop()
    for peer in peers:
        peer.hang_up()
    tracker.clock.advance(0)
    assert connection.lost
    assert not tracker.clock.getDelayedCalls()


# Asked for

ASK = {"type": "REQUEST_PROBE"}


def test_who_asks_is_tried_again_and_told_in_any_case() -> None:
    """Also when it says nothing new, and whatever comes of it; the pauses begin anew by it."""
    tracker = MemoryTracker()
    peer = joined(tracker, KEYS[0])
    peer.say(type="REQUEST_REACHED", token=accept(tracker)[1])
    assert told(peer) == [True]
    peer.say(type="REQUEST_PROBE")
    assert len(tried(tracker)) == 2
    peer.say(type="REQUEST_REACHED", token=accept(tracker)[1])
    assert told(peer) == [True]
    for _ in range(3):
        tracker.clock.advance(ASKED_SECONDS)
        peer.say(type="REQUEST_PROBE")
        refuse(tracker)
        assert told(peer) == [False]
    before = len(tried(tracker))
    tracker.clock.advance(60)
    assert len(tried(tracker)) == before + 1
    peer.say(type="REQUEST_REACHED", token=accept(tracker)[1])
    assert told(peer) == [True]  # it was told otherwise


def test_who_asks_while_it_is_tried_is_not_tried_twice() -> None:
    """What comes of the one under way is the answer."""
    tracker = MemoryTracker()
    peer = joined(tracker, KEYS[0])
    peer.say(type="REQUEST_PROBE")
    assert len(tried(tracker)) == 1
    tracker.clock.advance(PROBE_SECONDS)
    assert told(peer) == [False]
    assert len(tried(tracker)) == 1


def test_a_host_has_itself_tried_now_and_then_only() -> None:
    """However many peers it has, and whatever others do; nothing is kept of it for long."""
    tracker = MemoryTracker()
    peers = [joined(tracker, key, address=f":{7000 + n}") for n, key in enumerate(KEYS[:2])]
    other = joined(tracker, KEYS[2], "192.0.2.9")
    for number in range(3):
        refuse(tracker, number)
    assert [told(peer) for peer in (*peers, other)] == [[False]] * 3
    errors = 0
    for second in range(20):
        for peer in peers * 50:
            errors += sum("ask again in" in a.get("message", "") for a in peer.ask(**ASK))
        if second == 7:
            assert other.ask(**ASK) == []
        tracker.clock.advance(1)
    hosts = [host for host, _ in tried(tracker)[3:]]
    assert hosts.count(ROUTER) == 20 / ASKED_SECONDS
    assert hosts.count("192.0.2.9") == 1
    assert errors == 2000 - 20 / ASKED_SECONDS
    tracker.clock.advance(ASKED_SECONDS)
    other.say(type="REQUEST_PROBE")
    assert len(tracker.factory.prober._asked) == 1


def test_who_is_never_tried_may_not_ask_for_it() -> None:
    """Nobody without a key, nor at an address elsewhere, nor before joining."""
    tracker = MemoryTracker(allow_announced_host=True)
    elsewhere = tracker.connect()
    introduce(elsewhere, KEYS[0], "192.0.2.99:22")
    for peer in (tracker.join(), tracker.connect(), elsewhere):
        (answer,) = peer.ask(type="REQUEST_PROBE")
        assert (answer["type"], answer["request"]) == ("ERROR", "REQUEST_PROBE")
    assert tried(tracker) == []


def test_who_has_asked_and_left_is_not_told() -> None:
    """There is nobody to be told; who stays at the address is."""
    tracker = MemoryTracker()
    peer, other = joined(tracker, KEYS[0]), joined(tracker, KEYS[1])
    peer.say(type="REQUEST_PROBE")
    peer.hang_up()
    tracker.clock.advance(PROBE_SECONDS)
    assert told(other) == [False]
