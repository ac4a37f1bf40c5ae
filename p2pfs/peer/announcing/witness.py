"""From whom chunks came, for the tracker to tell others: each source now and then. Pure."""

from __future__ import annotations

from collections import Counter

from p2pfs.addresses import Address
from p2pfs.wire.messages import MOST_SOURCES

AGAIN = 15.0
"""Seconds until a source that goes on giving is named again.

It may not have been known when it was named, or the tracker may have forgotten everything.
"""


class Witness:
    """The sources of verified chunks, by file, of which the tracker was not told lately."""

    def __init__(self) -> None:
        self._came: dict[str, Counter[Address]] = {}
        # When it was last told of each.
        self._told: dict[Address, float] = {}

    def came(self, name: str, source: Address) -> None:
        """A chunk of a file came from a source, and was right."""
        self._came.setdefault(name, Counter())[source] += 1

    def news(self, name: str, now: float) -> list[str]:
        """The sources of a file to be named now: those first that gave most since the last time."""
        came = self._came.pop(name, Counter())
        self._told = {source: at for source, at in self._told.items() if now - at < AGAIN}
        news = [source for source, _ in came.most_common() if source not in self._told]
        news = news[:MOST_SOURCES]
        self._told.update(dict.fromkeys(news, now))
        return [str(source) for source in news]

    def drop(self) -> None:
        """There is nobody to be told what came by now."""
        self._came.clear()
