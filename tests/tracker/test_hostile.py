"""Peers that take more than their part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.tracker.accounts import HOLDING_BYTES
from p2pfs.tracker.protocol import TrackerFactory
from p2pfs.wire.notices import WINDOW
from tests.memory_transport import MemoryTransport
from tests.tracker.tracker_connections import INFO, OTHER, MemoryTracker


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the tracker's connections log, line by line."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith(TrackerFactory.__module__):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


def publish(peer: MemoryTransport, name: str, info: Any = INFO) -> dict[str, Any]:
    """The answer to a publish."""
    reply: dict[str, Any]
    (reply,) = peer.ask(type="REQUEST_PUBLISH", filename=name, fileinfo=info)
    assert (reply["type"], reply["filename"]) == ("REPLY_PUBLISH", name)
    return reply


# Names


def test_a_peer_holds_no_more_names_than_its_quota(logged: list[str]) -> None:
    """It is told what to do, others are not concerned, and it is logged once."""
    tracker = MemoryTracker(names_per_peer=10)
    greedy, other = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    results = [publish(greedy, f"n{number}") for number in range(1000)]
    assert [reply["result"] for reply in results] == [True] * 10 + [False] * 990
    assert "unpublish some" in results[-1]["message"]
    assert publish(greedy, "n3")["result"]  # it holds that already
    (error,) = greedy.ask(type="REQUEST_CHUNK_REGISTER", filename="more", chunknum=0, fileinfo=INFO)
    assert (error["type"], error["request"]) == ("ERROR", "REQUEST_CHUNK_REGISTER")
    assert publish(other, "mine")["result"]
    assert len(list(tracker.directory)) == 11
    assert sum("192.0.2.1: was told" in line for line in logged) == 1
    greedy.ask(type="REQUEST_UNPUBLISH", filename="n3")
    assert publish(greedy, "instead")["result"]


def test_a_tracker_lists_no_more_names_than_its_quota() -> None:
    """What is listed already can still be held by one more; an end makes room."""
    tracker = MemoryTracker(names=3)
    first, second = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    for name in "abc":
        assert publish(first, name)["result"]
    refused = publish(second, "d")
    assert not refused["result"]
    assert "lists 3 files" in refused["message"]
    assert publish(second, "a")["result"]
    first.hang_up()
    assert publish(second, "d")["result"]
    assert list(tracker.directory) == ["a", "d"]


def test_many_behind_one_address_are_all_listed_while_there_is_room() -> None:
    """The quota of a host is there for when others would go without, and not before."""
    tracker = MemoryTracker(names_per_peer=50, names_per_host=100, names=500)
    peers = [tracker.join(port=number + 1) for number in range(6)]
    results = [[publish(p, f"{n}-{i}")["result"] for i in range(50)] for n, p in enumerate(peers)]
    assert results == [[True] * 50] * 5 + [[False] * 50]
    (reply,) = peers[5].ask(type="REQUEST_PUBLISH", filename="more", fileinfo=INFO)
    assert "your host hold 250 files" in reply["message"]
    other = tracker.join("192.0.2.2")
    assert publish(other, "of another host")["result"]


def test_the_memory_of_a_peers_record_is_bounded() -> None:
    """Long names and bitfields count, for who lists a file and for who holds a part of it."""
    total = 65_536
    info = {"filesize": total, "totalchunknum": total, "chunksize": 1}
    tracker = MemoryTracker(memory_per_peer=5 * (HOLDING_BYTES + 4 * total // 8))
    peers = [tracker.join(f"192.0.2.{n}") for n in range(2)]
    for peer in peers:
        results = [publish(peer, f"{n}" + "x" * 1000, info)["result"] for n in range(20)]
        assert 3 <= sum(results) < 10
        assert results == sorted(results, reverse=True)
        peer.ask(type="REQUEST_UNPUBLISH", filename="0" + "x" * 1000)
        assert publish(peer, "0" + "x" * 1000, info)["result"]
    peers[0].hang_up()
    again = tracker.join("192.0.2.0")
    assert publish(again, "1" + "x" * 1000, info)["result"]


def test_the_memory_of_all_records_is_bounded() -> None:
    """Peers that keep their quotas cannot exceed the whole together; the last refusal says so."""
    tracker = MemoryTracker(memory=10 * HOLDING_BYTES)
    peers = [tracker.join(f"192.0.2.{n}") for n in range(20)]
    replies = [publish(peer, f"f{n}") for n, peer in enumerate(peers)]
    assert 5 <= sum(reply["result"] for reply in replies) < 10
    assert "memory is full" in replies[-1]["message"]
    peers[0].hang_up()
    assert publish(peers[-1], "f")["result"]


def test_what_was_refused_costs_nothing() -> None:
    """Neither a name that is taken nor one that is invalid uses up the quota."""
    tracker = MemoryTracker(names_per_peer=1)
    first, second = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    publish(first, "f")
    for _ in range(5):
        assert not publish(second, "f", OTHER)["result"]
        assert not publish(second, "../f")["result"]
        second.say(type="REQUEST_CHUNK_REGISTER", filename="g", chunks="AA==", fileinfo=INFO)
    assert publish(second, "f")["result"]


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


def test_the_ledger_is_even_after_everything() -> None:
    """A peer that holds nothing any more has its whole quota again, many times over."""
    tracker = MemoryTracker(names_per_peer=2, memory_per_peer=3 * HOLDING_BYTES)
    seed, peer = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    publish(seed, "a")
    info = FileInfo(**INFO)
    for number in range(50):
        chunk = ChunkSet.of(5, [number % 5]).to_bitfield()
        tracker.directory.add_chunks("192.0.2.2:6881", "a", info, None, chunk)
        assert publish(peer, "b")["result"]
        assert publish(peer, "a")["result"]
        assert not publish(peer, "c")["result"]
        for name in "ab":
            (reply,) = peer.ask(type="REQUEST_UNPUBLISH", filename=name)
            assert reply["result"]
