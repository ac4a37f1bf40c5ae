"""Lends sockets to threads: how many at a time, what they read into, and how they come back."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from p2pfs.peer.payloads.loan import Loan, Returned
from p2pfs.peer.payloads.payload_reader import FRAME, Inlet, PayloadReader
from p2pfs.peer.rates import RateLimit
from p2pfs.reactor import ThreadedReactor
from p2pfs.secure import LOST, Channel, channel_of
from p2pfs.threads import in_thread
from p2pfs.wire import plain_socket

WORTH_LENDING = 64 << 10
"""Bytes that the reactor has to find at once: what comes slower costs it little."""

MOST = 4
"""Sockets that are lent at a time, and so threads that read payloads, whatever the number of
connections. The payloads of others go through the reactor meanwhile."""


class OpenInlet(Inlet, Protocol):
    """An inlet that is to be closed."""

    def close(self) -> None:
        """Use it no more."""


class SocketInlet:
    """The receiving side of a TCP socket, which is used until `close` even if it is closed."""

    def __init__(self, handle: socket.socket) -> None:
        # A file made of a socket keeps its descriptor from being closed, and given to another.
        self._keeper = handle.makefile("rb", buffering=0)
        self._socket = handle
        self._poll = select.poll()
        self._poll.register(handle, select.POLLIN)

    @classmethod
    def of(cls, transport: object) -> SocketInlet | None:
        """That of a transport, if it is plain TCP."""
        handle = plain_socket(transport)
        return None if handle is None else cls(handle)

    def receive(self, into: list[memoryview]) -> int | None:
        """See `Inlet`."""
        try:
            if len(into) == 1:
                return self._socket.recv_into(into[0])
            return self._socket.recvmsg_into(into)[0]
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return 0  # the reactor finds out for itself what is wrong with the connection

    def wait(self, seconds: float) -> bool:
        """See `Inlet`."""
        return bool(self._poll.poll(1000 * seconds))

    def close(self) -> None:
        """Use the socket no more."""
        self._keeper.close()


class ChannelInlet(SocketInlet):
    """The receiving side of a TCP connection with TLS, of which no more than that is different."""

    def __init__(self, handle: socket.socket, channel: Channel) -> None:
        super().__init__(handle)
        self._channel = channel

    @classmethod
    def of(cls, transport: object) -> ChannelInlet | None:
        """That of a transport, if it is behind a door."""
        channel = channel_of(transport)
        return None if channel is None else cls(channel.socket, channel)

    def receive(self, into: list[memoryview]) -> int | None:
        """See `Inlet`."""
        try:
            return self._channel.read_into(into) or None
        except LOST:
            return 0

    def wait(self, seconds: float) -> bool:
        """See `Inlet`."""
        return self._channel.has_more or super().wait(seconds)


def open_inlet(transport: object) -> OpenInlet | None:
    """The receiving side of a transport that threads can read, with TLS or without."""
    return SocketInlet.of(transport) or ChannelInlet.of(transport)


class Lender:
    """Has threads of the reactor's pool read the payloads of connections, a few at a time."""

    def __init__(
        self,
        reactor: ThreadedReactor,
        limit: RateLimit,
        worth: int = WORTH_LENDING,
        frame: int = FRAME,
        open_inlet: Callable[[object], OpenInlet | None] = open_inlet,
    ) -> None:
        """While there is a ``limit`` on what comes, nothing is lent: then there is time.

        ``frame`` is in bytes, see `FRAME`. ``open_inlet`` makes the receiving side of a transport,
        if that can be lent; by default that of TCP can, plain and behind a door.
        """
        self._reactor = reactor
        self._limit = limit
        self._worth = worth
        self._frame = frame
        self._open_inlet = open_inlet
        self._left = MOST
        self._buffers: list[bytearray] = []

    def inlet(self, transport: object, found: int) -> OpenInlet | None:
        """The receiving side of what may be lent now, where so many bytes were found at once.

        None where the reactor has to go on reading: with simulated connections, where little
        comes, and when as many are lent as may be. It is to be closed, or lent.
        """
        if found < self._worth or not self._left or not self._may_lend():
            return None
        return self._open_inlet(transport)

    def _may_lend(self) -> bool:
        """Asked in any thread."""
        return self._limit.rate is None

    def lend(self, inlet: OpenInlet, loan: Loan, told: Callable[[], None]) -> Deferred[Returned]:
        """Have a thread read; fires when the socket is given back.

        ``told`` is called in the reactor when the loan has reports. Fails with `OutOfResources`
        when there is no thread for it; then nothing was read.
        """
        self._left -= 1
        buffer = self._buffers.pop() if self._buffers else bytearray(self._frame)
        clock, tell = self._reactor.seconds, lambda: self._reactor.callFromThread(told)
        reader = PayloadReader(inlet, loan, buffer, clock, tell, self._may_lend)

        def ended(outcome: object) -> Any:
            inlet.close()
            self._left += 1
            self._buffers.append(buffer)
            return outcome

        return in_thread(self._reactor, reader.read).addBoth(ended)
