"""Who is served when many want to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory

from p2pfs.peer.serving import factory as factory_module
from p2pfs.wire.admission import IDLE
from tests.memory_transport import MemoryTransport
from tests.peer.holdings import content, shared
from tests.peer.serving_pair import Serving


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Serving:
    """A peer that serves three connections at a time."""
    monkeypatch.setattr(factory_module, "MAX_CONNECTIONS", 3)
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", content(50), 20))
    return serving


def connect(serving: Serving, host: str) -> MemoryTransport:
    """A connection from a host."""
    address = IPv4Address("TCP", host, 40000)
    return MemoryTransport(serving.factory.buildProtocol(address), serving.clock, address)


def ping(peer: MemoryTransport) -> bool:
    """Whether it is served."""
    return peer.ask(type="PEER_PING_PONG") == [{"type": "PEER_PING_PONG"}]


def done(serving: Serving, *peers: MemoryTransport) -> None:
    """Connections end, and nothing is left."""
    for peer in peers:
        peer.hang_up()
    assert not serving.factory.connections
    assert len(serving.factory.admission) == 0
    assert not serving.clock.getDelayedCalls()


def fetch(peer: MemoryTransport) -> bool:
    """Whether it is sent a chunk."""
    (reply,) = peer.ask(type="PEER_REQUEST_CHUNK", filename="f", chunknum=0)
    return "data" in reply


def test_one_host_does_not_lock_out_others(serving: Serving) -> None:
    """The idlest connection of the host that has the most makes room for a newcomer."""
    greedy = [connect(serving, "192.0.2.1") for _ in range(3)]
    assert fetch(greedy[0])
    assert ping(greedy[1])
    newcomer = connect(serving, "192.0.2.2")
    serving.clock.advance(0)
    assert [peer.lost for peer in greedy] == [False, True, False]
    assert ping(newcomer)
    done(serving, greedy[0], greedy[2], newcomer)


def test_who_has_as_many_as_others_is_turned_away(serving: Serving) -> None:
    """With a reason; and an ended connection makes room."""
    peers = [connect(serving, f"192.0.2.{number}") for number in range(3)]
    refused = connect(serving, "192.0.2.3")
    (error,) = refused.heard()
    assert (error["type"], error["request"]) == ("ERROR", None)
    serving.clock.advance(0)
    assert refused.lost
    peers.pop().hang_up()
    peers.append(connect(serving, "192.0.2.3"))
    assert all(map(ping, peers))
    done(serving, *peers)


def test_who_is_turned_away_over_tls_is_not_waited_for(serving: Serving) -> None:
    """A handshake that the other side never ends would keep the connection open."""
    factory = TLSMemoryBIOFactory(CertificateOptions(), False, serving.factory, Clock())
    for _ in range(3):
        serving.factory.buildProtocol(None)
    transport = MemoryTransport(factory.buildProtocol(None), serving.clock)
    assert transport.disconnecting


# Who does nothing


BEGIN = 0.5
"""Seconds between a connection's coming and what it asks first."""


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
    serving: Serving, does: Any, stays: bool, hosts: int
) -> None:
    """Even when each is of another host; pings are no use, waiting for a turn is."""
    peers = [connect(serving, f"192.0.2.{1 + n % hosts}") for n in range(3)]
    serving.clock.advance(BEGIN)
    for peer in peers:
        does(peer)
        peer.take()
    for _ in range(3):
        serving.clock.advance(IDLE / 3)
        if not stays:
            for peer in peers:
                does(peer)
                peer.take()
    serving.clock.advance(0.01 if not stays else -BEGIN / 2)
    newcomer = connect(serving, "192.0.2.9")
    serving.clock.advance(0)
    assert ping(newcomer) == (not stays or hosts == 1)
    # Room was made by one host's many, or by nobody that is in use.
    assert sum(peer.lost for peer in peers) == (1 if hosts == 1 or not stays else 0)
    for peer in [*peers, newcomer]:
        if not peer.lost:
            peer.hang_up()
    serving.clock.advance(0)
    done(serving)
