"""Lines to messages and back, and raw payloads between them: one connection of either protocol."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from p2pfs.addresses import Address, plain_host
from p2pfs.wire.budget import Budget, Kept
from p2pfs.wire.framing import LineFraming
from p2pfs.wire.handling import Handling
from p2pfs.wire.messages import (
    CONTROL_LINE_LIMIT,
    Error,
    Message,
    UndecodableMessage,
    decode,
    encode,
)
from p2pfs.wire.output import STALL_TIMEOUT, Output

MESSAGE_TIMEOUT = 60.0
"""Seconds a line may take from its first byte to its end."""


LongLine = Callable[[bytes, bool], None]
"""Takes pieces of a line that is longer than what is kept of one; True with the last."""


class State(Enum):
    """What has become of a connection."""

    OPEN = auto()
    """What comes in is handled."""
    CLOSING = auto()
    """What was sent goes out yet, or not even that; what comes in is nothing to anybody."""
    HANDED_OVER = auto()
    """Another protocol goes on with it."""
    CLOSED = auto()
    """It is gone."""


class MessageProtocol(LineFraming):
    """One connection: decodes lines into messages, and encodes messages into lines.

    A subclass answers `message_received`. Bytes that do not decode are answered
    with ``ERROR``; a line over ``MAX_LENGTH`` closes the connection, as does one
    that is not finished within ``message_timeout`` seconds.

    Back-pressure: while the other side does not read, `hold_input` stops both
    reading and the handling of lines already read, so that the answers to
    pipelined requests never pile up; `writable` tells a sender of bulk data when
    to go on. A side that reads nothing for ``stall_timeout`` seconds is cut off.

    Fairness: lines are handled when `p2pfs.wire.handling` says so, by default a few at a time,
    and the rest in the reactor's next turns. So no flood of tiny lines holds up others.
    What the other side has this process keep is accounted to its host, if there is a ``budget``.
    """

    MAX_LENGTH = CONTROL_LINE_LIMIT
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
        super().__init__()
        self.reactor = reactor
        self.host = host
        self.remote: Address | None = None
        self._state = State.OPEN
        self._heir: MessageProtocol | None = None
        # Why the input is paused, beside the end of the connection.
        self._holds = 0
        self._awaits_turn = False
        self._handling = handling or Handling(reactor)
        self._unfinished = Kept(budget, host)
        self._output = Output(reactor, self, self.stall_timeout, Kept(budget, host))
        self._raw_received: Callable[[bytes], None] = _ignore
        self._message_timer: IDelayedCall | None = None

    # For subclasses

    def message_received(self, message: Message, line: bytes) -> None:
        """Handle one message; ``line`` is the text it was decoded from."""
        raise NotImplementedError

    def undecodable_received(self, error: UndecodableMessage) -> None:
        """Handle a line that is no message: answer with ``ERROR``, and go on."""
        self.send(Error(error.request, str(error)))

    def long_line_begun(self) -> LongLine | None:
        """What takes a line over ``MAX_LENGTH`` as it comes; None to have it refused."""
        return None

    def refuse(self, error: Error) -> None:
        """Close the connection for a breach of the framing, saying why."""
        self.send(error)
        self.close()

    def closing(self, reason: Failure) -> None:
        """Called once when the connection is gone."""

    @property
    def closed(self) -> bool:
        """True once the connection is gone."""
        return self._state is State.CLOSED

    @property
    def closing_down(self) -> bool:
        """True once the connection is closed, or about to be."""
        return self._state in (State.CLOSING, State.CLOSED)

    # Sending

    def send(self, message: Message) -> None:
        """Send one message; a connection that is gone swallows it, as it would have on its way."""
        self._output.write(encode(message))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are: a line to echo, or a raw payload."""
        self._output.write(data)

    @property
    def sent_bytes(self) -> int:
        """How many bytes were sent here so far; some may wait in the transport."""
        return self._output.sent

    def writable(self) -> Deferred[None]:
        """Fires when the transport can take more; at once if it can now, or if it is gone."""
        return self._output.writable()

    def give_up_producing(self) -> None:
        """Let somebody else be the transport's producer, until `take_up_producing`."""
        self._output.give_up()

    def take_up_producing(self) -> None:
        """Be the transport's producer again."""
        if not self.closing_down:
            self._output.take_up()

    def close(self) -> None:
        """Close after what was sent has gone out, and handle nothing more that comes in."""
        if self.transport is None or self.closing_down:
            return
        self._shut(State.CLOSING)
        self._output.drain()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close at once."""
        if self._heir is not None:
            self._heir.abort()
        elif self.transport is not None and self._state is not State.CLOSED:
            self._shut(State.CLOSING)
            cast(ITCPTransport, self.transport).abortConnection()

    # Receiving

    def hold_input(self) -> None:
        """Handle no more lines until a matching `release_input`; calls nest."""
        self._holds += 1
        self.pauseProducing()

    def release_input(self) -> None:
        """Undo one `hold_input`."""
        self._holds -= 1
        self._resume()

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
        if length:
            self._raw_received = received
            self.setRawMode(length=length)

    def take_input_back(self, rest: bytes) -> None:
        super().take_input_back(rest)
        if self._state is State.OPEN:
            self._resume()
        else:
            self.clearLineBuffer()

    def hand_over(self, heir: MessageProtocol) -> None:
        """Let another protocol go on with this connection, and with what came already.

        To be called from `message_received`. This one only learns of the end, and passes on
        an `abort`.
        """
        rest = self.clearLineBuffer()
        self._shut(State.HANDED_OVER)
        self._output.leave()
        self._heir = heir
        self.read_on()
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
        self._output.begin(transport)
        peer = transport.getPeer()
        if isinstance(peer, IPv4Address | IPv6Address):
            self.remote = Address(plain_host(peer.host), peer.port)

    def input_begins(self) -> None:
        self._handling.begin(self)

    def input_left(self) -> None:
        if self._state is not State.OPEN:
            self.clearLineBuffer()  # the rest of a segment
            return
        super().input_left()
        self._watch_line()

    def input_waits(self, data: bytes) -> None:
        if self._heir is not None:
            self._heir.dataReceived(data)
        elif self._state is State.OPEN:
            super().input_waits(data)
            self._watch_line()

    def may_handle_line(self) -> bool:
        # What is finished needs no room, or a host whose lines all wait could have none handled.
        if self._unfinished.count:
            self._unfinished.set(0)
        if self._handling.may_handle(self):
            return True
        self._awaits_turn = True
        self.pauseProducing()
        return False

    def lineReceived(self, line: bytes) -> None:
        if self._message_timer is not None:
            self.restart_message_timeout()
        sent = self._output.sent
        try:
            message = decode(line)
        except UndecodableMessage as error:
            self.undecodable_received(error)
        else:
            self.message_received(message, line)
        self._handling.handled(self, len(line) + self._output.sent - sent)

    def lineLengthExceeded(self, line: bytes) -> None:
        long_line = self.long_line_begun()
        if long_line is None:
            self._refuse_line(f"The line is longer than {self.longest_line()} bytes.")
            return
        self._unfinished.set(0)
        self.restart_message_timeout()
        self._raw_received = partial(self._piece_received, long_line)
        self.setRawMode(line)

    def rawDataReceived(self, data: bytes) -> None:
        self._raw_received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._heir is not None:
            self._heir.connectionLost(reason)
        self._shut(State.CLOSED)
        self._handling.leave(self)
        self._raw_received = _ignore
        self._unfinished.set(0)
        self._output.end()
        self.closing(reason)

    def output_blocked(self) -> None:
        """The other side does not read: hold its requests too."""
        self.hold_input()

    def output_unblocked(self) -> None:
        """The other side reads again."""
        self.release_input()

    def go_on(self) -> None:
        """It is the turn of this connection's lines, after it had to wait."""
        self._awaits_turn = False
        self._resume()

    # Inside

    def _resume(self) -> None:
        held = self._holds or self._awaits_turn or self.input_lent
        if not held and self._state is State.OPEN:
            self.resumeProducing()

    def _shut(self, state: State) -> None:
        """Handle nothing more that came, or comes."""
        self._state = state
        self.paused = True
        self.clearLineBuffer()
        self.restart_message_timeout()

    def _piece_received(self, long_line: LongLine, data: bytes) -> None:
        """Pass on what is there of a long line."""
        piece, end, rest = data.partition(self.delimiter)
        if end:
            self.setLineMode(rest)
        long_line(piece, bool(end))

    def _watch_line(self) -> None:
        """A line that has begun has a deadline, and counts as kept; between lines there is none.

        Nor is there while it is this side that keeps the other waiting.
        """
        begun = len(self._buffer)
        if self.paused:
            self.restart_message_timeout()
        elif begun > self.receive_size and not self._unfinished.set(begun):
            self._refuse_line("Your host has begun too much that it has not finished.")
        elif self._message_timer is None:
            self._message_timer = self.reactor.callLater(self.message_timeout, self._too_slow)

    def _refuse_line(self, reason: str) -> None:
        self.clearLineBuffer()
        self.restart_message_timeout()
        self._unfinished.set(0)
        self.refuse(Error(None, reason))

    def _too_slow(self) -> None:
        self._message_timer = None
        self.refuse(Error(None, f"The line was not finished within {self.message_timeout:g} s."))


def _ignore(data: bytes) -> None:
    """Stands in for a payload's receiver while none is expected."""
