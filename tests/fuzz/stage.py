"""Where the targets play: connections without a network."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress, IConsumer, IProtocol, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.fuzz.faults import check

BUFFER_SIZE = 2048
"""Bytes of output at which a connection pauses its producer: little, to happen often."""


@implementer(ITransport, IConsumer)
class Connection:
    """A protocol's connection, with the far side in the hands of a target.

    It behaves as Twisted's over TCP: input waits while reading is paused, a full
    output buffer pauses the producer, a close waits for the output, a second
    producer is an error. What a reactor does in a later turn, `turn` does.
    """

    def __init__(self, protocol: IProtocol, peer: IAddress) -> None:
        self.protocol = protocol
        self.heard = bytearray()
        """What the far side has read and nobody has taken from here."""
        self.segment = 1 << 20
        """Bytes that arrive at a time."""
        self.reads = True
        self.lost = False
        self.closing = False
        """True once the protocol has asked for the end of the connection."""
        self.aborted = False
        self.paused = False
        self._peer = peer
        self._inbox: deque[bytes] = deque()
        self._unsent = bytearray()
        self._producer: Any = None
        self._streaming = False
        self._full = False
        protocol.makeConnection(self)

    # The far side

    def deliver(self, data: bytes) -> None:
        """Send the protocol some bytes."""
        for start in range(0, len(data), self.segment):
            self._inbox.append(data[start : start + self.segment])

    def hang_up(self) -> None:
        """End the connection from the far side."""
        self._lose(ConnectionDone())

    def turn(self) -> bool:
        """One turn of the reactor for this connection; False when nothing happens in it."""
        if self.lost:
            return False
        if self.aborted:
            self._lose(ConnectionAborted())
            return True
        if self.reads and (self._unsent or self._full):
            return self._flush()
        if self.closing and not self._unsent:
            self._lose(ConnectionDone())
            return True
        if self._inbox and not self.paused and not self.closing:
            self.protocol.dataReceived(self._inbox.popleft())
            return True
        return False

    def _flush(self) -> bool:
        self.heard += self._unsent
        self._unsent.clear()
        if self._full:
            self._full = False
            if self._producer is not None:
                self._producer.resumeProducing()
        return True

    def _lose(self, reason: Exception) -> None:
        if self.lost:
            return
        self.lost = True
        if self._producer is not None:
            self._producer.stopProducing()
            self._producer = None
        self.protocol.connectionLost(Failure(reason))

    # The protocol's side

    def write(self, data: bytes) -> None:
        """As of ITransport."""
        check(isinstance(data, bytes), "only bytes are written to a connection")
        if self.lost or self.aborted:
            return
        self._unsent += data
        if len(self._unsent) > BUFFER_SIZE and not self._full and self._producer is not None:
            self._full = True
            if self._streaming:
                self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        """As of ITransport."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """As of ITransport."""
        self.closing = True

    def abortConnection(self) -> None:
        """As of ITCPTransport."""
        self.closing = self.aborted = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """As of IConsumer."""
        check(self._producer is None, "a connection has one producer at a time")
        if self.lost:
            producer.stopProducing()
            return
        self._producer, self._streaming = producer, streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """As of IConsumer."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Read no more."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Read again."""
        self.paused = False

    def getPeer(self) -> IAddress:
        """As of ITransport."""
        return self._peer

    def getHost(self) -> IAddress:
        """As of ITransport."""
        return IPv4Address("TCP", "192.0.2.1", 6880)


def settle(connections: list[Connection]) -> None:
    """Turn until nothing happens any more."""
    busy = True
    while busy:
        busy = False
        for connection in connections:
            while connection.turn():
                busy = True


def peer_at(host: str) -> IAddress:
    """The far side's address as Twisted tells it."""
    kind = IPv6Address if ":" in host else IPv4Address
    return kind("TCP", host, 40000)
