"""Reads payload after payload from a borrowed socket, in one thread: the bytes stay in its cache.

Each part is received into one buffer, hashed and written, and only then is the next received. A
second thread for one of these costs more in hand-overs than it saves, and so does a turn of the
reactor for each part (docs/performance.md has the figures).

Free of Twisted, and of the network: the socket is behind `Inlet`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from p2pfs.peer.payloads.chunk_request import ChunkRequest
from p2pfs.peer.payloads.loan import Aside, Came, Complete, Loan, Payload, Report, Returned
from p2pfs.wire import messages as m

FRAME = 1 << 20
"""Bytes that are received before they are hashed and written."""

LINES = 16 << 10
"""Bytes that are read beyond a payload at the most: the lines that follow it."""

PATIENCE = 0.05
"""Seconds for a frame to come; after that it is for the reactor to wait, which can for many."""

MOST_ASIDE = 16
"""Lines between two payloads that are passed on; more are for the reactor, which gives turns."""

BATCH = 4 << 20
"""Bytes after which the reactor is told what came; before, only when there is time to."""


class Inlet(Protocol):
    """The receiving side of a socket that does not block."""

    def receive(self, into: list[memoryview]) -> int | None:
        """Fill buffers one after the other with what is there, and return how many bytes that is.

        None when nothing is there, 0 at the end of the stream or when the connection broke.
        """

    def wait(self, seconds: float) -> bool:
        """Wait until there is something; False if nothing came in that time."""


class PayloadReader:
    """Reads for one loan: from the payload under way on, as long as replies that are due follow."""

    def __init__(
        self,
        inlet: Inlet,
        loan: Loan,
        buffer: bytearray,
        clock: Callable[[], float],
        tell: Callable[[], None],
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """``buffer`` is for one frame. ``clock`` tells seconds; ``tell`` is called when there are
        reports. ``may_go_on`` is asked after each frame, in this thread.
        """
        self._inlet = inlet
        self._loan = loan
        self._frame = memoryview(buffer)
        self._read_beyond = bytearray(LINES)
        self._lines = memoryview(self._read_beyond)
        # Where in there that lies which was read beyond the last payload.
        self._begin = self._end = 0
        self._clock = clock
        self._tell = tell
        self._may_go_on = may_go_on
        self._untold = 0
        self._has_reports = False

    def read(self) -> Returned:
        """Read until something else is to be done than to go on; how the socket is given back."""
        payload: Payload | None = self._loan.payload
        assert payload is not None
        self._take(payload.request, self._loan.waiting)
        while payload is not None:
            self._read_payload(payload)
            if payload.left:
                break
            self._report(Complete(payload, self._clock()))
            payload = self._next_payload() if self._goes_on() else None
        return Returned(payload, bytes(self._lines[self._begin : self._end]))

    # Payloads

    def _read_payload(self, payload: Payload) -> None:
        """Receive it as far as it comes."""
        while payload.left:
            size = min(len(self._frame), payload.left)
            count = self._fill(size, is_last=size == payload.left)
            if count:
                self._take(payload.request, [self._frame[:count]])
                payload.came(count)
                self._report(Came(payload.request, count))
                self._untold += count
                if self._untold >= BATCH:
                    self._tell_now()
            if count < size or (payload.left and not self._goes_on()):
                break

    def _take(self, request: ChunkRequest, pieces: Sequence[bytes | memoryview]) -> None:
        sink = request.threaded_sink
        if pieces and sink is not None and request.wanted:
            sink.take(pieces)

    def _fill(self, size: int, is_last: bool) -> int:
        """Fill so much of the frame; how far it came. Behind the last, what follows is read too."""
        count = min(size, self._end - self._begin)
        self._frame[:count] = self._lines[self._begin : self._begin + count]
        self._begin += count
        if count < size:
            self._begin = self._end = 0  # all of it was used
        deadline = None
        while count < size:
            into = [self._frame[count:size]]
            if is_last:
                into.append(self._lines)
            got = self._inlet.receive(into)
            if got is None:
                now = self._clock()
                deadline = now + PATIENCE if deadline is None else deadline
                if not self._wait(deadline - now):
                    break
            elif not got:
                break
            else:
                beyond = max(0, got - (size - count))
                self._end += beyond
                count += got - beyond
        return count

    # Lines

    def _next_payload(self) -> Payload | None:
        """The payload whose reply's line comes next; None when the socket is to be given back."""
        deadline = self._clock() + PATIENCE
        asides = 0
        while True:
            request = self._loan.next_due()
            if request is None or asides == MOST_ASIDE:
                return None
            end = self._read_beyond.find(b"\n", self._begin, self._end)
            if end < 0:
                if not self._read_line(deadline):
                    return None
                continue
            line = bytes(self._lines[self._begin : end])
            try:
                message = m.decode(line)
            except m.UndecodableMessage:
                return None
            match message:
                case m.PeerOffer():
                    self._begin = end + 1
                    asides += 1
                    self._report(Aside(line))
                    self._tell_now()
                case m.PeerReplyChunk():
                    payload = _begun(message, request, self._clock())
                    if payload is not None:
                        self._begin = end + 1
                        self._loan.begun()
                    return payload
                case _:
                    return None

    def _read_line(self, deadline: float) -> bool:
        """Read more of a line; False when it is for the reactor to wait for it."""
        if self._begin:
            kept = bytes(self._lines[self._begin : self._end])
            self._lines[: len(kept)] = kept
            self._begin, self._end = 0, len(kept)
        room = self._lines[self._end :]
        if not room:
            return False
        got = self._inlet.receive([room])
        if got is None:
            return self._wait(deadline - self._clock())
        self._end += got
        return got > 0

    # Inside

    def _goes_on(self) -> bool:
        return not self._loan.is_called_back and self._may_go_on()

    def _wait(self, seconds: float) -> bool:
        self._tell_now()
        return seconds > 0 and not self._loan.is_called_back and self._inlet.wait(seconds)

    def _report(self, report: Report) -> None:
        self._loan.report(report)
        self._has_reports = True

    def _tell_now(self) -> None:
        self._untold = 0
        if self._has_reports:
            self._has_reports = False
            self._tell()


def _begun(reply: m.PeerReplyChunk, request: ChunkRequest, now: float) -> Payload | None:
    """The payload behind a reply's line, if it is for a thread; else it is for the connection."""
    if reply.data is not None or request.fault(reply) or request.threaded_sink is None:
        return None
    return Payload(request, request.length, request.claimed(reply), now)
