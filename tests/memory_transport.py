"""A connection in memory, the far side of which is the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

BUFFER_SIZE = 64 * 1024
"""Bytes of output at which a real transport pauses its producer, or fewer if told so."""


class MemoryTransport(StringTransport):
    """Behaves as a TCP transport where a `StringTransport` only takes notes.

    Input is held back while reading is paused; a full output buffer pauses the
    producer until the test takes the output; a closed connection is lost once
    the output is taken, an aborted one in the next turn of the clock.
    """

    bufferSize = BUFFER_SIZE

    def __init__(
        self, protocol: IProtocol, clock: Clock, peer: IAddress | None = None, stuck: bool = False
    ) -> None:
        """With ``stuck`` the far side reads only when `take` is called."""
        super().__init__(peerAddress=peer or IPv4Address("TCP", "192.0.2.7", 40000), lenient=True)
        self.protocol = protocol
        self._clock = clock
        self._stuck = stuck
        self._inbox: list[bytes] = []
        self._output = bytearray()
        self._full = False
        self._turns: list[IDelayedCall] = []
        self.lost = False
        self.aborted = False
        protocol.makeConnection(self)

    # The test's side

    def deliver(self, data: bytes) -> None:
        """Send the protocol some bytes, in one piece."""
        self._inbox.append(data)
        self._pump()

    def say(self, **message: Any) -> None:
        """Send the protocol a message."""
        self.deliver(json.dumps(message).encode() + b"\n")

    def ask(self, **message: Any) -> list[dict[str, Any]]:
        """Send a message; the messages that came in answer."""
        self.say(**message)
        self._clock.advance(0)  # it may have to wait for its turn
        return self.heard()

    def take(self) -> bytes:
        """Read what the protocol sent since last time."""
        data, self._output = bytes(self._output), bytearray()
        full, self._full = self._full, False
        if full and self.producer is not None:
            self.producer.resumeProducing()
        elif self.disconnecting:
            self._lose(ConnectionDone())
        return data

    def heard(self) -> list[dict[str, Any]]:
        """The messages that the protocol sent since last time."""
        return [json.loads(line) for line in self.take().split(b"\n")[:-1]]

    def hang_up(self) -> None:
        """End the connection from the far side."""
        self._lose(ConnectionDone())

    @property
    def unread(self) -> int:
        """Bytes the protocol sent that were not taken yet."""
        return len(self._output)

    @property
    def held_back(self) -> int:
        """Bytes delivered that the protocol did not read yet, as it paused reading."""
        return sum(map(len, self._inbox))

    # The protocol's side

    def write(self, data: bytes) -> None:
        if self.lost or self.aborted:
            return
        self._output += data
        if (
            len(self._output) > min(BUFFER_SIZE, self.bufferSize)
            and not self._full
            and self.producer is not None
        ):
            self._full = True
            self.producer.pauseProducing()

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self._inbox:
            self._next_turn(self._pump)

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            if not self._stuck:
                self._next_turn(self._lose, ConnectionDone())

    def abortConnection(self) -> None:
        if not self.aborted:
            self.aborted = True
            self._next_turn(self._lose, ConnectionAborted())

    def unregisterProducer(self) -> None:
        self.producer = None  # like a TCP transport, without minding whether there was one

    def _next_turn(self, call: Callable[..., None], *args: object) -> None:
        self._turns.append(self._clock.callLater(0, call, *args))

    def _pump(self) -> None:
        while self._inbox and self.producerState == "producing" and not (self.lost or self.aborted):
            self.protocol.dataReceived(self._inbox.pop(0))

    def _lose(self, reason: Exception) -> None:
        if not self.lost:
            self.lost = True
            for turn in self._turns:
                if turn.active():
                    turn.cancel()
            self.protocol.connectionLost(Failure(reason))
