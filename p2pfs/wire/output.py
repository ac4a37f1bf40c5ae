"""What is sent over one connection, and whether the other side reads it."""

from __future__ import annotations

from typing import Protocol, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from zope.interface import implementer

from p2pfs.waiters import Waiters
from p2pfs.wire.budget import Kept

STALL_TIMEOUT = 60.0
"""Seconds the other side may leave a full window of our bytes unread."""


class Sender(Protocol):
    """A connection that sends."""

    def output_blocked(self) -> None:
        """The other side does not read."""

    def output_unblocked(self) -> None:
        """It reads again, or is gone."""

    def abort(self) -> None:
        """It has not read for too long: end the connection."""


@implementer(IPushProducer)
class Output:
    """The sending half of a connection: the transport's producer, for who sends by `write`.

    A side that leaves a full window unread for ``stall_timeout`` seconds is cut off, and so is
    one that then does not read the last of it.
    """

    def __init__(
        self, reactor: IReactorTime, sender: Sender, stall_timeout: float, kept: Kept
    ) -> None:
        """In ``kept`` goes what is sent while the other side does not read."""
        self._reactor = reactor
        self._sender = sender
        self._stall_timeout = stall_timeout
        self._kept = kept
        self._transport: ITransport | None = None
        self._latest_write = 0
        self._waiting: Waiters[None] = Waiters()
        self._deadline: IDelayedCall | None = None
        self.sent = 0
        """Bytes that were written so far."""
        self.blocked = False
        """True while the transport's buffer is full."""
        self.ended = False
        """True once the connection is gone."""

    def begin(self, transport: ITransport) -> None:
        """The connection is made."""
        self._transport = transport
        self.take_up()

    def write(self, data: bytes) -> None:
        """Send bytes; they are swallowed when the connection is gone, as on their way."""
        if self.ended or self._transport is None:
            return
        self.sent += len(data)
        self._latest_write = len(data)
        blocked = self.blocked
        self._transport.write(data)
        if blocked and self.blocked:
            self._kept.add(len(data))

    def writable(self) -> Deferred[None]:
        """Fires when the transport can take more; at once if it can now, or if it is gone."""
        if not self.blocked:
            return succeed(None)
        return self._waiting.wait()

    def give_up(self) -> None:
        """Let somebody else be the transport's producer, until `take_up`."""
        self.resumeProducing()
        self._unregister()

    def take_up(self) -> None:
        """Be the transport's producer again."""
        cast(IConsumer, self._transport).registerProducer(self, True)

    def drain(self) -> None:
        """Nothing more is to be sent, and the connection is to be closed."""
        # A registered producer would keep the connection open for ever, and so would a
        # side that never reads what is still to go out.
        self._unregister()
        if self._deadline is None:
            self._deadline = self._reactor.callLater(self._stall_timeout, self._stalled)

    def leave(self) -> None:
        """Somebody else sends from now on."""
        self._stop_deadline()
        self._unregister()

    def end(self) -> None:
        """The connection is gone; who waits for it to be writable is told."""
        self.ended = True
        self.leave()
        self.resumeProducing()

    # Twisted's side of it

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        if not self.blocked:
            self.blocked = True
            self._deadline = self._reactor.callLater(self._stall_timeout, self._stalled)
            self._kept.add(self._latest_write)
            self._sender.output_blocked()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again (or the connection is gone)."""
        if self.blocked:
            self.blocked = False
            self._stop_deadline()
            self._kept.set(0)
            self._waiting.fire(None)
            self._sender.output_unblocked()

    def stopProducing(self) -> None:
        """The transport is closing; `end` does what is to be done."""

    # Inside

    def _stalled(self) -> None:
        self._deadline = None
        self._sender.abort()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _unregister(self) -> None:
        if self._transport is not None:
            cast(IConsumer, self._transport).unregisterProducer()
