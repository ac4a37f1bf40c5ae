"""The payloads that come over one connection: through the reactor, or by a thread."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError
from p2pfs.peer.payloads import (
    Aside,
    Came,
    ChunkRequest,
    Complete,
    Lender,
    Loan,
    Payload,
    Returned,
)
from p2pfs.peer.rates import Bandwidth
from p2pfs.wire import RequestProtocol
from p2pfs.wire import messages as m


class PayloadReceiver:
    """Sees the payloads of a connection to their sinks.

    The input is lent to a thread in the middle of a payload that comes fast, and given back when
    something else is to be done than to read the payloads that are due.
    """

    log = Logger()

    def __init__(
        self,
        connection: RequestProtocol,
        lender: Lender | None,
        bandwidth: Bandwidth,
        arrived: Callable[[int], None],
    ) -> None:
        """``bandwidth`` is told of each chunk, ``arrived`` of all bytes that a thread has read."""
        self._connection = connection
        self._lender = lender
        self._bandwidth = bandwidth
        self._arrived = arrived
        self._payload: Payload | None = None
        self._loan: Loan | None = None

    def begin(self, request: ChunkRequest, reply: m.PeerReplyChunk) -> None:
        """The line of a reply was handled; raw bytes follow."""
        now = self._connection.reactor.seconds()
        self._follow(Payload(request, request.length, request.claimed(reply), now))

    def asked(self, request: ChunkRequest) -> None:
        """One more chunk was asked for."""
        if self._loan is not None:
            self._loan.expect(request)

    def read(self, count: int) -> None:
        """The reactor has found so many bytes at once, and all is done that there was to do."""
        lender, payload = self._lender, self._payload
        if lender is not None and payload is not None:
            self._lend(lender, payload, count)

    def call_back(self) -> None:
        """Have the reactor read again soon, if it does not."""
        if self._loan is not None:
            self._loan.call_back()

    # Through the reactor

    def _follow(self, payload: Payload) -> None:
        connection, self._payload = self._connection, payload
        connection.reply_begun(payload.request, m.PeerReplyChunk)
        payload.request.sink.attach(connection.hold_input, connection.release_input)
        connection.receive_raw(payload.left, self._raw_came)

    def _raw_came(self, data: bytes) -> None:
        payload = self._payload
        assert payload is not None
        # A cancelled request's bytes still come, and go nowhere.
        if payload.request.wanted:
            payload.request.sink.write(data)
        payload.came(len(data))
        if not payload.left:
            self._complete(payload, self._connection.reactor.seconds())

    def _complete(self, payload: Payload, now: float) -> None:
        self._payload = None
        self._bandwidth.count(payload.request.length, payload.began, now)
        self._connection.still_arriving(None)
        payload.request.succeed(payload.claimed)

    # By a thread

    def _lend(self, lender: Lender, payload: Payload, found: int) -> None:
        connection, sink = self._connection, payload.request.threaded_sink
        if sink is None or connection.paused:
            return
        inlet = lender.inlet(connection.transport, found)
        if inlet is None:
            return
        waiting = sink.lend()
        if waiting is None:
            inlet.close()
            return
        due = connection.all_due(m.PeerReplyChunk)
        chunks = [request for request in due if isinstance(request, ChunkRequest)]
        loan = self._loan = Loan(payload, waiting, chunks)
        connection.lend_input()
        returned = lender.lend(inlet, loan, lambda: self._look(loan))
        returned.addErrback(self._not_read, loan).addCallback(self._take_back, loan)
        returned.addErrback(self._broken)

    def _look(self, loan: Loan) -> None:
        """Take note of what the thread reports."""
        for report in loan.reports():
            if self._connection.closed:
                return
            match report:
                case Came(request, count):
                    self._arrived(count)
                    if request.wanted and request.threaded_sink is not None:
                        request.threaded_sink.arrived(count)
                case Complete(payload, ended):
                    self._connection.reply_begun(payload.request, m.PeerReplyChunk)
                    self._complete(payload, ended)
                case Aside(line):
                    self._arrived(len(line) + 1)
                    if not self._connection.closing_down:
                        self._connection.lineReceived(line)

    def _take_back(self, returned: Returned, loan: Loan) -> None:
        self._look(loan)
        self._loan = None
        if self._connection.closed:
            return
        self._arrived(len(returned.rest))
        if returned.payload is not None:
            self._follow(returned.payload)
        else:
            self._connection.setLineMode()
        self._connection.take_input_back(returned.rest)

    def _not_read(self, failure: Failure, loan: Loan) -> Returned:
        """There was no thread for it: the sink has not got what it had waiting."""
        failure.trap(P2pfsError)
        sink = loan.payload.request.threaded_sink
        assert sink is not None
        sink.fail(failure)
        return Returned(loan.payload)

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Reading a payload failed.", failure=failure)
        self._loan = None
        self._connection.give_up("what it sends could not be read here")
