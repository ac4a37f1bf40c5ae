"""Who may wait at the SSH console's door, and for how long, before it is known who it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from p2pfs.wire import Admission

C = TypeVar("C", bound=Hashable)

_ALWAYS = 0.0
"""The time for `Admission`: its clock stands still, as nobody is idle before the grace is over."""


@dataclass(frozen=True)
class Doors:
    """How many there may be: of those that have not logged in yet, and of those that have.

    A host may have half of the first, and ``grace`` is the seconds that each may take.
    """

    waiting: int = 16
    inside: int = 64
    grace: int = 30

    def within(self, room: int) -> Doors:
        """As many as ``room`` connections allow."""
        # Two at least: with one, a single host could keep all others out.
        waiting = max(2, min(self.waiting, room // 2))
        return Doors(waiting, max(1, min(self.inside, room - waiting)), self.grace)


class Doorkeeper(Generic[C]):
    """Keeps count of connections that have not logged in yet, and of those that have.

    When all places are taken, the newcomer of a host takes that of the one that has
    waited longest of the host with most, if that has more than it would.
    """

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self._waiting: Admission[C] = Admission(doors.waiting)
        self._host_of: dict[C, str] = {}
        self._by_host: Counter[str] = Counter()
        self._inside: set[C] = set()

    def has_room(self, host: str) -> bool:
        """Whether a newcomer of that host may wait."""
        portion = max(1, self.doors.waiting // 2)
        # Who made room for somebody counts until it is gone: its descriptor is in use.
        leaving = len(self._host_of) >= self.doors.waiting + 2
        return (
            not leaving and self._by_host[host] < portion and self._waiting.has_room(host, _ALWAYS)
        )

    def add(self, host: str, connection: C) -> C | None:
        """Count a newcomer for whom there is room; returns who has to go for it, if any."""
        evicted = self._waiting.add(host, connection, _ALWAYS)
        self._host_of[connection] = host
        self._by_host[host] += 1
        return None if evicted is None else evicted[0]

    def admit(self, connection: C) -> bool:
        """It has logged in: whether there is room for it."""
        if len(self._inside) >= self.doors.inside:
            return False
        self.remove(connection)
        self._inside.add(connection)
        return True

    def remove(self, connection: C) -> None:
        """Count a connection no more."""
        self._inside.discard(connection)
        self._waiting.remove(connection)
        host = self._host_of.pop(connection, None)
        if host is not None:
            self._by_host[host] -= 1
            if not self._by_host[host]:
                del self._by_host[host]
