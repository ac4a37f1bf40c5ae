"""How a peer joins the network and leaves it."""

from __future__ import annotations

import pytest

from tests.tracker.tracker_connections import INFO, WALL_CLOCK, MemoryTracker


@pytest.mark.parametrize(
    ("seen", "announced", "recorded"),
    [
        ("192.0.2.7", ":6881", "192.0.2.7:6881"),
        ("192.0.2.7", "0.0.0.0:6881", "192.0.2.7:6881"),
        ("192.0.2.7", "[::]:6881", "192.0.2.7:6881"),
        ("192.0.2.7", "192.0.2.7:6881", "192.0.2.7:6881"),
        ("192.0.2.7", "[::ffff:192.0.2.7]:6881", "192.0.2.7:6881"),
        ("2001:db8::7", ":6881", "[2001:db8::7]:6881"),
        ("2001:db8::7", "[2001:DB8:0::7]:6881", "[2001:db8::7]:6881"),
        ("::ffff:192.0.2.7", ":6881", "192.0.2.7:6881"),
        ("::ffff:192.0.2.7", "192.0.2.7:6881", "192.0.2.7:6881"),
        ("127.0.0.1", ":6881", "127.0.0.1:6881"),
    ],
)
def test_a_peer_is_recorded_where_it_is_seen(seen: str, announced: str, recorded: str) -> None:
    """A wildcard stands for the host of the connection; every address has one spelling."""
    tracker = MemoryTracker()
    peer = tracker.connect(seen)
    assert peer.ask(type="REQUEST_REGISTER", address=announced) == [
        {"type": "REPLY_REGISTER", "address": recorded, "wall_clock": WALL_CLOCK}
    ]
    assert tracker.directory.peers == [recorded]


@pytest.mark.parametrize(
    "announced", ["192.0.2.8:6881", "host.example:6881", "127.0.0.1:6881", "[::1]:6881"]
)
def test_a_foreign_host_is_refused_unless_allowed(announced: str) -> None:
    """Other peers are not aimed at a stranger, unless the operator allows it."""
    strict, lenient = MemoryTracker(), MemoryTracker(allow_announced_host=True)
    peer = strict.connect()
    (reply,) = peer.ask(type="REQUEST_REGISTER", address=announced)
    assert (reply["type"], reply["request"]) == ("ERROR", "REQUEST_REGISTER")
    assert strict.directory.peers == []
    assert peer.ask(type="REQUEST_REGISTER", address=":1")[0]["type"] == "REPLY_REGISTER"
    (reply,) = lenient.connect().ask(type="REQUEST_REGISTER", address=announced)
    assert (reply["type"], reply["address"]) == ("REPLY_REGISTER", announced)


def test_a_wildcard_is_the_host_seen_even_where_others_are_allowed() -> None:
    """No peer is ever recorded at a wildcard."""
    tracker = MemoryTracker(allow_announced_host=True)
    (reply,) = tracker.connect().ask(type="REQUEST_REGISTER", address="0.0.0.0:5")
    assert reply["address"] == "192.0.2.7:5"


@pytest.mark.parametrize("address", ["", "6881", ":0", ":70000", "::1:5", "a b:1", ":\u0661"])
def test_what_is_no_address_is_an_error(address: str) -> None:
    """The connection stays, and nobody joins."""
    tracker = MemoryTracker()
    peer = tracker.connect()
    (reply,) = peer.ask(type="REQUEST_REGISTER", address=address)
    assert (reply["type"], reply["request"]) == ("ERROR", "REQUEST_REGISTER")
    assert tracker.directory.peers == []
    assert not peer.disconnecting


def test_an_absurd_port_is_an_error() -> None:
    """No number can make the tracker fail with a traceback."""
    peer = MemoryTracker().connect()
    (reply,) = peer.ask(type="REQUEST_REGISTER", address=":065535" + "0" * 5000)
    assert reply["type"] == "ERROR"


def test_a_connection_joins_once() -> None:
    """A second registration is refused, and the first stands."""
    tracker = MemoryTracker()
    peer = tracker.join()
    (reply,) = peer.ask(type="REQUEST_REGISTER", address=":7000")
    assert (reply["type"], reply["request"]) == ("ERROR", "REQUEST_REGISTER")
    assert tracker.directory.peers == ["192.0.2.7:6881"]


@pytest.mark.parametrize("ending", ["closed", "vanished", "over-long line"])
def test_the_end_of_a_connection_forgets_the_peer(ending: str) -> None:
    """However it ends, the peer holds nothing any more, and a file without holders goes."""
    tracker = MemoryTracker()
    leaver, stayer = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    tracker.share(leaver, "both")
    tracker.share(leaver, "alone")
    tracker.share(stayer, "both")
    if ending == "closed":
        leaver.hang_up()
    elif ending == "vanished":
        leaver.abortConnection()
    else:
        leaver.deliver(bytes(4 << 20) + b"xx")
    tracker.clock.advance(0)
    assert leaver.lost
    assert list(stayer.ask(type="REQUEST_FILE_LIST")[0]["filelist"]) == ["both"]
    (reply,) = stayer.ask(type="REQUEST_FILE_LOCATION", filename="both")
    assert list(reply["chunkinfo"]) == ["192.0.2.2:6881"]
    assert tracker.directory.peers == ["192.0.2.2:6881"]
    assert len(tracker.factory.connections) == 1
    assert not tracker.clock.getDelayedCalls()


def test_a_connection_that_never_joined_takes_nothing_along() -> None:
    """A visitor's end is not taken for the end of the peer at the same host."""
    tracker = MemoryTracker()
    peer, visitor = tracker.join(), tracker.connect()
    tracker.share(peer)
    visitor.hang_up()
    assert list(tracker.directory) == ["f"]


def test_a_returning_peer_takes_over_its_address() -> None:
    """The old connection goes, with all it held, and its late end does not harm the new one."""
    tracker = MemoryTracker()
    old = tracker.join()
    tracker.share(old, "old")
    new = tracker.join()
    assert old.aborted
    assert list(tracker.directory) == []
    tracker.share(new, "new")
    tracker.clock.advance(0)
    assert old.lost
    assert not new.lost
    assert list(tracker.directory) == ["new"]
    assert tracker.factory.joined.keys() == {"192.0.2.7:6881"}


def test_peers_at_one_host_are_told_apart_by_port() -> None:
    """Two peers on one machine are two holders."""
    tracker = MemoryTracker()
    first, second = tracker.join(port=1), tracker.join(port=2)
    tracker.share(first)
    tracker.share(second)
    first.hang_up()
    (reply,) = second.ask(type="REQUEST_FILE_LOCATION", filename="f")
    assert reply["chunkinfo"] == {"192.0.2.7:2": "+A=="}
    assert reply["fileinfo"] == INFO
