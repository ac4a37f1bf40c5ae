"""Where the targets play: connections without a network."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime

from tests.memory_transport import MemoryTransport

BUFFER_SIZE = 2048
"""Bytes of output at which a connection pauses its producer: little, to happen often."""


def connect(protocol: IProtocol, clock: IReactorTime, peer: IAddress) -> MemoryTransport:
    """A protocol's connection, with the far side in the hands of a target."""
    return MemoryTransport(protocol, clock, peer, buffer_size=BUFFER_SIZE)


def peer_at(host: str) -> IAddress:
    """The far side's address as Twisted tells it."""
    kind = IPv6Address if ":" in host else IPv4Address
    return kind("TCP", host, 40000)
