"""Chunks under way on one side of the line, and which of them are to be waited for. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

LATE = 3.0
"""After so many times the usual time, a lane is late: its other end is the bottleneck."""

SOONEST_LATE = 1.0
"""Seconds after which that may be at the soonest."""

LONGEST = 15.0
"""Seconds after which a lane is late while nothing is known of the usual time."""

ROUNDING = 0.001
"""Seconds by which a timer may seem early."""

_SMOOTHING = 0.3
"""Weight of the latest chunk in the usual time."""

K = TypeVar("K", bound=Hashable)


@dataclass
class _Lane:
    began: float
    at_work: bool = False
    sent: bool = False


class Lanes(Generic[K]):
    """Lanes by what goes over them. Times are in seconds, of one clock.

    Chunks share a line by lanes, a few at a time: each is there, and can be passed on, sooner
    than when all share it, and the line is not idle when one of them has to wait.
    """

    def __init__(self) -> None:
        self._lanes: dict[K, _Lane] = {}
        self._usual: float | None = None

    def __contains__(self, key: object) -> bool:
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

    def sent(self, key: K) -> bool:
        """All of it is out of this side's hands; False if it is on no lane."""
        lane = self._lanes.get(key)
        if lane is not None:
            lane.sent = True
        return lane is not None

    def is_sent(self, key: K) -> bool:
        """Whether all of something under way is out of this side's hands."""
        return self._lanes[key].sent

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

    def in_time(self, now: float) -> list[K]:
        """What is under way and not late."""
        return [key for key, lane in self._lanes.items() if now < lane.began + self._patience]

    def next_late(self, now: float) -> float | None:
        """Seconds until something is late, if nothing happens before; None if never."""
        ends = [lane.began + self._patience for lane in self._lanes.values()]
        # A little later, lest a clock's rounding sets a timer without end.
        return min((end - now + ROUNDING for end in ends if end > now), default=None)

    @property
    def _patience(self) -> float:
        return LONGEST if self._usual is None else max(SOONEST_LATE, LATE * self._usual)
