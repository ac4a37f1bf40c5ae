"""Who is served when many want to be."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from p2pfs.peer import serving as serving_module
from tests.memory_transport import MemoryTransport

from .serving_pair import Serving


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Serving:
    """A peer that serves three connections at a time."""
    monkeypatch.setattr(serving_module, "MAX_CONNECTIONS", 3)
    return Serving()


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


def test_one_host_does_not_lock_out_others(serving: Serving) -> None:
    """The idlest connection of the host that has the most makes room for a newcomer."""
    greedy = [connect(serving, "192.0.2.1") for _ in range(3)]
    assert ping(greedy[0])
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
    protocol = factory.buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    assert transport.disconnecting
