"""A limit on bytes a second, shared by all connections of a peer in one direction."""

from __future__ import annotations

from p2pfs.errors import UsageProblem

MIN_RATE = 1024
"""Lowest limit in bytes a second: below it others would take this peer for dead."""

MAX_RATE = 1 << 50
"""Highest limit in bytes a second, a PiB: more than any line has."""

_BURST_SECONDS = 0.1
"""Unused time that may be made up for at once."""

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class RateLimit:
    """Says how long to wait after each transfer so that the rate is kept on average.

    It is a virtual clock: every byte moves the time at which the next one is due
    by one over the rate, so those who share the limit take turns.
    """

    def __init__(self, rate: int | None = None) -> None:
        """``rate`` is in bytes a second; None is no limit. It may be changed at any time."""
        self.rate = rate
        self._due = 0.0

    def spend(self, count: int, now: float) -> float:
        """Note ``count`` bytes at time ``now``; the seconds to wait before the next ones."""
        if self.rate is None:
            self._due = now
            return 0.0
        self._due = max(self._due, now - _BURST_SECONDS) + count / self.rate
        return max(0.0, self._due - now)

    def portion(self, most: int) -> int:
        """How many bytes to move at a time, ``most`` at the most: a tenth of a second's worth."""
        return most if self.rate is None else max(1, min(most, self.rate // 10))


def parse_rate(text: str) -> int | None:
    """Read a rate such as ``500k``, ``10M``, ``1.5G`` (units of 1024), or ``none``.

    Returns bytes a second, None for no limit; raises `UsageProblem`.
    """
    if text.lower() == "none":
        return None
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "")
    try:
        rate = int(float(number) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        raise UsageProblem(
            f"'{text}' is not a rate; write bytes a second such as 500K, 10M or 1G, or 'none'."
        ) from None
    if rate < MIN_RATE:
        raise UsageProblem(f"A limit cannot be below {MIN_RATE} bytes a second; write 1K or more.")
    if rate > MAX_RATE:
        raise UsageProblem(f"'{text}' is more than any line has; write 'none' for no limit.")
    return rate
