"""Lines to messages and back, and raw payloads between them: the framing of both protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.addresses import Address, plain_host
from p2pfs.budget import Budget
from p2pfs.handling import Handling
from p2pfs.messages import (
    CONTROL_LINE_LIMIT,
    Error,
    Message,
    UndecodableMessage,
    decode,
    encode,
)

RECEIVE_SIZE = 256 * 1024
"""How many bytes one recv() may take; Twisted's 64 KiB costs more calls for bulk data."""

MESSAGE_TIMEOUT = 60.0
"""Seconds a line may take from its first byte to its end."""

STALL_TIMEOUT = 60.0
"""Seconds the other side may leave a full window of our bytes unread."""


LongLine = Callable[[bytes, bool], None]
"""Takes pieces of a line that is longer than what is kept of one; True with the last."""


@implementer(IPushProducer)
class MessageProtocol(Protocol):
    """One connection: decodes lines into messages, and encodes messages into lines.

    A subclass answers `message_received`. Bytes that do not decode are answered
    with ``ERROR``; a line over ``line_limit`` closes the connection, as does one
    that is not finished within ``message_timeout`` seconds.

    Back-pressure: while the other side does not read, `hold_input` stops both
    reading and the handling of lines already read, so that the answers to
    pipelined requests never pile up; `writable` tells a sender of bulk data when
    to go on. A side that reads nothing for ``stall_timeout`` seconds is cut off.

    Fairness: lines are handled when `p2pfs.handling` says so, by default so many at a time,
    and the rest in the reactor's next turns. So no flood of tiny lines holds up others.
    What the other side has this process keep is accounted to its host, if there is a ``budget``.
    """

    line_limit = CONTROL_LINE_LIMIT
    receive_size = RECEIVE_SIZE
    message_timeout = MESSAGE_TIMEOUT
    stall_timeout = STALL_TIMEOUT

    def __init__(
        self,
        reactor: IReactorTime,
        host: str = "",
        handling: Handling | None = None,
        budget: Budget | None = None,
    ) -> None:
        """``reactor`` tells the time; ``remote`` is the other side, once connected over TCP.

        ``host`` is whom the connection counts for, where ``handling`` and ``budget`` are
        shared with others.
        """
        self.reactor = reactor
        self.host = host
        self.closed = False
        self.remote: Address | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._holds = 0
        self._reading_paused = False
        self._in_loop = False
        self._handling = handling or Handling(reactor)
        self._waits_for_turn = False
        self._budget = budget
        # Bytes accounted for what is not finished, and for what is not read.
        self._kept_in = 0
        self._kept_out = 0
        self._sent = 0
        self._latest_write = 0
        self._long_line: LongLine | None = None
        self._raw_left = 0
        self._raw_received: Callable[[bytes], None] = _ignore
        self._message_timer: IDelayedCall | None = None
        self._stall_timer: IDelayedCall | None = None
        self._blocked: list[Deferred[None]] | None = None
        self._ending = False
        self._heir: MessageProtocol | None = None

    # For subclasses

    def message_received(self, message: Message, line: bytes) -> None:
        """Handle one message; ``line`` is the text it was decoded from."""
        raise NotImplementedError

    def undecodable_received(self, error: UndecodableMessage) -> None:
        """Handle a line that is no message: answer with ``ERROR``, and go on."""
        self.send(Error(error.request, str(error)))

    def longest_line(self) -> int:
        """Bytes that the next line may have at most, without its end."""
        return self.line_limit

    def long_line_begun(self) -> LongLine | None:
        """What takes a line longer than that as it comes; None to have it refused."""
        return None

    def refuse(self, error: Error) -> None:
        """Close the connection for a breach of the framing, saying why."""
        self.send(error)
        self.close()

    def closing(self, reason: Failure) -> None:
        """Called once when the connection is gone."""

    @property
    def closing_down(self) -> bool:
        """True once the connection is closed, or about to be."""
        return self.closed or self._ending

    # Sending

    def send(self, message: Message) -> None:
        """Send one message; a connection that is gone swallows it, as it would have on its way."""
        self.send_bytes(encode(message))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are: a line to echo, or a raw payload."""
        if not self.closed and self.transport is not None:
            self._sent += len(data)
            self._latest_write = len(data)
            blocked = self._blocked is not None
            self.transport.write(data)
            if blocked:
                self._keep_out(len(data))

    def writable(self) -> Deferred[None]:
        """Fires when the transport can take more; at once if it can now, or if it is gone."""
        if self._blocked is None:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._blocked.append(waiting)
        return waiting

    def give_up_producing(self) -> None:
        """Let somebody else be the transport's producer, until `take_up_producing`."""
        self.resumeProducing()
        self._unregister()

    def take_up_producing(self) -> None:
        """Be the transport's producer again."""
        if not self.closed and not self._ending:
            cast(IConsumer, self.transport).registerProducer(self, True)

    def close(self) -> None:
        """Close after what was sent has gone out, and handle nothing more that comes in."""
        if self.transport is None or self.closed or self._ending:
            return
        self._ending = True
        # A registered producer would keep the connection open for ever, and so would a
        # side that never reads what is still to go out.
        self._unregister()
        if self._stall_timer is None:
            self._stall_timer = self.reactor.callLater(self.stall_timeout, self._stalled)
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close at once."""
        if self._heir is not None:
            self._heir.abort()
        elif self.transport is not None and not self.closed:
            self._ending = True
            cast(ITCPTransport, self.transport).abortConnection()

    # Receiving

    def hold_input(self) -> None:
        """Handle no more lines until a matching `release_input`; calls nest.

        Reading itself stops once a receive buffer's worth has come in: not before,
        because a TLS connection that cannot send yet may have to read first.
        """
        self._holds += 1

    def release_input(self) -> None:
        """Undo one `hold_input`."""
        self._holds -= 1
        if self._holds == 0 and not self.closed:
            self._handle_buffer()
            self._resume_reading()

    def restart_message_timeout(self) -> None:
        """Give the line under way its full time again."""
        if self._message_timer is not None:
            self._message_timer.cancel()
            self._message_timer = None

    @property
    def input_held(self) -> bool:
        """True while `hold_input` is in force."""
        return self._holds > 0

    def receive_raw(self, length: int, received: Callable[[bytes], None]) -> None:
        """Pass the next ``length`` bytes to ``received``, in pieces, before the next line.

        To be called from `message_received`, for the bytes right behind that line.
        """
        self._raw_left = length
        self._raw_received = received

    def hand_over(self, heir: MessageProtocol) -> None:
        """Let another protocol go on with this connection, and with what came already.

        To be called from `message_received`. This one only learns of the end, and passes on
        an `abort`.
        """
        rest = bytes(self._buffer)
        self._buffer.clear()
        self.restart_message_timeout()
        self._stop_stall_timer()
        self._unregister()
        self._heir = heir
        heir.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's
        if rest:
            heir.dataReceived(rest)

    # Twisted's side of it

    def connectionMade(self) -> None:
        transport = self.transport
        assert transport is not None
        if ITCPTransport.providedBy(transport):
            # Otherwise a payload waits for the acknowledgement of its header, some 40 ms.
            transport.setTcpNoDelay(True)
        transport.bufferSize = self.receive_size  # type: ignore[attr-defined]  # of FileDescriptor
        cast(IConsumer, transport).registerProducer(self, True)
        peer = transport.getPeer()
        if isinstance(peer, IPv4Address | IPv6Address):
            self.remote = Address(plain_host(peer.host), peer.port)

    def dataReceived(self, data: bytes) -> None:
        if self._heir is not None:
            self._heir.dataReceived(data)
            return
        if self._ending:
            return
        if not self._buffer and self._raw_left and not self._holds:
            data = self._take_raw(data)
        if data:
            self._buffer += data
            self._handle_buffer()
            waiting = self._holds or self._waits_for_turn
            if waiting and len(self._buffer) >= self.receive_size and not self._reading_paused:
                self._reading_paused = True
                cast(IPushProducer, self.transport).pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._heir is not None:
            self._heir.connectionLost(reason)
        self.closed = True
        self.restart_message_timeout()
        self._stop_stall_timer()
        self._handling.leave(self)
        self._unregister()
        self._buffer.clear()
        self._long_line = None
        self._keep_in(0)
        self.resumeProducing()
        self.closing(reason)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        if self._blocked is None:
            self._blocked = []
            self._stall_timer = self.reactor.callLater(self.stall_timeout, self._stalled)
            self._keep_out(self._latest_write)
            self.output_blocked()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again (or the connection is gone)."""
        if self._blocked is not None:
            waiting, self._blocked = self._blocked, None
            self._stop_stall_timer()
            self._drop_out()
            for deferred in waiting:
                deferred.callback(None)
            self.output_unblocked()

    def stopProducing(self) -> None:
        """The transport is closing; `connectionLost` does what is to be done."""

    def output_blocked(self) -> None:
        """The other side does not read: hold its requests too."""
        self.hold_input()

    def output_unblocked(self) -> None:
        """The other side reads again."""
        self.release_input()

    # Inside

    def _handle_buffer(self) -> None:
        if self._in_loop or self._waits_for_turn:
            return
        self._in_loop = True
        self._handling.begin(self)
        try:
            while self._buffer and not (self._holds or self._ending or self.closed):
                if self._raw_left:
                    self._handle_raw()
                elif self._long_line is not None:
                    self._handle_piece(self._long_line)
                elif (end := self._find_end()) is None:
                    if self._long_line is None:
                        break
                elif self._handling.may_handle(self):
                    self._handle_line(end)
                else:
                    self._waits_for_turn = True
                    break
        finally:
            self._in_loop = False
        self._set_message_timer()

    def go_on(self) -> None:
        """It is the turn of this connection's lines, after it had to wait."""
        self._waits_for_turn = False
        self._handle_buffer()
        self._resume_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and not self._holds and not self._waits_for_turn:
            self._reading_paused = False
            cast(IPushProducer, self.transport).resumeProducing()

    def _handle_raw(self) -> None:
        data = bytes(memoryview(self._buffer)[: self._raw_left])
        del self._buffer[: len(data)]
        self._take_raw(data)

    def _take_raw(self, data: bytes) -> bytes:
        """Deliver the part of ``data`` that belongs to the payload; return the rest."""
        piece, rest = data[: self._raw_left], data[self._raw_left :]
        self._raw_left -= len(piece)
        self._raw_received(piece)
        return rest

    def _find_end(self) -> int | None:
        """Where the next line ends; None while it is not here, or will not be taken as a whole."""
        end = self._buffer.find(b"\n", self._searched)
        self._searched = len(self._buffer) if end < 0 else end
        # A \r before the end does not count.
        spared = 1 if end < 0 or self._buffer[max(0, end - 1)] == ord("\r") else 0
        if self._searched - spared > self.longest_line():
            self._long_line = self.long_line_begun()
            self._keep_in(0)
            if self._long_line is None:
                self._refuse_line(f"The line is longer than {self.longest_line()} bytes.")
            return None
        if end >= 0:
            if self._kept_in:
                self._keep_in(0)  # or a host whose lines all wait could have none handled
            return end
        if self._searched > self.receive_size and not self._keep_in(self._searched):
            self._refuse_line("Your host has begun too much that it has not finished.")
        return None

    def _refuse_line(self, reason: str) -> None:
        self._searched = 0
        self._buffer.clear()
        self._keep_in(0)
        self.refuse(Error(None, reason))

    def _handle_line(self, end: int) -> None:
        line = bytes(memoryview(self._buffer)[:end])
        del self._buffer[: end + 1]
        self._searched = self._sent = 0
        if self._message_timer is not None:
            self.restart_message_timeout()
        try:
            message = decode(line)
        except UndecodableMessage as error:
            self.undecodable_received(error)
        else:
            self.message_received(message, line)
        self._handling.handled(self, end + self._sent)

    def _handle_piece(self, long_line: LongLine) -> None:
        """Pass on what is there of a long line."""
        end = self._buffer.find(b"\n")
        piece = bytes(memoryview(self._buffer)[: len(self._buffer) if end < 0 else end])
        del self._buffer[: len(piece) + 1]
        self._searched = 0
        if end >= 0:
            self._long_line = None
            self.restart_message_timeout()
        long_line(piece, end >= 0)

    def _keep_in(self, count: int) -> bool:
        """Have so many bytes accounted for what is not finished; False if that is too much."""
        if self._budget is None:
            return True
        if count != self._kept_in:
            before, self._kept_in = self._kept_in, count
            self._budget.keep(self.host, count)
            self._budget.drop(self.host, before)
        return not count or self._budget.room(self.host) >= 0

    def _keep_out(self, count: int) -> None:
        """Have so many bytes more accounted for what is not read."""
        if self._budget is not None and not self.closed:
            self._kept_out += count
            self._budget.keep(self.host, count)

    def _drop_out(self) -> None:
        if self._budget is not None and self._kept_out:
            count, self._kept_out = self._kept_out, 0
            self._budget.drop(self.host, count)

    def _set_message_timer(self) -> None:
        """A begun message has a deadline; between messages there is none."""
        ours = self._holds or self._waits_for_turn  # who keeps the other side waiting
        begun = bool(self._buffer) and not (ours or self._ending or self.closed)
        if begun and self._message_timer is None:
            self._message_timer = self.reactor.callLater(self.message_timeout, self._too_slow)
        elif not begun:
            self.restart_message_timeout()

    def _too_slow(self) -> None:
        self._message_timer = None
        self.refuse(Error(None, f"The line was not finished within {self.message_timeout:g} s."))

    def _stalled(self) -> None:
        self._stall_timer = None
        self.abort()

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _unregister(self) -> None:
        if self.transport is not None:
            cast(IConsumer, self.transport).unregisterProducer()


def _ignore(data: bytes) -> None:
    """Stands in for a payload's receiver while none is expected."""
