"""How fast something is just now."""

from __future__ import annotations

from collections import deque

SPAN = 5.0
"""Seconds over which the rate is averaged."""

LEAST_AGE = 1.0
"""Seconds before which a meter does not say anything: a burst is no rate."""

_GRAIN = 0.05
"""Seconds within which counts are added up, so that what is remembered is bounded."""


class RateMeter:
    """Counts bytes and tells their rate over the last few seconds. Times are in seconds."""

    def __init__(self, whole: RateMeter | None = None) -> None:
        """``whole`` is the meter of what this is a part of: it counts the same, and more."""
        self._whole = whole
        self._counts: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._begun: float | None = None
        self._there = 0

    def count(self, length: int, now: float) -> None:
        """Note ``length`` bytes that have come since the last count.

        Of those of the first moment it is not known how long they took: they only say that it
        has begun.
        """
        if self._whole is not None:
            self._whole.count(length, now)
        if self._begun is None:
            self._begun = now
        if now - self._begun < _GRAIN:
            return
        if self._counts and 0 <= now - self._counts[-1][0] < _GRAIN:
            begun, before = self._counts[-1]
            self._counts[-1] = begun, before + length
        else:
            self._counts.append((now, length))
        self._sum += length
        self._forget(now)

    def reach(self, there: int, now: float) -> None:
        """Note that there are so many bytes in all by now; those of the first time are no gain."""
        gained, self._there = there - self._there, there
        if gained > 0 or self._begun is None:
            self.count(max(0, gained), now)

    def rate(self, now: float) -> float | None:
        """Bytes a second; None while too little is known."""
        if self._begun is None or now - self._begun < LEAST_AGE:
            return None
        self._forget(now)
        return self._sum / min(SPAN, now - self._begun)

    def is_idle(self, now: float) -> bool:
        """Whether nothing was counted within the last few seconds."""
        self._forget(now)
        return not self._counts and (self._begun is None or now - self._begun > SPAN)

    def _forget(self, now: float) -> None:
        while self._counts and self._counts[0][0] < now - SPAN:
            self._sum -= self._counts.popleft()[1]


def whole(rate: float | None) -> int | None:
    """A rate in whole bytes a second, as consoles tell it."""
    return None if rate is None else round(rate)


def seconds_left(missing: int, rate: float | None) -> int | None:
    """How long that many bytes take; None while that is not known."""
    return round(missing / rate) if rate else None
