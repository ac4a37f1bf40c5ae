"""How many bytes hosts may make this process keep: one budget, which they share. Pure.

What is kept is what a host does not read of what it asked for, and what it has begun to
say and not finished. A host may have as much kept as half of what is left free, so there
is always something left for one more. A little each may have in any case.
"""

from __future__ import annotations

from collections.abc import Callable

BUDGET = 64 << 20
"""Bytes kept for all hosts together."""

FLOOR = 64 << 10
"""Bytes that each host may have kept in any case."""

LEAST = 16 << 10
"""Bytes of room without which nothing of a host is begun: it takes the longest bitfield."""


class Budget:
    """What is kept for each host. Every operation takes a fixed time, but for who waits."""

    def __init__(self, total: int = BUDGET, floor: int = FLOOR) -> None:
        self._total = total
        self._floor = floor
        self.kept = 0
        """Bytes kept for all hosts."""
        self._by_host: dict[str, int] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = {}

    def room(self, host: str) -> int:
        """How many bytes more may be kept for a host; may be negative."""
        portion = max(self._floor, (self._total - self.kept) // 2)
        return portion - self._by_host.get(host, 0)

    def has_room(self, host: str) -> bool:
        """Whether something of a host may be begun."""
        return self.room(host) >= LEAST

    def keep(self, host: str, count: int) -> None:
        """Note that a host has that many bytes more kept."""
        self.kept += count
        self._by_host[host] = self._by_host.get(host, 0) + count

    def drop(self, host: str, count: int) -> None:
        """Note that they are kept no more; who waited for room of that host is told."""
        self.kept -= count
        self._by_host[host] -= count
        if not self._by_host[host]:
            del self._by_host[host]
        if host in self._waiting and self.has_room(host):
            for tell in self._waiting.pop(host):
                tell()

    def wait(self, host: str, tell: Callable[[], None]) -> None:
        """Have ``tell`` called once, when a host that lacks room has some again.

        Such a host has something kept, so what is dropped of that is all there is to wait for.
        """
        self._waiting.setdefault(host, []).append(tell)


class Kept:
    """What one connection of a host has this process keep of one kind, accounted in a budget."""

    def __init__(self, budget: Budget | None, host: str) -> None:
        """Without ``budget`` it does not count, and there is always room."""
        self._budget = budget
        self._host = host
        self.count = 0
        """Bytes that are accounted."""

    def add(self, count: int) -> None:
        """Note that it has that many bytes more kept."""
        if self._budget is not None:
            self.count += count
            self._budget.keep(self._host, count)

    def set(self, count: int) -> bool:
        """Note how many bytes are kept now; False if that is more than the host may have."""
        if self._budget is None:
            return True
        if count != self.count:
            before, self.count = self.count, count
            self._budget.keep(self._host, count)
            self._budget.drop(self._host, before)
        return not count or self._budget.room(self._host) >= 0
