"""Whose lines are handled next: hosts take turns, and each host's connections below that. Pure.

What a host is handled is counted by what it costs. The host that has had least since
somebody last had to wait is next, so what a host's requests cost is only its own affair.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import Generic, TypeVar

C = TypeVar("C", bound=Hashable)

_ABSENT = object()


class Attention(Generic[C]):
    """The connections that wait for their turn. Every operation takes a fixed time, or log n."""

    def __init__(self) -> None:
        # The connections of each host, next first. A host stays until it has had no more
        # than others, even when none of its connections waits.
        self._queues: dict[str, OrderedDict[C, None]] = {}
        # What each host has had, and the hosts in that order; of two alike, who came first.
        self._had: dict[str, int] = {}
        self._order: list[tuple[int, int, str]] = []
        self._number = 0
        self._level = 0
        self._parked: dict[str, None] = {}
        self.waiting = 0
        """How many connections wait, of all hosts."""

    @property
    def ready(self) -> bool:
        """True unless `next` would find nobody."""
        return self.waiting > 0 and bool(self._order)

    def wait(self, host: str, connection: C) -> None:
        """A connection of that host waits, if it does not wait already."""
        if host not in self._queues:
            self._queues[host] = OrderedDict()
            self._had[host] = self._level
            self._enter(host)
        if connection not in self._queues[host]:
            self._queues[host][connection] = None
            self.waiting += 1

    def leave(self, host: str, connection: C) -> None:
        """A connection waits no more."""
        if host in self._queues and self._queues[host].pop(connection, _ABSENT) is None:
            self.waiting -= 1

    def next(self, may: Callable[[str], bool]) -> tuple[str, C] | None:
        """Whose turn it is, and which connection's, which now waits no more.

        A host that ``may`` not have it is parked. Afterwards, `done` is to be called.
        """
        while self._order:
            had, _, host = heappop(self._order)
            self._level = had
            queue = self._queues[host]
            if not queue:
                del self._queues[host], self._had[host]
            elif may(host):
                connection, _ = queue.popitem(last=False)
                self.waiting -= 1
                return host, connection
            else:
                self._parked[host] = None
        return None

    def done(self, host: str, cost: int) -> None:
        """A host has had its turn, at that cost."""
        self._had[host] += cost
        self._enter(host)

    def unpark(self, host: str) -> None:
        """A host may have its turn again; nothing happens if it was not parked."""
        if self._parked.pop(host, _ABSENT) is None:
            self._had[host] = max(self._had[host], self._level)
            self._enter(host)

    def _enter(self, host: str) -> None:
        self._number += 1
        heappush(self._order, (self._had[host], self._number, host))
