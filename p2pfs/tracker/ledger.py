"""What the record of each peer's holdings costs, and whether it may cost more."""

from __future__ import annotations

import sys

from p2pfs.chunks import FileInfo
from p2pfs.tracker.quotas import OverQuota, Quotas

HOLDING_BYTES = 2048
"""What a holding takes beside name and bitfields: tables, and the file's own record, rounded up."""

_BITFIELDS = 3
"""The holder's own, that of a whole copy, and that of all partial ones together."""


class Ledger:
    """Reckons up names and bytes, each peer's and all; refuses what exceeds the quotas.

    What several peers hold is charged to each: any of them can be the last.
    """

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._names: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._total = 0

    def open(self, peer: str) -> None:
        """A peer that holds nothing yet; nothing changes for one that is known."""
        self._names.setdefault(peer, 0)
        self._bytes.setdefault(peer, 0)

    def close(self, peer: str) -> None:
        """A peer that holds nothing any more."""
        self._names.pop(peer, None)
        self._total -= self._bytes.pop(peer, 0)

    def add(self, peer: str, name: str, info: FileInfo) -> None:
        """Charge a peer for one more file; raises `OverQuota`, and then charges nothing."""
        quotas, cost = self._quotas, _cost(name, info)
        if self._names[peer] >= quotas.names_per_peer:
            raise OverQuota(
                f"You hold {self._names[peer]} files, which is all that a peer may at this "
                "tracker; unpublish some first."
            )
        if self._bytes[peer] + cost > quotas.memory_per_peer:
            raise OverQuota(
                "What you hold takes up all the memory that a peer may at this tracker; "
                "unpublish something first."
            )
        if self._total + cost > quotas.memory:
            raise OverQuota("This tracker's memory is full; try again later, or use another.")
        self._names[peer] += 1
        self._bytes[peer] += cost
        self._total += cost

    def remove(self, peer: str, name: str, info: FileInfo) -> None:
        """Undo an `add`."""
        cost = _cost(name, info)
        self._names[peer] -= 1
        self._bytes[peer] -= cost
        self._total -= cost


def _cost(name: str, info: FileInfo) -> int:
    return HOLDING_BYTES + sys.getsizeof(name) + _BITFIELDS * (info.totalchunknum // 8)
