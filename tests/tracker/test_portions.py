"""What one host can have of a tracker's memory and attention, and what others still have."""

from __future__ import annotations

from typing import Any

import pytest

from p2pfs.chunks import FileInfo
from p2pfs.tracker.protocol import TrackerProtocol
from p2pfs.wire.budget import BUDGET, LEAST
from tests.memory_transport import MemoryTransport
from tests.tracker.tracker_connections import MemoryTracker

LIST = b'{"type":"REQUEST_FILE_LIST"}\n'
NAMES = 5000
GREEDY = "192.0.2.66"
INFO = FileInfo(3, 3, 1, "ab" * 32)


@pytest.fixture
def tracker() -> MemoryTracker:
    """A tracker with a list of a page of some 1.5 MB."""
    tracker = MemoryTracker()
    tracker.join("203.0.113.1")
    (holder,) = tracker.directory.peers
    for number in range(NAMES):
        tracker.directory.publish(holder, f"{number:04}" + "x" * 120, INFO, 0.0)
    return tracker


def visit(tracker: MemoryTracker, host: str, stuck: bool = False) -> MemoryTransport:
    """A connection of that host; with ``stuck`` it reads only what the test takes."""
    peer = tracker.connect(host)
    if stuck:
        peer.stall()
    return peer


def located(peer: MemoryTransport) -> bool:
    """Whether a location comes at once."""
    answers = peer.ask(type="REQUEST_FILE_LOCATION", filename="0001" + "x" * 120)
    return [answer["type"] for answer in answers] == ["REPLY_FILE_LOCATION"]


def listed(tracker: MemoryTracker, peer: MemoryTransport) -> list[str]:
    """The whole list, page by page."""
    names: list[str] = []
    while True:
        peer.say(type="REQUEST_FILE_LIST", after=names[-1] if names else "")
        tracker.clock.advance(0)
        (page,) = peer.heard()
        names += page["filelist"]
        if not page["more"]:
            return names


def test_lists_that_are_not_read_are_within_a_hosts_portion(tracker: MemoryTracker) -> None:
    """1,000 connections of one host keep half of what they leave free, and 16 KiB each."""
    greedy = [visit(tracker, GREEDY, stuck=True) for _ in range(1000)]
    for peer in greedy:
        peer.deliver(LIST)
    tracker.clock.advance(0)
    unread = sum(peer.unread for peer in greedy)
    assert BUDGET // 4 < unread <= BUDGET // 3 + 1000 * TrackerProtocol.receive_size + (1 << 20)
    assert tracker.factory.budget.kept <= unread
    honest = tracker.connect("192.0.2.1")
    assert located(honest)
    assert len(listed(tracker, honest)) == NAMES
    for peer in greedy:
        peer.hang_up()
    assert tracker.factory.budget.kept == 0


def test_who_reads_gets_all_of_its_answers(tracker: MemoryTracker) -> None:
    """Requests that wait for room are answered as room comes."""
    peers = [visit(tracker, GREEDY, stuck=True) for _ in range(40)]
    for peer in peers:
        peer.deliver(LIST * 2)
    tracker.clock.advance(0)
    assert not all(peer.unread for peer in peers[:-1]) or tracker.factory.budget.kept
    pages = []
    while any(peer.unread for peer in peers):
        for peer in peers:
            pages += peer.heard()
        tracker.clock.advance(0)
    assert len(pages) == 80
    # None was begun without room, so none is too short to be of use.
    assert min(len(page["filelist"]) for page in pages) >= LEAST // 500
    assert tracker.factory.budget.kept == 0
    for peer in peers:
        peer.hang_up()
    assert not tracker.clock.getDelayedCalls()


def test_many_hosts_that_do_not_read_stay_within_the_budget(tracker: MemoryTracker) -> None:
    """Each has less than the one before, and there is always something for one more."""
    peers = [visit(tracker, f"198.51.100.{n}", stuck=True) for n in range(100) for _ in range(10)]
    for peer in peers:
        peer.deliver(LIST)
    tracker.clock.advance(0)
    assert tracker.factory.budget.kept <= BUDGET + 100 * (64 << 10)
    honest = tracker.connect("192.0.2.1")
    assert located(honest)
    assert listed(tracker, honest) == sorted(tracker.directory)


def test_what_is_not_read_is_forgotten_with_its_connection(tracker: MemoryTracker) -> None:
    """A side that stalls is cut off, and its host has its portion again."""
    greedy = [visit(tracker, GREEDY, stuck=True) for _ in range(100)]
    for peer in greedy:
        peer.deliver(LIST)
    tracker.clock.advance(0)
    for _ in range(20):
        tracker.clock.advance(60)
    assert all(peer.lost for peer in greedy)
    assert tracker.factory.budget.kept == 0
    assert located(tracker.connect(GREEDY))


def test_lines_that_are_not_finished_are_within_a_hosts_portion(tracker: MemoryTracker) -> None:
    """Of 100 with a MiB each, most are refused, and others' long lines are taken."""
    greedy = [visit(tracker, GREEDY) for _ in range(100)]
    for peer in greedy:
        for _ in range(16):
            peer.deliver(b" " * 65536)
    held = [c for c in tracker.factory.connections if c.host == GREEDY]
    assert sum(len(connection._buffer) for connection in held) <= BUDGET // 2
    assert sum(peer.disconnecting for peer in greedy) > 70
    (error,) = greedy[-1].heard()
    assert "has begun too much" in error["message"]
    honest = visit(tracker, "192.0.2.1", stuck=True)
    honest.deliver(LIST[:-1].ljust(1 << 20))
    honest.deliver(b"\n")
    tracker.clock.advance(0)
    assert honest.unread
    for peer in greedy:
        peer.hang_up()
    assert tracker.factory.budget.kept == honest.unread
    honest.take()


def test_long_lines_that_are_finished_are_handled(tracker: MemoryTracker) -> None:
    """However much they are together: what waits for its turn needs no room."""
    peers = [visit(tracker, GREEDY) for _ in range(30)]
    line = LIST[:-1].replace(b"}", b',"prefix":"none"}').ljust(1 << 20)
    for peer in peers:
        for start in range(0, len(line), 65536):
            peer.deliver(line[start : start + 65536])
        peer.deliver(b"\n")
    tracker.clock.advance(0)
    assert [len(peer.heard()) for peer in peers] == [1] * 30
    assert tracker.factory.budget.kept == 0


def test_hosts_take_turns_not_connections(tracker: MemoryTracker) -> None:
    """Beside 300 that ask for the list again and again, a location is there after a few answers."""
    answers: list[str] = []
    answer: Any = type(tracker.factory).receive

    def note(host: str) -> Any:
        connection = answer(tracker.factory, host)
        handle = connection.message_received

        def received(message: Any, line: bytes) -> None:
            answers.append(host)
            handle(message, line)

        connection.message_received = received
        return connection

    tracker.factory.receive = note  # type: ignore[method-assign]
    greedy = [visit(tracker, GREEDY) for _ in range(300)]
    honest = tracker.connect("192.0.2.1")
    for _ in range(2):
        answers.clear()
        for peer in greedy:
            peer.deliver(LIST)
        assert len(answers) < 10
        answers.clear()
        honest.say(type="REQUEST_FILE_LOCATION", filename="0001" + "x" * 120)
        for peer in greedy[:20]:
            peer.take()
        tracker.clock.advance(0)
        assert answers.index("192.0.2.1") <= 3
        assert [reply["type"] for reply in honest.heard()] == ["REPLY_FILE_LOCATION"]
