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


NEARLY = 0.1
"""The part by which a rate may be above what is possible, as rates are not measured exactly.

What is further above it shows that lines are faster than was known.
"""


@dataclass(frozen=True)
class Reached:
    """How long a download took, in units of the least time for a crowd of that size."""

    times: float
    crowd: int

    def __str__(self) -> str:
        times = f"fetched in {self.times:.1f} times the least possible time"
        return f"{times}{crowd_text(self.crowd, 'fetched')}"


def crowd_text(crowd: int, fetch: str) -> str:
    """How many ``fetch`` something at once, in parentheses; nothing of one that is alone."""
    return f" ({crowd:,} peers {fetch} it at once)" if crowd > 1 else ""


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

    def possible_beside(self, rate: float | None) -> int | None:
        """The rate that is possible now, while it goes at that rate; None if it is not known."""
        if self._rate is None:
            return None
        possible = self._at_most(self._rate)
        if rate is not None and rate > (1 + NEARLY) * possible:
            return None
        return round(possible)

    def reached(self, fetched: int, now: float) -> Reached | None:
        """How long it took to fetch that many bytes; None if too little is known of the lines.

        That is so too when it took less than should be possible.
        """
        self._pass(now)
        took = now - self._began
        if self._known <= LEAST_KNOWN * took:
            return None
        rate = self._at_most(self._possible / self._known)
        if fetched < LEAST_SECONDS * rate:
            return None
        times = took * rate / fetched
        return None if times < 1 - NEARLY else Reached(max(1.0, times), max(1, self.crowd))

    def _pass(self, now: float) -> None:
        if self._rate is not None:
            # The limit as it is now: later there may be another.
            rate = min(self._rate, self._bandwidth.limit or self._rate)
            self._possible += rate * (now - self._at)
            self._known += now - self._at
        self._at = now

    def _at_most(self, rate: float) -> float:
        known = self._bandwidth.highest or self._bandwidth.limit
        return rate if known is None else min(rate, known)
