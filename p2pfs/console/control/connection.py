"""One client of the control socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.commands import Caller
from p2pfs.console.command import Answer, CommandSet, Progress
from p2pfs.console.control.callers import caller_behind
from p2pfs.console.control.groups import Group
from p2pfs.console.control.guests import Guests
from p2pfs.console.control.messages import (
    MAX_REQUEST_BYTES,
    AnswerMessage,
    ProgressMessage,
    Request,
    Response,
)
from p2pfs.console.json_text import json_text
from p2pfs.console.problems import Problem, problem_of
from p2pfs.console.throttle import ThrottledReport
from p2pfs.errors import Cancelled, MalformedMessage, NotAllowed, P2pfsError
from p2pfs.waiters import Waiters

PROGRESS_INTERVAL = 0.2
# Seconds a client has to read its last lines once the daemon stops.
GRACE = 2.0
MAX_WAITING_REQUESTS = 16


@implementer(IPushProducer)
class _Gate:
    """Knows whether the client reads, so that progress does not pile up for one that sleeps."""

    def __init__(self) -> None:
        self.open = True

    def pauseProducing(self) -> None:
        self.open = False

    def resumeProducing(self) -> None:
        self.open = True

    def stopProducing(self) -> None:
        self.open = False


class ControlConnection(LineReceiver):
    """Runs the requests of one client, one after the other.

    A client that disconnects, also only its sending half, cancels the command
    that runs for it.
    """

    delimiter = b"\n"
    MAX_LENGTH = MAX_REQUEST_BYTES
    _log = Logger()

    def __init__(
        self, reactor: IReactorTime, commands: CommandSet, guests: Guests, group: Group | None
    ) -> None:
        """``commands`` are what the client may run, if in ``group`` unless it is the daemon's.

        ``guests`` counts those of the group.
        """
        self._group = group
        self._guests = guests
        self._guest: Caller | None = None
        self._reactor = reactor
        self._commands = commands
        self._requests: deque[bytes] = deque()
        # Busy from before a request is begun, when there is no Deferred yet:
        # what it does at once may stop the daemon.
        self._busy = False
        self._running: Deferred[None] | None = None
        self._open = True
        self._stopping = False
        self._shutdown = False
        self._abort: IDelayedCall | None = None
        self._ended: Waiters[None] = Waiters()

    @property
    def _wire(self) -> ITCPTransport:
        # A UNIX socket's transport has those methods of a TCP one that are used here.
        return cast(ITCPTransport, self.transport)

    def when_ended(self) -> Deferred[None]:
        """Fires once the connection is closed and its command is over."""
        return self._ended.wait()

    def stop(self) -> Deferred[None]:
        """Cancel the command that runs and close; fires like `when_ended`."""
        self._stopping = self._shutdown = True
        self._requests.clear()
        ended = self.when_ended()
        self._cancel_or(self._close)
        return ended

    def connectionMade(self) -> None:
        """Somebody is there; who may not be is told so and let go, before they ask."""
        try:
            caller = caller_behind(self.transport, self._group)
            if caller.is_guest:
                self._guests.enter(caller)
                self._guest = caller
        except NotAllowed as problem:
            self._send_problem(problem)
            self._give_up()

    def lineReceived(self, line: bytes) -> None:
        """A request came; it waits until those before it are answered."""
        if self._stopping or not self._open:
            return
        if len(self._requests) >= MAX_WAITING_REQUESTS:
            self._send_problem(MalformedMessage("Too many requests at once; await their answers."))
            self._give_up()
            return
        self._requests.append(line)
        if not self._busy:
            self._next()

    def lineLengthExceeded(self, line: bytes) -> None:
        """A request is longer than any sensible one: say so and close."""
        if self._stopping:
            return
        self._send_problem(
            MalformedMessage(f"A request may have {MAX_REQUEST_BYTES} bytes at most.")
        )
        self._give_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody waits for an answer any more: cancel the command."""
        self._open = False
        if self._guest is not None:
            self._guests.leave(self._guest)
        self._requests.clear()
        if self._abort is not None and self._abort.active():
            self._abort.cancel()
        self._cancel_or(self._end)

    def _next(self) -> None:
        while self._requests and not self._busy:
            line = self._requests.popleft()
            try:
                request = msgspec.json.decode(line, type=Request)
            except msgspec.DecodeError as error:
                self._send_problem(MalformedMessage(f"The request is not understood: {error}."))
                continue
            try:
                caller = caller_behind(self.transport, self._group)
            except NotAllowed as problem:
                self._send_problem(problem)
                self._give_up()
                return
            self._busy = True
            self._run(request.words, caller)

    def _run(self, words: list[str], caller: Caller) -> None:
        gate = _Gate()
        cast(IConsumer, self.transport).registerProducer(gate, True)

        def show(progress: Progress) -> None:
            if gate.open:
                message = msgspec.convert(progress, ProgressMessage, from_attributes=True)
                self._send(Response(progress=message))

        report = ThrottledReport(self._reactor, PROGRESS_INTERVAL, show)

        def start() -> Deferred[Answer]:
            call = self._commands.definitions.parse(words).by(caller)
            return self._commands.run(call, report)

        def over(result: Answer | Failure) -> Answer | Failure:
            report.finish(show_last=True)
            if self._open:
                cast(IConsumer, self.transport).unregisterProducer()
            return result

        def respond(answer: Answer) -> Response:
            return Response(answer=AnswerMessage(answer.data, list(answer.lines), answer.status))

        answer: Deferred[Answer] = maybeDeferred(start).addBoth(over)
        self._answer_with(answer.addCallback(respond), words[0] if words else "")

    def _answer_with(self, response: Deferred[Response], name: str) -> None:
        """Send what ``response`` comes to, then see to the next request."""

        def failed(failure: Failure) -> None:
            problem = problem_of(failure, name, self._log)
            if self._shutdown and problem.kind == Cancelled.__name__:
                problem = Problem(problem.kind, "The daemon is shutting down.")
            self._send(Response(error=problem.sentence, kind=problem.kind))

        def lost(failure: Failure) -> None:
            self._log.failure("The answer of {command} cannot be sent", failure, command=name)

        running = response.addCallback(self._send).addErrback(failed).addErrback(lost)
        self._running = running
        running.addCallback(self._finished)
        if self._busy and (self._stopping or not self._open):
            running.cancel()

    def _finished(self, _: None) -> None:
        self._busy = False
        self._running = None
        if not self._open:
            self._end()
        elif self._stopping:
            self._close()
        else:
            self._next()

    def _cancel_or(self, when_idle: Callable[[], None]) -> None:
        """Cancel the request that is served; `_finished` goes on from there."""
        if not self._busy:
            when_idle()
        elif self._running is not None:
            self._running.cancel()

    def _send_problem(self, error: P2pfsError) -> None:
        self._send(Response(error=str(error), kind=type(error).__name__))

    def _send(self, response: Response) -> None:
        if self._open:
            self._wire.write(json_text(response) + b"\n")

    def _give_up(self) -> None:
        """Close on a client that breaks the rules, and cancel what it runs."""
        self._stopping = True
        self._requests.clear()
        self._cancel_or(self._close)

    def _close(self) -> None:
        self._wire.loseConnection()
        # A client that reads nothing would otherwise keep the daemon from stopping.
        if self._open and self._abort is None:
            self._abort = self._reactor.callLater(GRACE, self._wire.abortConnection)

    def _end(self) -> None:
        self._ended.fire(None)
