"""The asking side of a connection: pipelined requests, their answers, and patience."""

from __future__ import annotations

from collections import deque
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError, Refused
from p2pfs.printable import printable
from p2pfs.wire.delivery_watch import DeliveryWatch
from p2pfs.wire.messages import Error, Message, PeerReplyChunk, UndecodableMessage, type_of
from p2pfs.wire.protocol import MessageProtocol

_M = TypeVar("_M")


QUIET = 6.0
"""Seconds without a sign of life, of a side that owes one, from which it may be out of reach."""

MAX_COMPLAINTS = 16
"""Lines that make no sense here, before the connection is given up."""


def said(text: str) -> str:
    """What the other side says, short and fit for a terminal and a log line."""
    return printable(text[:300])[:300]


class Pending:
    """A request on its way; ``answered`` fires with the reply or the reason there is none."""

    def __init__(self, request: Message) -> None:
        self.request = request
        # A cancelled request keeps its place in the queue: its answer still comes.
        self.answered: Deferred[Any] = Deferred(lambda _: None)

    def succeed(self, reply: object) -> None:
        """The answer is there."""
        if not self.answered.called:
            self.answered.callback(reply)

    def fail(self, error: P2pfsError) -> None:
        """There will be no answer."""
        if not self.answered.called:
            self.answered.errback(error)


class RequestProtocol(MessageProtocol):
    """Sends requests and matches replies to them, in order for each kind of reply.

    When nothing at all comes for ``silence_timeout`` seconds while an answer is
    due, or less than ``least_rate`` bytes a second and no answer in that time, or a
    chunk that nobody asked for, the connection is aborted. All requests
    still open then fail with what `connection_error` makes of it. Other messages
    that make no sense here are answered with ``ERROR``, up to `MAX_COMPLAINTS`.
    """

    def __init__(
        self, reactor: IReactorTime, silence_timeout: float, least_rate: float = 0.0
    ) -> None:
        super().__init__(reactor)
        self._watch = DeliveryWatch(silence_timeout, least_rate)
        self._queues: dict[type[Message], deque[Pending]] = {}
        self._arriving: Pending | None = None
        self._look_timer: IDelayedCall | None = None
        self._cause: P2pfsError | None = None
        # A dict for its order; a connection may see many come and go.
        self._ended: dict[Deferred[None], None] = {}
        self._complaints = 0
        self._unanswered_at_end = 0.0

    # For subclasses

    def connection_error(self, reason: str) -> P2pfsError:
        """The error for requests that a connection, ending for ``reason``, leaves open."""
        raise NotImplementedError

    def reply_received(self, pending: Pending, reply: Message) -> None:
        """Handle the reply to a request; by default it is the request's result."""
        pending.succeed(reply)

    def still_arriving(self, pending: Pending | None) -> None:
        """Say whose payload follows its reply's line; None once it is there."""
        self._arriving = pending
        if pending is None:
            self._watch.answered(self.reactor.seconds())

    # For users

    def ask(self, request: Message, reply_type: type[_M]) -> Deferred[_M]:
        """Send a request; fires with the reply, or fails with `Refused` or `connection_error`."""
        pending = Pending(request)
        self.enqueue(pending, reply_type)
        return pending.answered

    def enqueue(self, pending: Pending, reply_type: type[Any]) -> None:
        """Send a request and remember it until a reply of that type comes."""
        if self.closed or self._cause is not None:
            pending.fail(self._cause or self.connection_error("the connection was closed"))
            return
        if not self._waiting():
            self._watch.begin(self.reactor.seconds())
        self._queues.setdefault(reply_type, deque()).append(pending)
        self.send(pending.request)
        if self._look_timer is None:
            self._look_later()

    def due(self, reply_type: type[Any]) -> Pending | None:
        """The request whose reply of that type is due next, if any is."""
        queue = self._queues.get(reply_type)
        return queue[0] if queue else None

    def all_due(self, reply_type: type[Any]) -> list[Pending]:
        """All requests whose replies of that type are due, in their order."""
        return list(self._queues.get(reply_type, ()))

    def reply_begun(self, pending: Pending, reply_type: type[Any]) -> None:
        """The line of a reply has come, which may have been read elsewhere; a payload follows."""
        queue = self._queues.get(reply_type)
        if queue and queue[0] is pending:
            queue.popleft()
        self.still_arriving(pending)

    @property
    def open_requests(self) -> int:
        """How many answers are due."""
        arriving = 0 if self._arriving is None else 1
        return arriving + sum(map(len, self._queues.values()))

    @property
    def unanswered(self) -> float:
        """Seconds in which nothing has come while an answer is due; also at the end."""
        if self.closed:
            return self._unanswered_at_end
        # Who reads while the input is lent waits for nothing for long: it is this side that rests.
        silent = self._waiting() and not self.input_lent
        return self._watch.silence(self.reactor.seconds()) if silent else 0.0

    @property
    def flowed_at(self) -> float | None:
        """When enough last came over a whole window of patience; None if it never did."""
        return self._watch.flowed_at

    def forgive(self) -> None:
        """Do not count what did not come until now: this side did not run, or not in time."""
        self._watch.begin(self.reactor.seconds())

    def give_up(self, reason: str) -> None:
        """Abort the connection; open requests fail for that reason."""
        if self._cause is None:
            self._cause = self.connection_error(reason)
        self.abort()

    def hang_up(self) -> None:
        """Close the connection: in good order, unless that would mean waiting for answers."""
        if self._waiting():
            self.abort()
        else:
            self.close()

    def ended(self) -> Deferred[None]:
        """Fires when the connection is closed; to be cancelled by who does not wait any more."""
        if self.closed:
            return succeed(None)
        waiter: Deferred[None] = Deferred(lambda waiter: self._ended.pop(waiter))
        self._ended[waiter] = None
        return waiter

    # The incoming side

    def dataReceived(self, data: bytes) -> None:
        self.heard(len(data))
        super().dataReceived(data)

    def heard(self, count: int) -> None:
        """So many bytes came, whoever read them."""
        self._watch.heard(count, self.reactor.seconds())
        # A long line may take its time here, as long as it comes at the least rate.
        self.restart_message_timeout()

    def hold_input(self) -> None:
        if not self.input_held:
            self._watch.hold(self.reactor.seconds())
        super().hold_input()

    def release_input(self) -> None:
        if self._holds == 1:
            self._watch.release(self.reactor.seconds())
        super().release_input()

    def message_received(self, message: Message, line: bytes) -> None:
        if isinstance(message, Error):
            self._error_received(message)
            return
        queue = self._queues.get(type(message))
        if queue:
            self.reply_received(queue.popleft(), message)
            if self._arriving is None:
                self._watch.answered(self.reactor.seconds())
        elif isinstance(message, PeerReplyChunk):
            # Nothing tells whether a payload follows: the framing is lost.
            self.give_up("it sent a chunk without having been asked")
        else:
            kind = type_of(type(message))
            self._complain(Error(kind, "Nobody asked for this, and it is answered elsewhere."))

    def undecodable_received(self, error: UndecodableMessage) -> None:
        if error.request in {type_of(reply) for reply in self._queues}:
            # Which request it answers cannot be told, nor whether a payload follows.
            self.give_up(f"its {error.request} cannot be read")
            return
        self._complain(Error(error.request, str(error)))

    def _complain(self, error: Error) -> None:
        """Answer what makes no sense here and go on; but not for ever."""
        self._complaints += 1
        if self._complaints > MAX_COMPLAINTS:
            self.give_up("it sends what is no message of the protocol")
        else:
            self.send(error)

    def closing(self, reason: Failure) -> None:
        if self._waiting():
            self._unanswered_at_end = self._watch.silence(self.reactor.seconds())
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None
        error = self._cause or self.connection_error("it closed the connection")
        self._cause = error
        if self._arriving is not None:
            self._arriving.fail(error)
        queues, self._queues = self._queues, {}
        for queue in queues.values():
            for pending in queue:
                pending.fail(error)
        while self._ended:  # one by one: who is told may give up another
            waiter = next(iter(self._ended))
            del self._ended[waiter]
            waiter.callback(None)

    # Inside

    def _error_received(self, error: Error) -> None:
        for queue in self._queues.values():
            if queue and type_of(type(queue[0].request)) == error.request:
                self._watch.answered(self.reactor.seconds())
                queue.popleft().fail(Refused(said(error.message)))
                return
        self.give_up(f"it sent an error: {said(error.message)}")

    def _waiting(self) -> bool:
        return self._arriving is not None or any(self._queues.values())

    def _look_later(self) -> None:
        wait = self._watch.next_look(self.reactor.seconds())
        self._look_timer = self.reactor.callLater(wait, self._look)

    def _look(self) -> None:
        self._look_timer = None
        if not self._waiting():
            return
        fault = self._watch.check(self.reactor.seconds())
        if fault is not None and self.input_lent:
            # Its reader gives it back as soon as nothing comes. So it is this side that is slow.
            self.forgive()
            fault = None
        if fault is None:
            self._look_later()
        else:
            self.give_up(fault)
