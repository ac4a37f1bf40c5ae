"""Peers that take more than their part."""

from __future__ import annotations

import json

import msgspec
import pytest

from p2pfs.chunks import FileInfo
from p2pfs.identity import PeerKey
from p2pfs.membership.signature import sign
from p2pfs.wire.notices import WINDOW
from tests.tracker.tracker_connections import INFO, ROOT, WALL_CLOCK, MemoryTracker, publish

# Names


@pytest.mark.parametrize("total", [65_537, 10**9, 10**15])
def test_a_file_of_too_many_chunks_is_no_file(total: int) -> None:
    """Numbers from the wire do not make the tracker set up bitfields of any size."""
    tracker = MemoryTracker()
    peer = tracker.join()
    info = {"filesize": total, "totalchunknum": total, "chunksize": 1}
    (error,) = peer.ask(type="REQUEST_PUBLISH", filename="f", fileinfo=info)
    assert error["type"] == "ERROR"
    assert "chunks" in error["message"]
    assert list(tracker.directory) == []


# Signatures

_KEY = PeerKey.from_seed(bytes(32))
_GOOD = json.loads(msgspec.json.encode(sign(_KEY, "f", FileInfo(10, 5, 2, ROOT), int(WALL_CLOCK))))


@pytest.mark.parametrize(
    "odd",
    [
        {"at": "1"},
        {"at": -1},
        {"at": 1 << 200},
        {"at": 1.5},
        {"signature": ""},
        {"signature": "AA=="},
        {"signature": "-"},
        {"signature": ["AA=="]},
        {"key": ""},
        {"key": None},
        {"key": _GOOD["signature"]},
        {"chain": ["MA=="]},
        {"key": None, "chain": ["MA=="]},
        {"key": None, "chain": ["MA=="] * 100_000},
        {"key": None, "chain": ["A" * 4_000_000]},
        {"key": None, "chain": "MA=="},
    ],
)
def test_an_odd_signature_is_refused(odd: dict[str, object]) -> None:
    """By an answer to what it came with; nothing is kept, and the connection goes on."""
    tracker = MemoryTracker()
    peer = tracker.join()
    asked = {"filename": "f", "fileinfo": INFO, "signature": _GOOD | odd}
    (reply,) = peer.ask(type="REQUEST_PUBLISH", **asked)
    assert reply["type"] == "ERROR" or reply["result"] is False
    (reply,) = peer.ask(type="REQUEST_CHUNK_REGISTER", chunks="gA==", **asked)
    assert (reply["type"], reply["request"]) == ("ERROR", "REQUEST_CHUNK_REGISTER")
    assert tracker.directory.memory == 0
    (reply,) = peer.ask(type="REQUEST_PUBLISH", **asked | {"signature": _GOOD})
    assert reply["result"] is True
    (reply,) = tracker.connect().ask(type="REQUEST_FILE_LOCATION", filename="f")
    assert reply["signature"] == _GOOD


# Connections


def test_register_and_vanish_leaves_nothing(logged: list[str]) -> None:
    """However often: no state, no timers, and a bounded number of lines in the log."""
    tracker = MemoryTracker()
    for number in range(500):
        peer = tracker.join(port=number % 60_000 + 1)
        publish(peer, f"f{number}")
        peer.hang_up()
    assert list(tracker.directory) == tracker.directory.peers == []
    assert not tracker.factory.connections
    assert not tracker.factory.joined
    assert len(tracker.factory.admission) == 0
    assert not tracker.clock.getDelayedCalls()
    assert len(logged) <= 20
    tracker.clock.advance(WINDOW)
    tracker.join()
    assert "980 more were not logged" in logged[-1]


def test_a_silent_connection_is_closed() -> None:
    """One that has neither joined nor asked for long makes room, and is told."""
    tracker = MemoryTracker(silence=60)
    silent, visitor, peer = tracker.connect(), tracker.connect(), tracker.join()
    for _ in range(10):
        tracker.clock.advance(30)
        visitor.ask(type="REQUEST_FILE_LIST")
    assert silent.lost
    (error,) = silent.heard()
    assert (error["type"], error["request"]) == ("ERROR", None)
    assert "Nothing was asked for 60 s" in error["message"]
    assert not visitor.lost
    tracker.clock.advance(59)
    assert not visitor.lost
    tracker.clock.advance(1)
    tracker.clock.advance(0)
    assert visitor.lost
    assert not peer.lost
    assert not tracker.clock.getDelayedCalls()


def test_a_visitor_that_leaves_is_not_watched_on() -> None:
    """Connections that come and go without joining leave no timers."""
    tracker = MemoryTracker()
    for _ in range(10):
        tracker.connect().hang_up()
    assert not tracker.clock.getDelayedCalls()
    assert len(tracker.factory.admission) == 0


def test_what_is_no_request_does_not_break_a_silence() -> None:
    """Neither half a line nor rubbish keeps a connection open."""
    tracker = MemoryTracker(silence=50)
    peers = [tracker.connect(), tracker.connect()]
    for _ in range(50):
        peers[0].deliver(b" ")
        peers[1].deliver(b"rubbish\n")
        tracker.clock.advance(1)
    tracker.clock.advance(0)
    assert all(peer.lost for peer in peers)


def test_one_host_does_not_lock_out_others(logged: list[str]) -> None:
    """When all connections are in use, the greedy host's idlest stranger makes room."""
    tracker = MemoryTracker(connections=10)
    first = tracker.join("192.0.2.1", port=1)
    crowd = [tracker.connect("192.0.2.1") for _ in range(8)]
    last = tracker.join("192.0.2.1", port=2)
    crowd[0].ask(type="REQUEST_FILE_LIST")
    for number in range(4):
        newcomer = tracker.join(f"192.0.2.{10 + number}")
        assert not newcomer.lost
    tracker.clock.advance(0)
    assert [peer.lost for peer in crowd] == [False, True, True, True, True, False, False, False]
    assert not first.lost
    assert not last.lost
    assert sum("192.0.2.1: lost its idlest" in line for line in logged) == 1
    assert len(tracker.factory.connections) == len(tracker.factory.admission) == 10


def test_a_greedy_host_is_turned_away(logged: list[str]) -> None:
    """Without effect on anybody, with a reason, and with one line in the log."""
    tracker = MemoryTracker(connections=3)
    others = [tracker.join(f"192.0.2.{number}") for number in range(3)]
    for _ in range(100):
        refused = tracker.connect("192.0.2.0")
        (error,) = refused.heard()
        assert (error["type"], error["request"]) == ("ERROR", None)
        assert "try again later" in error["message"]
        refused.say(type="REQUEST_FILE_LIST")
        tracker.clock.advance(0)
        assert refused.lost
        assert refused.heard() == []
    assert not any(peer.lost for peer in others)
    assert sum("turned away" in line for line in logged) == 1
    assert len(tracker.factory.connections) == 3


# The log


@pytest.mark.parametrize(
    ("offence", "words"),
    [
        (b'rubbish "\\n\n', "no messages of the protocol"),
        (b"x" * ((4 << 20) + 2), "longer than"),
    ],
)
def test_an_offender_gets_one_line(offence: bytes, words: str, logged: list[str]) -> None:
    """Not one for each attempt, and nothing in it is of the offender's choice."""
    tracker = MemoryTracker()
    for _ in range(5):
        peer = tracker.connect("192.0.2.66")
        peer.deliver(offence * 3)
        tracker.clock.advance(0)
        peer.hang_up()
    (line,) = logged
    assert line.startswith("192.0.2.66: ")
    assert words in line
    assert "rubbish" not in line


def test_a_slow_line_is_noted(logged: list[str]) -> None:
    """A line that is not finished in time is a breach like others."""
    tracker = MemoryTracker(silence=1000)
    peer = tracker.connect("192.0.2.66")
    peer.deliver(b"{")
    tracker.clock.advance(60)
    tracker.clock.advance(0)
    assert peer.lost
    assert len(logged) == 1
    assert "not finished" in logged[0]
