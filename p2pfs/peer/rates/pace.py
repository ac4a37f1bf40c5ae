"""How a download gets on, beside what its tracker says is possible for its crowd. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from p2pfs.peer.rates.bandwidth import Bandwidth
from p2pfs.wire.messages import ReplyFileLocation, plausible_rate

MOST_CROWD = 1_000_000
"""Peers beyond which a crowd is taken for an error."""

LEAST_SECONDS = 1.0
"""A least time below this says nothing: other things than lines count then."""

LEAST_KNOWN = 0.25
"""The part of a download for which it must be known what was possible, to be taken for all."""


@dataclass(frozen=True)
class Reached:
    """How long a download took, in units of the least time for a crowd of that size."""

    times: float
    crowd: int

    def __str__(self) -> str:
        of_crowd = f" for its crowd of {self.crowd}" if self.crowd > 1 else ""
        return f"in {self.times:.2f} times the least time{of_crowd}"


class Pace:
    """What one download could have had so far. Times are in seconds, rates in bytes a second."""

    def __init__(self, bandwidth: Bandwidth, now: float) -> None:
        """``bandwidth`` is that of the line it comes over: a crowd may give more than it takes."""
        self.crowd = 0
        """How many fetch the file with it, itself included: the most there were."""
        self._bandwidth = bandwidth
        self._began = self._at = now
        self._rate: int | None = None
        # What there could have been, in how much time of which that is known.
        self._possible = 0.0
        self._known = 0.0

    def located(self, location: ReplyFileLocation, now: float) -> None:
        """Note what the tracker says of the crowd, if anything."""
        self._pass(now)
        self._rate = plausible_rate(location.rate)
        if location.crowd is not None and location.crowd <= MOST_CROWD:
            self.crowd = max(self.crowd, location.crowd)

    @property
    def possible(self) -> int | None:
        """The rate that is possible now; None if it is not known."""
        return None if self._rate is None else round(self._at_most(self._rate))

    def reached(self, fetched: int, now: float) -> Reached | None:
        """How long it took to fetch that many bytes; None if too little is known of the lines."""
        self._pass(now)
        took = now - self._began
        if self._known <= LEAST_KNOWN * took:
            return None
        rate = self._at_most(self._possible / self._known)
        if fetched < LEAST_SECONDS * rate:
            return None
        return Reached(took * rate / fetched, max(1, self.crowd))

    def _pass(self, now: float) -> None:
        if self._rate is not None:
            self._possible += self._rate * (now - self._at)
            self._known += now - self._at
        self._at = now

    def _at_most(self, rate: float) -> float:
        return min(rate, self._bandwidth.highest or rate)
