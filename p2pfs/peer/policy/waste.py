"""What hosts make of their turns, and how long those must rest who make nothing of them. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import inf

ALLOWANCE = 16
"""Offers in a row that a host may decline or put off: in a crowd where all have much on its way
from elsewhere, 13 were seen."""

IGNORED = 17
"""For how many of these an offer counts that kept a slot from others: it was not answered in time,
or what was asked for was never said to be there."""

FIRST_REST = 0.25
"""Seconds without an offer after the first one beyond that, and twice as long after each further
one."""

LONGEST_REST = 8.0
"""Seconds without an offer at the most; for as long again, others come first."""

MOST_HOSTS = 1024
"""Hosts that are remembered, also when they are gone."""


@dataclass
class _Record:
    wasted: int = 0
    """Offers since the last chunk that was delivered."""
    rests: int = 0
    """How often it had to rest for them."""
    until: float = 0.0
    delivered: bool = False
    """Whether a chunk ever was."""
    offered_at: float = -inf


class Waste:
    """Offers that came to nothing, by host. Times are in seconds."""

    def __init__(self) -> None:
        # The one to which something happened last is the last.
        self._store: OrderedDict[str, _Record] = OrderedDict()
        self._troubled_until = 0.0

    def offered(self, host: str, now: float) -> None:
        """A host has a turn."""
        self._record(host).offered_at = now

    def wasted(self, host: str, weight: int, now: float) -> None:
        """An offer to a host came to nothing.

        While it rests, that was made before: it does not make the rest longer.
        """
        record = self._record(host)
        record.wasted += weight
        if record.wasted > ALLOWANCE and now >= record.until:
            record.until = now + min(LONGEST_REST, FIRST_REST * 2.0 ** min(record.rests, 16))
            record.rests += 1
            self._troubled_until = max(self._troubled_until, record.until + LONGEST_REST)

    def used(self, host: str) -> None:
        """A chunk that was offered to a host is there."""
        record = self._record(host)
        record.wasted, record.rests, record.until, record.delivered = 0, 0, 0.0, True

    def rest(self, host: str, now: float) -> float:
        """Seconds until a host may be offered something; 0 if it may be now."""
        record = self._store.get(host)
        return 0.0 if record is None or record.until <= now else record.until - now

    def comes_last(self, host: str, now: float) -> bool:
        """Whether those who make something of their turns have theirs before this host."""
        record = self._store.get(host)
        if record is None or record.wasted <= ALLOWANCE:
            return False
        return now < record.until + LONGEST_REST

    def offered_at(self, host: str) -> float:
        """When a host last had a turn."""
        record = self._store.get(host)
        return -inf if record is None else record.offered_at

    def is_proven(self, host: str) -> bool:
        """Whether a host has got a chunk by its turns, and has not wasted too many since."""
        record = self._store.get(host)
        return record is not None and record.delivered and record.wasted <= ALLOWANCE

    def is_troubled(self, now: float) -> bool:
        """Whether turns were wasted lately, so that those of others are to be kept for them."""
        return now < self._troubled_until

    def _record(self, host: str) -> _Record:
        record = self._store.get(host)
        if record is not None:
            self._store.move_to_end(host)
            return record
        if len(self._store) >= MOST_HOSTS:
            self._store.popitem(last=False)
        return self._store.setdefault(host, _Record())
