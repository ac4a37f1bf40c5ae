"""How long a download has come no further."""

from __future__ import annotations

from p2pfs.wire import GAP


class ProgressClock:
    """Tells how long nothing came, as far as this process ran to see it.

    To be told of a `beat` at regular intervals. When a beat comes much too late
    (or, by the clock, too early), this process was stopped, the machine slept, or
    its clock was set: that time counts for nobody. Nor does the time in which
    nobody could be reached. All times are in seconds.
    """

    def __init__(self, now: float, interval: float) -> None:
        """``interval`` is the time between beats."""
        self._interval = interval
        self._last_beat = now
        self._progressed_at = now

    def beat(self, now: float, cut_off: bool = False) -> bool:
        """Note that this process runs; True when it did not for a while.

        When it is ``cut_off``, the time since the last beat does not count.
        """
        since, self._last_beat = now - self._last_beat, now
        gap = since - self._interval
        if cut_off:
            self._progressed_at += since
            return False
        if abs(gap) <= GAP:
            return False
        self._progressed_at += gap
        return True

    def progressed(self, at: float) -> None:
        """Something useful came at that time."""
        self._progressed_at = max(self._progressed_at, at)

    def waited(self, now: float) -> float:
        """Seconds since something useful came."""
        return max(0.0, now - self._progressed_at)
