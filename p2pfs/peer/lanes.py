"""Chunks under way on one side of the line, and which of them are late. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

LATE = 3.0
"""After so many times the usual time, a lane is not counted: its other end is the bottleneck."""

SOONEST_LATE = 1.0
"""Seconds after which that may be at the soonest."""

RIPE = 0.75
"""The part of the usual time after which"""

LONGEST_WAIT = 15.0
"""Seconds after which a lane is late while nothing is known of the usual time."""

_SMOOTHING = 0.3
"""Weight of the latest chunk in the usual time."""

K = TypeVar("K", bound=Hashable)


@dataclass
class _Lane:
    began: float
    worked: bool = False


class Lanes(Generic[K]):
    """Lanes by what goes over them. Times are in seconds, of one clock.

    A few lanes at a time share a line: each chunk is passed on sooner than when all share it,
    and the line is not idle when one of them has to wait.
    """

    def __init__(self) -> None:
        self._lanes: dict[K, _Lane] = {}
        self._usual: float | None = None

    def __contains__(self, key: K) -> bool:
        return key in self._lanes

    def __iter__(self) -> Iterator[K]:
        return iter(self._lanes)

    def take(self, key: K, now: float) -> None:
        """Begin something on a lane of its own."""
        self._lanes[key] = _Lane(now)

    def worked(self, key: K) -> None:
        """It is really under way, so the time it takes says something."""
        lane = self._lanes.get(key)
        if lane is not None:
            lane.worked = True

    def leave(self, key: K, now: float) -> bool:
        """It has come to its end; False if it was not under way."""
        lane = self._lanes.pop(key, None)
        if lane is not None and lane.worked:
            took = now - lane.began
            usual = took if self._usual is None else self._usual
            self._usual = usual + _SMOOTHING * (took - usual)
        return lane is not None

    def drop(self, key: K) -> None:
        """It came to nothing."""
        self._lanes.pop(key, None)

    def ripe_at(self, key: K) -> float:
        """When something under way is to be over soon; never, if the usual time is not known."""
        return self._lanes[key].began + RIPE * self._usual if self._usual is not None else inf

    def running(self, now: float) -> list[K]:
        """What is under way, but for what is over soon, or late."""
        patience = LONGEST_WAIT if self._usual is None else LATE * self._usual
        patience = max(SOONEST_LATE, patience)
        ripe = inf if self._usual is None else RIPE * self._usual
        most = min(ripe, patience)
        return [key for key, lane in self._lanes.items() if now - lane.began < most]
