"""A host's way onto the network: that many bytes a second, shared fairly among its connections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from p2pfs.testing.timeline import Timeline


class Flow(ABC):
    """What one connection wants to pass over a link, segment by segment."""

    @abstractmethod
    def begin(self) -> int | None:
        """The next segment begins to pass; its weight in bytes, or None if there is none left."""

    @abstractmethod
    def passed(self) -> bool:
        """That segment has passed; whether there is another one."""


class Link:
    """One direction of a host's network interface.

    Segments pass one at a time, and the flows that have one take turns: that is
    fair queueing, as close to an equal part for each connection as segments allow.
    """

    def __init__(self, timeline: Timeline, rate: float | None) -> None:
        """``rate`` is in bytes a second; None passes everything at once."""
        self.carried = 0
        """Bytes that have passed so far, as they weigh."""
        self.bulk = 0
        """Those of them that were no messages; only what leaves a host is counted so."""
        self._timeline = timeline
        self._turns: deque[Flow] = deque()
        self._busy = False
        self.rate = rate

    @property
    def rate(self) -> float | None:
        """Bytes a second, which may be changed; None passes everything at once."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        if rate is not None and not rate > 0:
            raise ValueError(f"{rate} is not a rate in bytes a second; None is no limit.")
        self._rate = rate

    def join(self, flow: Flow) -> None:
        """Let a flow take turns until it has nothing more."""
        self._turns.append(flow)
        if not self._busy:
            self._next()

    def _next(self) -> None:
        turns = self._turns
        while turns:
            flow = turns.popleft()
            size = flow.begin()
            if size is None:
                continue
            self.carried += size
            # A busy link cannot be entered a second time from what the flow does next.
            self._busy = True
            if self._rate is not None:
                self._timeline.after(size / self._rate, self._passed, flow)
                return
            if flow.passed():
                turns.append(flow)
            self._busy = False

    def _passed(self, flow: Flow) -> None:
        if flow.passed():
            self._turns.append(flow)
        self._busy = False
        self._next()
