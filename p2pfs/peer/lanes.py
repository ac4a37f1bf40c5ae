"""Chunks under way on one side of the line, and which of them are nearly over. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

RIPE = 0.75
"""The part of the usual time after which a lane is not counted.

It is over soon, so the next chunk can be agreed on, and its bytes follow without a gap.
Or it takes longer than usual, since its other end is the bottleneck: then the line has room.
"""

LONGEST = 15.0
"""Seconds that a lane is counted while nothing is known of the usual time."""

_SMOOTHING = 0.3
"""Weight of the latest chunk in the usual time."""

K = TypeVar("K", bound=Hashable)


@dataclass
class _Lane:
    began: float
    at_work: bool = False


class Lanes(Generic[K]):
    """Lanes by what goes over them. Times are in seconds, of one clock.

    Chunks share a line by lanes, a few at a time: each is there, and can be passed on, sooner
    than when all share it, and the line is not idle when one of them has to wait.
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

    def at_work(self, key: K) -> None:
        """It is really under way, if it is on a lane, so the time it takes says something."""
        lane = self._lanes.get(key)
        if lane is not None:
            lane.at_work = True

    def leave(self, key: K, now: float) -> bool:
        """It has come to its end; False if it was on no lane."""
        lane = self._lanes.pop(key, None)
        if lane is not None and lane.at_work:
            took = now - lane.began
            usual = took if self._usual is None else self._usual
            self._usual = usual + _SMOOTHING * (took - usual)
        return lane is not None

    def drop(self, key: K) -> None:
        """It came to nothing, if it was on a lane."""
        self._lanes.pop(key, None)

    def counted(self, now: float) -> list[K]:
        """What is under way and not nearly over."""
        return [key for key, lane in self._lanes.items() if now < lane.began + self._span]

    def next_change(self, now: float) -> float | None:
        """Seconds until less is `counted`, if nothing happens before; None if nothing is."""
        ends = [lane.began + self._span for lane in self._lanes.values()]
        return min((end - now for end in ends if end > now), default=None)

    @property
    def _span(self) -> float:
        return LONGEST if self._usual is None else RIPE * self._usual
