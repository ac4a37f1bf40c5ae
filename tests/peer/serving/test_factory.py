"""Who is let in when many want to be, and how much of a peer's attention a host has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory

from p2pfs.peer.serving import factory as serving_factory
from p2pfs.peer.serving.factory import MESSAGE_BURST, MESSAGE_RATE
from p2pfs.peer.serving.serving import EARNED
from p2pfs.wire import messages as m
from p2pfs.wire.admission import IDLE
from p2pfs.wire.handling import LINES_PER_TURN, QUANTUM
from tests.memory_transport import MemoryTransport
from tests.peer.holdings import content, shared
from tests.peer.serving_pair import Serving

WANT = m.encode(m.PeerWant("f", b"\x80", 1))
NOTHING = m.encode(m.PeerWant("f", b"\0", 0))
ASK = m.encode(m.PeerRequestChunk("f", 0))
GREEDY = "192.0.2.66"

BEGIN = 0.5
"""Seconds between a connection's coming and what it asks first."""


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A peer that shares a file of three chunks."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", content(50), 20))
    return serving


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Serving:
    """A peer that serves three connections at a time."""
    monkeypatch.setattr(serving_factory, "MAX_CONNECTIONS", 3)
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", content(50), 20))
    return serving


def ping(peer: MemoryTransport) -> bool:
    """Whether it is served."""
    return peer.ask(type="PEER_PING_PONG") == [{"type": "PEER_PING_PONG"}]


def fetch(peer: MemoryTransport) -> bool:
    """Whether it is sent a chunk."""
    (reply,) = peer.ask(type="PEER_REQUEST_CHUNK", filename="f", chunknum=0)
    return "data" in reply


# Who is let in


def test_one_host_does_not_lock_out_others(small: Serving) -> None:
    """The idlest connection of the host that has the most makes room for a newcomer."""
    greedy = [small.connect("192.0.2.1") for _ in range(3)]
    assert fetch(greedy[0])
    assert ping(greedy[1])
    newcomer = small.connect("192.0.2.2")
    small.clock.advance(0)
    assert [peer.lost for peer in greedy] == [False, True, False]
    assert ping(newcomer)
    small.done(greedy[0], greedy[2], newcomer)


def test_who_has_as_many_as_others_is_turned_away(small: Serving) -> None:
    """With a reason; and an ended connection makes room."""
    peers = [small.connect(f"192.0.2.{number}") for number in range(3)]
    refused = small.connect("192.0.2.3")
    (error,) = refused.heard()
    assert (error["type"], error["request"]) == ("ERROR", None)
    small.clock.advance(0)
    assert refused.lost
    peers.pop().hang_up()
    peers.append(small.connect("192.0.2.3"))
    assert all(map(ping, peers))
    small.done(*peers)


def test_who_is_turned_away_over_tls_is_not_waited_for(small: Serving) -> None:
    """A handshake that the other side never ends would keep the connection open."""
    factory = TLSMemoryBIOFactory(CertificateOptions(), False, small.factory, Clock())
    for _ in range(3):
        small.factory.buildProtocol(None)
    transport = MemoryTransport(factory.buildProtocol(None), small.clock)
    assert transport.disconnecting


# Who does nothing


def want(peer: MemoryTransport, filename: str = "f") -> None:
    """Say that chunk 0 of a file is wanted."""
    peer.say(type="PEER_WANT", filename=filename, chunks="gA==", room=1)


def busy(peer: MemoryTransport) -> None:
    """Be offered a chunk, and have no room for it: so it is still wanted."""
    want(peer)
    peer.say(type="PEER_BUSY", filename="f", chunknum=0)


def ask_for_nothing(peer: MemoryTransport) -> None:
    """Ask for what is not here."""
    peer.say(type="PEER_REQUEST_CHUNK", filename="unknown", chunknum=0)


@pytest.mark.parametrize(
    ("does", "stays"),
    [
        (ping, False),
        (ask_for_nothing, False),
        (lambda peer: want(peer, "unknown"), False),
        (lambda peer: peer.deliver(b"nonsense\n"), False),
        (fetch, True),
        (busy, True),
    ],
    ids=["pings", "asks for nothing", "wants nothing", "nonsense", "fetches", "waits"],
)
@pytest.mark.parametrize("hosts", [1, 3])
def test_who_neither_asks_nor_gets_makes_room_first(
    small: Serving, does: Any, stays: bool, hosts: int
) -> None:
    """Even when each is of another host; pings are no use, waiting for a turn is."""
    peers = [small.connect(f"192.0.2.{1 + n % hosts}") for n in range(3)]
    small.clock.advance(BEGIN)
    for peer in peers:
        does(peer)
        peer.take()
    for _ in range(3):
        small.clock.advance(IDLE / 3)
        if not stays:
            for peer in peers:
                does(peer)
                peer.take()
    small.clock.advance(0.01 if not stays else -BEGIN / 2)
    newcomer = small.connect("192.0.2.9")
    small.clock.advance(0)
    assert ping(newcomer) == (not stays or hosts == 1)
    # Room was made by one host's many, or by nobody that is in use.
    assert sum(peer.lost for peer in peers) == (1 if hosts == 1 or not stays else 0)
    for peer in [*peers, newcomer]:
        if not peer.lost:
            peer.hang_up()
    small.clock.advance(0)
    small.done()


# Attention


def count_wants(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts of those whose want lists are handled from now on."""
    handled: list[str] = []
    offers = serving.factory.serving.offers
    want = offers.want

    def note(receiver: object, message: m.PeerWant) -> None:
        handled.append(receiver.host)  # type: ignore[attr-defined]
        want(receiver, message)  # type: ignore[arg-type]

    monkeypatch.setattr(offers, "want", note)
    return handled


def test_want_lists_without_end_have_a_rate(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """250 connections of a host are handled as often as one; another host is not kept waiting."""
    handled = count_wants(serving, monkeypatch)
    greedy = [serving.connect(GREEDY) for _ in range(250)]
    for peer in greedy:
        peer.deliver((WANT + NOTHING) * 100)
    serving.clock.advance(0)
    assert MESSAGE_BURST <= len(handled) <= MESSAGE_BURST + QUANTUM
    honest = serving.connect("192.0.2.1")
    for _ in range(5):
        before = len(handled)
        honest.deliver(ASK)
        assert b'"data"' in honest.take()
        serving.clock.pump([0.1] * 10)
        assert MESSAGE_RATE * 0.9 <= len(handled) - before <= MESSAGE_RATE * 1.1
    for peer in greedy:
        peer.hang_up()
    honest.hang_up()
    assert not serving.clock.getDelayedCalls()


def test_within_its_rate_a_host_is_one_of_two(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside 250 that send as fast as they can, few of their messages are before another's."""
    handled = count_wants(serving, monkeypatch)
    greedy = [serving.connect(GREEDY) for _ in range(250)]
    for peer in greedy:
        peer.deliver((WANT + NOTHING) * 2)
    assert len(handled) == LINES_PER_TURN
    handled.clear()
    honest = serving.connect("192.0.2.1")
    honest.deliver(WANT)
    serving.clock.advance(0)
    assert handled.index("192.0.2.1") <= QUANTUM
    for peer in [*greedy, honest]:
        peer.hang_up()


def test_what_brings_chunks_does_not_count(serving: Serving) -> None:
    """Who fetches as fast as it can, with a few messages for each chunk, is never held up."""
    peer = serving.connect("192.0.2.1")
    have = m.encode(m.PeerHave("f", 0))
    for _ in range(MESSAGE_BURST):
        peer.deliver(WANT + ASK + have * (EARNED - 2))
        serving.clock.advance(0)
        assert b'"data"' in peer.take()
    peer.hang_up()
