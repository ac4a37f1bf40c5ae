"""Requests of an asking protocol: each one ends, with a result or an error for people."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError
from p2pfs.wire import messages as m
from p2pfs.wire.requests import MAX_COMPLAINTS
from tests.fuzz.faults import Fault, check

MOST_TEXT = 2000
"""Characters that an error may have: it goes to a terminal, and to a log."""


class Promises:
    """The requests of one scene."""

    def __init__(self) -> None:
        self._open: dict[int, Deferred[Any]] = {}
        self._cancelled: set[int] = set()
        self.made = 0

    def add(self, request: Deferred[Any]) -> None:
        """Note a request; its result is checked already."""
        number = self.made
        self.made += 1
        self._open[number] = request
        # What these raise has nobody to go to: it is logged, and seen there.
        request.addBoth(self._ended, number).addErrback(self._failed, number)

    def cancel(self, number: int) -> None:
        """Cancel a request, if it is still open."""
        request = self._open.get(number)
        if request is not None:
            self._cancelled.add(number)
            request.cancel()

    def check_kept(self) -> None:
        """Every request has ended."""
        check(not self._open, "every request ends once the connection is closed")

    def check_sent(self, sent: bytes | bytearray) -> None:
        """What was sent is requests, and a bounded number of complaints."""
        complaints = 0
        for line in bytes(sent).split(b"\n")[:-1]:
            try:
                complaints += isinstance(m.decode(line), m.Error)
            except m.UndecodableMessage as error:
                raise Fault(f"what was sent is no message: {line[:200]!r}") from error
        # A breach of the framing brings one more, with which the connection is closed.
        check(complaints <= MAX_COMPLAINTS + 1, "the number of complaints is bounded")

    def _failed(self, failure: Failure, number: int) -> None:
        error = failure.value
        if isinstance(error, CancelledError):
            check(number in self._cancelled, "only what was cancelled is cancelled")
        elif isinstance(error, P2pfsError):
            check(0 < len(str(error)) <= MOST_TEXT, "an error has a text of bounded length")
        else:
            failure.raiseException()

    def _ended(self, outcome: object, number: int) -> object:
        del self._open[number]
        return outcome
