"""A connection in memory, the far side of which is the test: the one there is, for all tests.

For a protocol by itself; whole swarms have the connections of `p2pfs.testing.Network`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

BUFFER_SIZE = 64 * 1024
"""Bytes of output at which a real transport pauses its producer, or fewer if told so."""


class MemoryTransport(StringTransport):
    """Behaves as a TCP transport where a `StringTransport` only takes notes.

    Input is held back while reading is paused, and there is none after a close. A full output
    buffer pauses the producer until the far side reads. A closed connection is lost once the
    output is read, an aborted one drops it; both in a later turn of the clock. There is one
    producer at a time, which is stopped with the connection, and it is told when to pause: what
    asks for being told when to go on needs a socket.
    """

    bufferSize = BUFFER_SIZE

    def __init__(
        self,
        protocol: IProtocol,
        clock: IReactorTime,
        peer: IAddress | None = None,
        stuck: bool = False,
        buffer_size: int = BUFFER_SIZE,
    ) -> None:
        """With ``stuck`` the far side reads only when `take` is called, see `stall`."""
        super().__init__(peerAddress=peer or IPv4Address("TCP", "192.0.2.7", 40000), lenient=True)
        self.protocol = protocol
        self.segment: int | None = None
        """Bytes that arrive at a time, if not all that are sent together."""
        self.stalled = stuck
        self.lost = False
        self.aborted = False
        self._clock = clock
        self._buffer_size = buffer_size
        self._inbox: deque[bytes] = deque()
        # What the far side has read, and what it has not.
        self._read = bytearray()
        self._output = bytearray()
        self._full = False
        self._turns: list[IDelayedCall] = []
        protocol.makeConnection(self)

    # The test's side

    def deliver(self, data: bytes) -> None:
        """Send the protocol some bytes, in one piece or in segments."""
        size = self.segment or max(1, len(data))
        self._inbox.extend(data[start : start + size] for start in range(0, len(data), size))
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
        self._flush()
        data, self._read = bytes(self._read), bytearray()
        return data

    def heard(self) -> list[dict[str, Any]]:
        """The messages that the protocol sent since last time."""
        return [json.loads(line) for line in self.take().split(b"\n")[:-1]]

    def stall(self) -> None:
        """Have the far side read only when `take` is called."""
        self.stalled = True

    def go_on(self) -> None:
        """Have it read by itself again, in the turns of the clock."""
        self.stalled = False
        self._read_soon()

    def hang_up(self) -> None:
        """End the connection from the far side."""
        self._lose(ConnectionDone())

    @property
    def unread(self) -> int:
        """Bytes the protocol sent that were not taken yet."""
        return len(self._read) + len(self._output)

    @property
    def held_back(self) -> int:
        """Bytes delivered that the protocol did not read yet, as it paused reading."""
        return sum(map(len, self._inbox))

    @property
    def busy(self) -> bool:
        """Whether something is to happen in the clock's next turn."""
        return any(turn.active() for turn in self._turns)

    def read_beside(self, into: list[memoryview]) -> int | None:
        """Take what was delivered and is held back, as who has borrowed a socket does.

        None when there is nothing, 0 when the connection is lost.
        """
        if not self._inbox:
            return 0 if self.lost or self.aborted else None
        segment, count = self._inbox.popleft(), 0
        for buffer in into:
            part = segment[count : count + len(buffer)]
            buffer[: len(part)] = part
            count += len(part)
        if count < len(segment):
            self._inbox.appendleft(segment[count:])
        return count

    # The protocol's side

    def write(self, data: bytes) -> None:
        if not isinstance(data, (bytes, memoryview)):
            raise TypeError(f"Data must be bytes, not {type(data).__name__}.")
        if self.lost or self.aborted:
            return
        self._output += data
        full = len(self._output) > min(self._buffer_size, self.bufferSize)
        if full and not self._full and self.producer is not None:
            self._full = True
            self.producer.pauseProducing()
            self._read_soon()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def pauseProducing(self) -> None:
        self.producerState = "paused"

    def resumeProducing(self) -> None:
        self.producerState = "producing"
        if self._inbox:
            self._next_turn(self._pump)

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self._read_soon()

    def abortConnection(self) -> None:
        if not (self.aborted or self.lost):
            self.aborted = self.disconnecting = True
            self._output.clear()
            self._next_turn(self._lose, ConnectionAborted())

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        assert streaming
        if self.lost:
            producer.stopProducing()
            return
        super().registerProducer(producer, streaming)  # type: ignore[no-untyped-call]  # Twisted's

    def unregisterProducer(self) -> None:
        self.producer = None  # like a TCP transport, without minding whether there was one

    # Turns

    def _next_turn(self, call: Callable[..., None], *args: object) -> None:
        self._turns = [turn for turn in self._turns if turn.active()]
        self._turns.append(self._clock.callLater(0, call, *args))

    def _read_soon(self) -> None:
        """Have the far side read where somebody waits for that, unless it is stalled."""
        if (self._full or self.disconnecting) and not (self.stalled or self.lost):
            self._next_turn(self._flush)

    def _flush(self) -> None:
        """The far side reads all there is."""
        self._read += self._output
        self._output.clear()
        full, self._full = self._full, False
        if full and self.producer is not None:
            self.producer.resumeProducing()
        elif self.disconnecting and not self.aborted:
            self._lose(ConnectionDone())

    def _pump(self) -> None:
        while self._inbox and self.producerState == "producing":
            if self.lost or self.disconnecting:
                return
            self.protocol.dataReceived(self._inbox.popleft())

    def _lose(self, reason: Exception) -> None:
        if self.lost:
            return
        self.lost = True
        for turn in self._turns:
            if turn.active():
                turn.cancel()
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))


def settle(clock: Clock, transports: Iterable[MemoryTransport]) -> None:
    """Let turns of the clock pass, without time, until nothing happens any more."""
    transports = list(transports)
    while any(transport.busy for transport in transports):
        clock.advance(0)
