"""How fast something is just now."""

from __future__ import annotations

from collections import deque

SPAN = 5.0
"""Seconds over which the rate is averaged."""

_GRAIN = 0.05
"""Seconds within which counts are added up, so that what is remembered is bounded."""


class RateMeter:
    """Counts bytes and tells their rate over the last few seconds. Times are in seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._begun: float | None = None

    def count(self, length: int, now: float) -> None:
        """Note ``length`` bytes."""
        if self._begun is None:
            self._begun = now
        if self._counts and 0 <= now - self._counts[-1][0] < _GRAIN:
            begun, before = self._counts[-1]
            self._counts[-1] = begun, before + length
        else:
            self._counts.append((now, length))
        self._sum += length
        self._forget(now)

    def rate(self, now: float) -> float:
        """Bytes a second."""
        self._forget(now)
        if self._begun is None:
            return 0.0
        return self._sum / max(min(SPAN, now - self._begun), 0.1)

    def _forget(self, now: float) -> None:
        while self._counts and self._counts[0][0] < now - SPAN:
            self._sum -= self._counts.popleft()[1]
