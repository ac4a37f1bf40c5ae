"""What a connection and the thread that reads its payloads tell each other while that does."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from p2pfs.peer.payloads.chunk_request import ChunkRequest


@dataclass(slots=True)
class Payload:
    """Raw bytes on their way: ``left`` of them have to come.

    ``claimed`` is the digest that the sender claims, if it counts; ``began`` is when the first
    of them came, in seconds. Who reads it counts down: the reactor, or the thread of a loan.
    """

    request: ChunkRequest
    left: int
    claimed: bytes | None
    began: float

    def came(self, count: int) -> None:
        """So many bytes more have come."""
        self.left -= count


@dataclass(frozen=True)
class Came:
    """So many bytes of a payload are where they belong."""

    request: ChunkRequest
    count: int


@dataclass(frozen=True)
class Complete:
    """A payload of which nothing is left, and when its last byte came."""

    payload: Payload
    ended: float


@dataclass(frozen=True)
class Aside:
    """A line came between two payloads that is for the connection, and none of a reply."""

    line: bytes


Report: TypeAlias = Came | Complete | Aside


@dataclass(frozen=True)
class Returned:
    """How a socket is given back: in the middle of a payload, or between lines.

    ``rest`` is what was read beyond, in which nothing of that payload is.
    """

    payload: Payload | None
    rest: bytes = b""


class Loan:
    """A socket that a thread reads, of a connection that goes on living in the reactor.

    The reactor's side adds to what is due and may call the socket back; the thread reports.
    Both may be done at any time, as the queues are of one that adds and one that takes.
    """

    def __init__(
        self, payload: Payload, waiting: Sequence[bytes], due: Sequence[ChunkRequest]
    ) -> None:
        """``payload`` is under way, ``waiting`` are bytes of it that have come and been counted.

        ``due`` are those behind it, in the order in which they were asked for.
        """
        self.payload = payload
        self.waiting = waiting
        self._due = deque(due)
        self._reports: deque[Report] = deque()
        self._called_back = False

    # For the connection

    def expect(self, request: ChunkRequest) -> None:
        """One more was asked for."""
        self._due.append(request)

    def call_back(self) -> None:
        """Have the socket given back soon: what is read already is dealt with before."""
        self._called_back = True

    def reports(self) -> list[Report]:
        """What was reported since this was asked last."""
        reports = []
        while self._reports:
            reports.append(self._reports.popleft())
        return reports

    # For the thread

    @property
    def is_called_back(self) -> bool:
        """True once the socket is to be given back."""
        return self._called_back

    def next_due(self) -> ChunkRequest | None:
        """What the next reply has to be, if any is due."""
        return self._due[0] if self._due else None

    def begun(self) -> None:
        """The reply to that has begun."""
        self._due.popleft()

    def report(self, report: Report) -> None:
        """Note something for the connection, in order."""
        self._reports.append(report)
