"""A host's way onto the network: so many bytes a second, shared fairly among its connections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from p2pfs.testing.timeline import Timeline


class Flow(ABC):
    """What one connection wants to pass over a link, segment by segment."""

    @abstractmethod
    def begin(self) -> int:
        """The next segment begins to pass; its size in bytes."""

    @abstractmethod
    def passed(self) -> bool:
        """That segment has passed; whether there is another one."""


class Link:
    """One direction of a host's network interface.

    Segments pass one at a time, and the flows that have one take turns: that is
    fair queueing, as close to an equal share for each connection as segments allow.
    """

    def __init__(self, timeline: Timeline, rate: float | None) -> None:
        """``rate`` is in bytes a second and may be changed; None passes everything at once."""
        self.rate = rate
        self.carried = 0
        """Bytes that have passed so far."""
        self._timeline = timeline
        self._turns: deque[Flow] = deque()
        self._busy = False

    def join(self, flow: Flow) -> None:
        """Let a flow take turns until it has nothing more; it must have a segment."""
        self._turns.append(flow)
        if not self._busy:
            self._next()

    def _next(self) -> None:
        while self._turns:
            flow = self._turns.popleft()
            size = flow.begin()
            self.carried += size
            if self.rate is not None:
                self._busy = True
                self._timeline.after(size / self.rate, self._passed, flow)
                return
            # A busy link cannot be entered a second time from what the flow does next.
            self._busy = True
            if flow.passed():
                self._turns.append(flow)
            self._busy = False

    def _passed(self, flow: Flow) -> None:
        again = flow.passed()
        if again:
            self._turns.append(flow)
        self._busy = False
        self._next()
