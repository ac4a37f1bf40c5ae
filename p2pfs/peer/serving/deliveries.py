"""What a peer sends, chunk by chunk, until it is delivered. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from p2pfs.peer.library import Holding
from p2pfs.peer.rates import Bandwidth

MOST_UNDER_WAY = 64
"""Chunks under way to one receiver that are remembered."""


class Deliveries:
    """Chunks under way to receivers. A chunk counts when its receiver says that it has it."""

    def __init__(self, bandwidth: Bandwidth, delivered: Callable[[str], None]) -> None:
        """``delivered`` is called with the name of the file of each chunk."""
        self._bandwidth = bandwidth
        self._delivered = delivered
        # For each receiver: the chunks' lengths, and when they began to be sent.
        self._under_way: dict[Hashable, dict[tuple[str, int], tuple[int, float]]] = {}

    def begun(self, receiver: Hashable, holding: Holding, chunknum: int, now: float) -> None:
        """A chunk begins to be sent."""
        chunks = self._under_way.setdefault(receiver, {})
        chunks[holding.name, chunknum] = holding.info.length(chunknum), now
        if len(chunks) > MOST_UNDER_WAY:  # this receiver does not say what it has
            del chunks[next(iter(chunks))]

    def has(self, receiver: Hashable, name: str, chunknum: int, now: float) -> None:
        """A receiver says that it has a chunk, perhaps one that was sent to it."""
        sent = self._under_way.get(receiver, {}).pop((name, chunknum), None)
        if sent is not None:
            self._bandwidth.count(*sent, now)
            self._delivered(name)

    def found_wrong(self, receiver: Hashable, name: str, chunknum: int) -> bool:
        """A receiver says that a chunk is wrong; False if none was sent to it."""
        return self._under_way.get(receiver, {}).pop((name, chunknum), None) is not None

    def forget(self, receiver: Hashable) -> None:
        """A receiver is gone."""
        self._under_way.pop(receiver, None)
