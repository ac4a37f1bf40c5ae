"""How much of a serving peer's attention one host has, and what others still have."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.address import IPv4Address

from p2pfs.peer.serving.factory import MESSAGE_BURST, MESSAGE_RATE
from p2pfs.peer.serving.serving import EARNED
from p2pfs.wire import messages as m
from p2pfs.wire.handling import LINES_PER_TURN, QUANTUM
from tests.memory_transport import MemoryTransport
from tests.peer.holdings import content, shared
from tests.peer.serving_pair import Serving

WANT = m.encode(m.PeerWant("f", b"\x80", 1))
NOTHING = m.encode(m.PeerWant("f", b"\0", 0))
ASK = m.encode(m.PeerRequestChunk("f", 0))
GREEDY = "192.0.2.66"


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A peer that shares a file of three chunks."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", content(50), 20))
    return serving


def connect(serving: Serving, host: str) -> MemoryTransport:
    """A connection of a host."""
    address = IPv4Address("TCP", host, 40000)
    return MemoryTransport(serving.factory.buildProtocol(address), serving.clock, address)


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
    greedy = [connect(serving, GREEDY) for _ in range(250)]
    for peer in greedy:
        peer.deliver((WANT + NOTHING) * 100)
    serving.clock.advance(0)
    assert MESSAGE_BURST <= len(handled) <= MESSAGE_BURST + QUANTUM
    honest = connect(serving, "192.0.2.1")
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
    greedy = [connect(serving, GREEDY) for _ in range(250)]
    for peer in greedy:
        peer.deliver((WANT + NOTHING) * 2)
    assert len(handled) == LINES_PER_TURN
    handled.clear()
    honest = connect(serving, "192.0.2.1")
    honest.deliver(WANT)
    serving.clock.advance(0)
    assert handled.index("192.0.2.1") <= QUANTUM
    for peer in [*greedy, honest]:
        peer.hang_up()


def test_what_brings_chunks_does_not_count(serving: Serving) -> None:
    """Who fetches as fast as it can, with a few messages for each chunk, is never held up."""
    peer = connect(serving, "192.0.2.1")
    have = m.encode(m.PeerHave("f", 0))
    for _ in range(MESSAGE_BURST):
        peer.deliver(WANT + ASK + have * (EARNED - 2))
        serving.clock.advance(0)
        assert b'"data"' in peer.take()
    peer.hang_up()
