"""How fast a peer's line is, as far as it was seen: in one direction, over all connections. Pure.

Only chunks are counted, and each over the time it took. What was handed to the system says
nothing: it may wait in a buffer for as long as a chunk takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import floor

from p2pfs.peer.rates.rate_limit import RateLimit

WINDOW = 2.0
"""Seconds over which a rate counts: a shorter burst says little of the line."""

GLIMPSE = 0.25
"""Seconds over which a rate is better than none."""

MEMORY = 600.0
"""Seconds after which a rate may be forgotten, and twice that after which it is: lines change."""

_GRAIN = 0.05
"""Seconds that are told apart."""

_BUSY = 0.5
"""The part of a window in which the line must have been busy, or it says nothing of the line."""

_KEPT = 1200
"""Grains that are remembered: a chunk that takes longer counts for the last minute only."""


class Bandwidth:
    """The highest rate at which the line carried chunks. Times are in seconds."""

    def __init__(self, limit: RateLimit) -> None:
        """``limit`` is what is set for this direction: the line is no faster than that."""
        self._limit = limit
        self._grains = [0.0] * _KEPT  # bytes in each; the place of a grain is its number's rest
        self._newest = 0
        # Of the grains before this one, all is known.
        self._settled = 0
        self._highest = 0.0
        self._glimpsed = 0.0
        self._before = 0.0
        self._ever = 0.0
        self._since = 0.0

    def count(self, length: int, began: float, now: float) -> None:
        """Note a chunk of ``length`` bytes that passed from ``began`` until ``now``."""
        last = floor(now / _GRAIN)
        self._advance(last)
        oldest = last - _KEPT + 1
        first = max(floor(began / _GRAIN), oldest)
        if first == last:
            self._grains[last % _KEPT] += length
        else:
            took = now - began
            for number in range(first, last + 1):
                begin, end = max(began, number * _GRAIN), min(now, (number + 1) * _GRAIN)
                self._grains[number % _KEPT] += length * ((end - begin) / took)
        # What is under way when a chunk begins is counted, for the most part, when it has come.
        if first != self._settled:
            look_from = max(min(first, self._settled) - _grains(WINDOW), oldest)
            self._settled = max(self._settled, first)
            self._look(look_from, self._settled)
        if now - self._since >= MEMORY:
            self._before, self._highest, self._since = self._highest, 0.0, now
            self._ever = max(self._ever, self._before)

    @property
    def limit(self) -> int | None:
        """What is set for this direction, in bytes a second; None is no limit."""
        return self._limit.rate

    @property
    def highest(self) -> int | None:
        """Bytes a second; None while the line was never busy for so long."""
        return self._limited(max(self._highest, self._before))

    @property
    def estimate(self) -> int | None:
        """Bytes a second, for what must not slow the line down; None while nothing is known.

        It is the highest rate there ever was, and until there is one, a glimpse of it.
        """
        return self._limited(max(self._highest, self._ever) or self._glimpsed)

    def _limited(self, seen: float) -> int | None:
        if not seen:
            return None
        return round(seen if self._limit.rate is None else min(seen, self._limit.rate))

    def _advance(self, newest: int) -> None:
        for number in range(max(self._newest, newest - _KEPT) + 1, newest + 1):
            self._grains[number % _KEPT] = 0.0
        self._newest = newest

    def _look(self, first: int, end: int) -> None:
        """Look at all windows from this grain on that end before that one."""
        counts = [self._grains[number % _KEPT] for number in range(first, end)]
        self._highest = max(self._highest, _highest(counts, WINDOW))
        self._glimpsed = max(self._glimpsed, _highest(counts, GLIMPSE))


def _grains(seconds: float) -> int:
    return round(seconds / _GRAIN)


def _highest(counts: list[float], seconds: float) -> float:
    """The highest rate over that many seconds in which the line was busy, or 0.0."""
    length = _grains(seconds)
    sums = [0.0, *accumulate(counts)]
    busy = [0, *accumulate(count > 0 for count in counts)]
    most = 0.0
    for start in range(len(counts) - length + 1):
        after = start + length
        # A window does not begin before there was anything to carry.
        if counts[start] and busy[after] - busy[start] >= _BUSY * length:
            most = max(most, sums[after] - sums[start])
    return most / seconds


@dataclass(frozen=True)
class Bandwidths:
    """A peer's line, in both directions."""

    up: Bandwidth
    down: Bandwidth
