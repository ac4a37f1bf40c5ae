"""Chunks under way on one side of the line, and which of them are to be waited for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Set
from dataclasses import dataclass
from typing import Generic, TypeVar

LATE = 3.0
"""After so many times the usual time, a lane is late: its end is the bottleneck."""

SOONEST_LATE = 1.0
"""Seconds after which that may be at the soonest."""

LONGEST = 15.0
"""Seconds after which a lane is late while nothing is known of the usual time."""

ROUNDING = 0.001
"""Seconds by which a timer may seem early."""

_SMOOTHING = 0.3
"""Weight of the latest chunk in the usual time."""

E = TypeVar("E", bound=Hashable)
C = TypeVar("C", bound=Hashable)


@dataclass
class _Lane:
    began: float
    at_work: bool = False
    sent: bool = False


class Lanes(Generic[E, C]):
    """Lanes by their ends, the other peers, and the chunks that go over them.

    Times are in seconds, of one clock. Chunks share a line by lanes, a few at a time: each is
    there, and can be passed on, sooner than when all share it, and the line is not idle when
    one of them has to wait.
    """

    def __init__(self) -> None:
        # In the order in which they began, and so in that in which they will be late.
        self._lanes: dict[tuple[E, C], _Lane] = {}
        self._ends: Counter[E] = Counter()
        self._usual: float | None = None

    # What happens

    def take(self, end: E, chunk: C, now: float) -> None:
        """Begin with a chunk, on a lane of its own."""
        self.drop(end, chunk)
        self._lanes[end, chunk] = _Lane(now)
        self._ends[end] += 1

    def at_work(self, end: E, chunk: C) -> None:
        """It is really under way, if it is on a lane, so the time it takes says something."""
        lane = self._lanes.get((end, chunk))
        if lane is not None:
            lane.at_work = True

    def sent(self, end: E, chunk: C) -> bool:
        """All of it is out of this side's hands; False if it is on no lane."""
        lane = self._lanes.get((end, chunk))
        if lane is not None:
            lane.sent = True
        return lane is not None

    def leave(self, end: E, chunk: C, now: float) -> bool:
        """It has come to its end; False if it was on no lane."""
        lane = self._clear(end, chunk)
        if lane is not None and lane.at_work:
            took = now - lane.began
            usual = took if self._usual is None else self._usual
            self._usual = usual + _SMOOTHING * (took - usual)
        return lane is not None

    def drop(self, end: E, chunk: C) -> bool:
        """It came to nothing; False if it was on no lane."""
        return self._clear(end, chunk) is not None

    def drop_all(self, end: E) -> None:
        """An end is gone."""
        for chunk in [chunk for other, chunk in self._lanes if other == end]:
            self.drop(end, chunk)

    def _clear(self, end: E, chunk: C) -> _Lane | None:
        lane = self._lanes.pop((end, chunk), None)
        if lane is not None:
            self._ends[end] -= 1
            if not self._ends[end]:
                del self._ends[end]
        return lane

    # How things stand

    def __iter__(self) -> Iterator[tuple[E, C]]:
        return iter(self._lanes)

    @property
    def ends(self) -> Set[E]:
        """The ends with a lane at least."""
        return self._ends.keys()

    def count(self, end: E) -> int:
        """The lanes of an end."""
        return self._ends[end]

    def is_sent(self, end: E, chunk: C) -> bool:
        """Whether all of a chunk under way is out of this side's hands."""
        return self._lanes[end, chunk].sent

    def in_time(self, now: float) -> list[tuple[E, C]]:
        """What is under way and not late."""
        late = now - self._patience
        return [key for key, lane in self._lanes.items() if lane.began > late]

    def next_late(self, now: float) -> float | None:
        """Seconds until something is late, if nothing happens before; None if never."""
        patience = self._patience
        for lane in self._lanes.values():
            left = lane.began + patience - now
            if left > 0:
                # A little later, lest a clock's rounding sets a timer without end.
                return left + ROUNDING
        return None

    @property
    def _patience(self) -> float:
        return LONGEST if self._usual is None else max(SOONEST_LATE, LATE * self._usual)
