"""What came of asking sources, in all downloads of a peer. Pure: told the time.

A source is *proven* once it delivered a verified chunk to this peer. Anybody may claim to
hold a file; so until then a source has little to lose, and gets little to hold up.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

from p2pfs.addresses import Address, host_of

REMEMBERED = 1024
"""Addresses that are remembered of those that are proven, and of the others."""

MOST_CREDIT = 8
"""Chunks that count for a source; a setback costs half of what it has."""

MOST_SETBACKS = 16

ONE_SETBACK = 1.0
"""Seconds in which several setbacks are one: many downloads may share a connection that ends."""


@dataclass
class _Record:
    host: str
    credit: int = 0
    setbacks: int = 0
    """In a row, without a chunk between them."""
    setback_at: float = float("-inf")


class Experience:
    """Remembers for a bounded number of addresses what they delivered, and what came to nothing.

    Who claims much from many addresses makes this peer forget others that never delivered,
    but nobody who did.
    """

    def __init__(self) -> None:
        # Those dealt with longest ago come first.
        self._proven: OrderedDict[Address, _Record] = OrderedDict()
        self._others: OrderedDict[Address, _Record] = OrderedDict()
        self._host_setbacks: Counter[str] = Counter()

    def delivered(self, address: Address) -> None:
        """A chunk came from there, and was right."""
        record = self._take(address)
        record.credit = min(MOST_CREDIT, record.credit + 1)
        record.setbacks = 0
        self._put(address, record)

    def set_back(self, address: Address, now: float) -> None:
        """It failed, or brought nothing in time."""
        record = self._take(address)
        if now - record.setback_at >= ONE_SETBACK:
            record.setback_at = now
            record.credit //= 2
            record.setbacks = min(MOST_SETBACKS, record.setbacks + 1)
        self._put(address, record)

    def was_wrong(self, address: Address, now: float) -> None:
        """What it sent was not what was asked for: nothing speaks for it any more."""
        record = self._take(address)
        record.credit = 0
        self._put(address, record)
        self.set_back(address, now)

    def is_proven(self, address: Address) -> bool:
        """Whether it delivered, and failed little since."""
        return address in self._proven

    def credit(self, address: Address) -> int:
        """How many chunks it delivered, as far as they count."""
        record = self._proven.get(address)
        return record.credit if record else 0

    def setbacks(self, address: Address) -> int:
        """How often in a row it came to nothing."""
        record = self._proven.get(address) or self._others.get(address)
        return record.setbacks if record else 0

    def host_setbacks(self, host: str) -> int:
        """The same of all addresses of a host (as `host_of` has it) that are not proven."""
        return self._host_setbacks[host]

    def _take(self, address: Address) -> _Record:
        if address in self._proven:
            return self._proven.pop(address)
        return self._forget(address) or _Record(host_of(address))

    def _forget(self, address: Address) -> _Record | None:
        record = self._others.pop(address, None)
        if record is not None:
            self._host_setbacks[record.host] -= record.setbacks
            if not self._host_setbacks[record.host]:
                del self._host_setbacks[record.host]
        return record

    def _put(self, address: Address, record: _Record) -> None:
        if record.credit:
            self._proven[address] = record
            if len(self._proven) > REMEMBERED:
                self._proven.popitem(last=False)
        else:
            self._others[address] = record
            self._host_setbacks[record.host] += record.setbacks
            if len(self._others) > REMEMBERED:
                self._forget(next(iter(self._others)))
