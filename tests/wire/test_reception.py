"""A listening side that is full: who gets in, who goes, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import INegotiated
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from p2pfs.wire import messages as m
from p2pfs.wire.admission import IDLE
from p2pfs.wire.protocol import MessageProtocol
from p2pfs.wire.reception import FULL, LEAVING, Reception, TurnedAway
from tests.memory_transport import MemoryTransport

LIMIT = 4


class Connection(MessageProtocol):
    """One that says nothing."""

    def __init__(self, reception: Listening, host: str) -> None:
        super().__init__(reception.clock, host)
        self.reception = reception

    def message_received(self, message: m.Message, line: bytes) -> None:
        pass

    def closing(self, reason: Failure) -> None:
        self.reception.forget(self)


class Listening(Reception[Connection]):
    """A listening side for as many as it is told, in memory."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.clock = Clock()
        self.waiting: set[Connection] = set()
        super().__init__(self.clock, limit)

    def receive(self, host: str) -> Connection:
        return Connection(self, host)

    def in_use(self, connection: Connection) -> bool:
        return connection in self.waiting

    def come(self, host: str, stuck: bool = False) -> MemoryTransport | None:
        """A connection of that host; None if it is closed without a word."""
        peer = IPv4Address("TCP", host, 40_000)
        protocol = self.buildProtocol(peer)
        return None if protocol is None else MemoryTransport(protocol, self.clock, peer, stuck)

    def fill(self, *hosts: str) -> list[MemoryTransport]:
        """Connections of these hosts, for which there is room."""
        came = [self.come(host) for host in hosts]
        assert all(each is not None and isinstance(each.protocol, Connection) for each in came)
        return [each for each in came if each is not None]

    def next_turn(self) -> None:
        self.clock.advance(0)


@pytest.fixture
def listening() -> Iterator[Listening]:
    """One that is closed in the end."""
    listening = Listening()
    yield listening
    for connection in list(listening.connections):
        connection.abort()
    listening.next_turn()
    assert not listening.connections
    assert not listening.clock.getDelayedCalls()


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    lines: list[str] = []

    def note(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(note)
    yield lines
    globalLogPublisher.removeObserver(note)


def test_who_has_no_room_is_told_and_closed(listening: Listening, log: list[str]) -> None:
    """Where each host has one connection, a newcomer would be better off than none of them."""
    listening.fill("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
    newcomer = listening.come("10.0.0.5")
    assert newcomer is not None
    assert newcomer.heard() == [{"type": "ERROR", "request": None, "message": FULL}]
    listening.next_turn()
    assert newcomer.lost
    assert len(listening.connections) == LIMIT
    assert log == ["10.0.0.5: was turned away: all connections are in use."]


def test_who_leaves_makes_room(listening: Listening) -> None:
    """For anybody."""
    first, *_ = listening.fill("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
    first.hang_up()
    listening.fill("10.0.0.5")


def test_of_a_host_with_many_one_goes(listening: Listening, log: list[str]) -> None:
    """Its idlest, and the log says whose it was, once however often that happens."""
    idle, busy, *_ = listening.fill(*["10.0.0.1"] * LIMIT)
    protocol = busy.protocol
    assert isinstance(protocol, Connection)
    listening.admission.touch(protocol, 0.0)
    listening.fill("10.0.0.2")
    assert idle.aborted
    assert not busy.aborted
    listening.fill("10.0.0.3")
    listening.next_turn()
    assert len(listening.connections) == LIMIT
    assert log == ["10.0.0.1: lost its idlest connection to a newcomer: all are in use."]


def test_who_waits_for_something_does_not_go_for_being_idle(listening: Listening) -> None:
    """What `in_use` says of a connection counts when it is asked for its place."""
    first, second, *_ = listening.fill("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
    assert isinstance(first.protocol, Connection)
    listening.waiting.add(first.protocol)
    listening.clock.advance(IDLE)
    listening.fill("10.0.0.5")
    assert not first.aborted
    assert second.aborted


def test_few_are_on_their_way_out_at_a_time(listening: Listening) -> None:
    """Each has a descriptor until it is gone, so others are closed without a word meanwhile."""
    listening.fill("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
    turned_away = [listening.come(f"10.0.1.{number}", stuck=True) for number in range(LEAVING)]
    assert all(each is not None for each in turned_away)
    assert listening.come("10.0.2.1") is None
    assert turned_away[0] is not None
    turned_away[0].hang_up()
    assert listening.come("10.0.2.2") is not None
    for each in turned_away:
        assert each is not None
        each.hang_up()


def test_so_few_make_room_at_a_time() -> None:
    """One that was aborted has its descriptor until it is lost, in the reactor's next turn."""
    listening = Listening(2 * LEAVING)
    idle = listening.fill(*(f"10.0.0.{number}" for number in range(2 * LEAVING)))
    listening.clock.advance(IDLE)
    listening.fill(*(f"10.0.1.{number}" for number in range(LEAVING)))
    assert listening.come("10.0.2.1") is None
    assert [each.aborted for each in idle] == [True] * LEAVING + [False] * LEAVING
    listening.next_turn()
    listening.fill("10.0.2.1")
    assert idle[LEAVING].aborted


def test_over_tls_nothing_is_said(listening: Listening) -> None:
    """It would take a handshake, which the other side may never end."""
    listening.fill("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
    protocol = TurnedAway(lambda: None)
    encrypted = MemoryTransport.__new__(MemoryTransport)
    alsoProvides(encrypted, INegotiated)
    encrypted.__init__(protocol, listening.clock)  # type: ignore[misc]  # it connects at once
    assert encrypted.aborted
    assert encrypted.unread == 0
