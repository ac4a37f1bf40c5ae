"""From how many sources that take turns a peer takes chunks at the same time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from p2pfs.peer.policy.slots import Slots

SOURCES = 3
"""Senders at a time. As many as a sender has slots: so all lines of a crowd are full, and no more
of them meet at one receiver than can fill its line."""

NEARLY = 0.25
"""The part of a chunk that may be missing when the next sender is welcome: until that one's
bytes come, it is there."""


class Intake:
    """The chunks on their way to this peer, of all its downloads. Times are in seconds."""

    def __init__(self) -> None:
        self._slots: Slots[Hashable, Hashable] = Slots()
        self._missing: dict[tuple[Hashable, Hashable], Callable[[], float]] = {}

    def begin(
        self, source: Hashable, chunk: Hashable, missing: Callable[[], float], now: float
    ) -> None:
        """A chunk is asked of a source; ``missing`` tells which part of it, 0 to 1, has to come."""
        self._slots.take(source, chunk, now)
        self._slots.at_work(source, chunk)
        self._missing[source, chunk] = missing

    def end(self, source: Hashable, chunk: Hashable, now: float) -> None:
        """It has come."""
        self._slots.leave(source, chunk, now)
        del self._missing[source, chunk]

    def drop(self, source: Hashable, chunk: Hashable) -> None:
        """It did not come, and will not."""
        self._slots.drop(source, chunk)
        del self._missing[source, chunk]

    @property
    def several(self) -> bool:
        """True while more than one source was asked for something that has not come."""
        return len(self._slots.ends) > 1

    def has_room(self, now: float, source: Hashable | None = None) -> bool:
        """Whether one more may send: another one, or ``source``, which may be at it already.

        Who sends nothing, or so little that it would be late, takes no place.
        """
        if source in self._slots.ends:
            return True  # it sends its next chunk behind the present one
        busy = {key[0] for key in self._slots.in_time(now) if self._fills_a_place(key, now)}
        return len(busy) < SOURCES

    def _fills_a_place(self, key: tuple[Hashable, Hashable], now: float) -> bool:
        missing = self._missing[key]()
        return missing > NEARLY and 1.0 - missing >= self._slots.progress_due(*key, now)
