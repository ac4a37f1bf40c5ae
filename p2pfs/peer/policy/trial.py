"""How long a source that has not delivered yet is waited for. Pure: told the time, in seconds.

A trial that brings nothing ends early only for the sake of others that could stand in. It is
short at first, and twice as long each time: a source that is busy gets time, but after others.
"""

from __future__ import annotations

FIRST = 0.5
"""Seconds that the first trial of a source takes, beyond what its path does."""

CONNECTING = 1.5
"""Seconds for the first attempt to connect, and the ping, of a path not known yet."""

ROUND_TRIPS = 4
"""Of the path, beyond `FIRST`."""

LEAST_PACE = 1024
"""Bytes a second below which a source brings as good as nothing."""

SLOWEST = 60.0
"""Seconds for what was asked; a source that needs longer brings as good as nothing."""

PADDING = 1.5
"""Times what is due that may come without it being there; more is not what was asked for."""

OVERHEAD = 16 << 10
"""Bytes beyond that."""


class Trial:
    """What a source was asked for, or told that is wanted, and what came since."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._due = 0
        # What had come when the present time of patience began, and when the trial did.
        self._before = self._first = 0

    def begin(self, now: float, brought: int) -> None:
        """It can send something of its own accord, as it was told what is wanted.

        ``brought`` are the bytes that came from it before.
        """
        if self._since is None:
            self._since, self._before, self._first = now, brought, brought

    def suspend(self) -> None:
        """Nothing it could send is wanted just now, but for what it was asked."""
        if not self._due:
            self._since = None

    def asked(self, length: int, now: float, brought: int) -> None:
        """So many bytes were asked of it."""
        if not self._due:
            self._since, self._before, self._first = now, brought, brought
        self._due += length

    def came(self, length: int, now: float, brought: int) -> None:
        """They are here: the trial is over, but for what is still due."""
        self._due -= length
        self._since, self._before = (now if self._due else None), brought
        self._first = brought

    def refused(self, length: int, now: float, brought: int) -> None:
        """They will not come: it goes on."""
        self._due -= length
        self._since, self._before, self._first = now, brought, brought

    def forgive(self, now: float, brought: int) -> None:
        """Do not count the time until now."""
        if self._since is not None:
            self._since, self._before = now, brought

    def brings_nothing(self, now: float, brought: int, patience: float) -> bool:
        """Whether nothing came for ``patience`` seconds, or as good as nothing.

        So much that it must be something else is that too. To be looked at often: whenever
        enough came for that time, it begins anew, so no burst makes up for a silence.
        """
        if self._since is None or now - self._since < patience:
            return False
        least = max(self._due / SLOWEST, LEAST_PACE) * (now - self._since)
        padded = brought - self._first > PADDING * self._due + OVERHEAD
        if not self._due or padded or brought - self._before < least:
            return True
        self._since, self._before = now, brought
        return False

    @property
    def due(self) -> int:
        """Bytes that were asked for, and have not come."""
        return self._due

    def sends(self, brought: int) -> bool:
        """Whether some of what was asked for has come."""
        return bool(self._due) and brought > self._first


def patience(round_trip: float | None, doublings: int, longest: float) -> float:
    """Seconds of a trial, twice as long for each chunk delivered and each setback since.

    Without a ``round_trip`` there is no connection yet.
    """
    first = CONNECTING if round_trip is None else FIRST + ROUND_TRIPS * round_trip
    return min(longest, first * 2.0**doublings)
