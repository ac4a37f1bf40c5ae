"""How long a download gets nothing of what an honest peer could give it. Pure: told the time."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from p2pfs.chunks import ChunkSet

H = TypeVar("H", bound=Hashable)

PATIENCE = 45.0
"""Seconds within which a chunk is to come that an honest peer could give, whoever lies.

That is longer than a source rests after failures, than a denial is believed, and than it is
waited for one that is silent.
"""

SHARING = 8
"""Chunks that may have to pass on the same line before it."""


def longest(chunk_size: int, rate: float | None) -> float:
    """Seconds that it may take at most, over a line of so many bytes a second."""
    return PATIENCE + (SHARING * chunk_size / rate if rate else 0.0)


@dataclass
class _Offer:
    """What a peer could have given all the time: chunks, as bits."""

    since: float
    chunks: int


@dataclass
class Standstill(Generic[H]):
    """The time since the last chunk of one download, for each peer that could have given one."""

    _had: int = 0
    _offers: dict[H, _Offer] = field(default_factory=dict)

    def look(self, now: float, had: ChunkSet, offered: dict[H, int]) -> dict[H, float]:
        """How long each peer could have given a chunk that is missing, and none came.

        ``offered`` are the chunks (bits) that each could give at this moment.
        """
        if had.bits != self._had:
            self.begin_anew()
        self._had = had.bits
        for host in list(self._offers):
            if host not in offered:
                del self._offers[host]
        for host, chunks in offered.items():
            offer = self._offers.setdefault(host, _Offer(now, had.missing.bits))
            offer.chunks &= chunks
            if not offer.chunks:
                del self._offers[host]
        return {host: now - offer.since for host, offer in self._offers.items()}

    def begin_anew(self) -> None:
        """Do not count the time until now."""
        self._offers.clear()
