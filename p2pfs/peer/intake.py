"""From how many sources that take turns a peer takes chunks at the same time. Pure."""

from __future__ import annotations

from collections.abc import Hashable

from p2pfs.peer.lanes import Lanes

SOURCES = 3
"""Senders at a time. As many as a sender has lanes: so all lines of a crowd are full, and no more
of them meet at one receiver than can fill its line."""


class Intake:
    """The chunks on their way to this peer, of all its downloads. Times are in seconds."""

    def __init__(self) -> None:
        self._lanes: Lanes[tuple[Hashable, Hashable]] = Lanes()

    def begin(self, source: Hashable, chunk: Hashable, now: float) -> None:
        """A chunk is asked of a source."""
        self._lanes.take((source, chunk), now)
        self._lanes.at_work((source, chunk))

    def end(self, source: Hashable, chunk: Hashable, now: float) -> None:
        """It has come."""
        self._lanes.leave((source, chunk), now)

    def drop(self, source: Hashable, chunk: Hashable) -> None:
        """It did not come, and will not."""
        self._lanes.drop((source, chunk))

    def has_room(self, now: float, source: Hashable | None = None) -> bool:
        """Whether one more may send: another one, or ``source``, which may be at it already."""
        # One that sends already may go on: its next chunk comes behind the present one.
        busy = {sender for sender, _ in self._lanes.counted(now)}
        return source in busy or len(busy) < SOURCES
