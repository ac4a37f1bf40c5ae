"""Who is let in when a listening side is full: who does nothing makes room, then hosts share.

For a newcomer, a connection makes room that has been idle for `IDLE` seconds, whose it may
be. When there is none, many connections of one host do not keep others out: the idlest
connection of the host that has the most makes room, as long as that host has
more than the newcomer's would.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, Self, TypeVar

C = TypeVar("C", bound=Hashable)
L = TypeVar("L", bound="_Link")

IDLE = 10.0
"""Seconds after which a connection that did nothing of use makes room for any newcomer."""


class _Link:
    """What can be in a `_Row`: in one at a time."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before: Self | None = None
        self.after: Self | None = None


class _Row(Generic[L]):
    """Links in order; unlike an ``OrderedDict`` it takes no room for each."""

    __slots__ = ("first", "last")

    def __init__(self) -> None:
        self.first: L | None = None
        self.last: L | None = None

    def append(self, link: L) -> None:
        """Put it behind the others."""
        link.before = self.last
        if self.last is None:
            self.first = link
        else:
            self.last.after = link
        self.last = link

    def remove(self, link: L) -> None:
        """Take it out."""
        if link.before is None:
            self.first = link.after
        else:
            link.before.after = link.after
        if link.after is None:
            self.last = link.before
        else:
            link.after.before = link.before
        link.before = link.after = None


class _Place(_Link, Generic[C]):
    """A connection that is counted."""

    __slots__ = ("active_at", "connection", "host", "is_gone", "is_settled", "number", "seen")

    def __init__(self, connection: C, host: _Host[C], number: int, now: float) -> None:
        super().__init__()
        self.connection = connection
        """There is none any more when it `is_gone`."""
        self.host = host
        self.number = number
        """That of its coming, of all connections."""
        self.is_gone = False
        self.is_settled = False
        self.active_at = now
        """When it last did something of use."""
        self.seen = now
        """The same, or earlier: what it was when it was last looked at."""

    def __lt__(self, other: _Place[C]) -> bool:
        """Which one is to be looked at first."""
        return (self.seen, self.number) < (other.seen, other.number)


class _Host(_Link, Generic[C]):
    """The connections of one host, idlest first: those that may go first, and the others."""

    __slots__ = ("count", "name", "settled", "strangers")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.count = 0
        self.strangers: _Row[_Place[C]] = _Row()
        self.settled: _Row[_Place[C]] = _Row()

    def row(self, place: _Place[C]) -> _Row[_Place[C]]:
        """The row that one of them is in."""
        return self.settled if place.is_settled else self.strangers


class Admission(Generic[C]):
    """Keeps count of the connections of each host. Every operation takes a fixed time, or log n.

    All times are of one clock, in seconds.
    """

    def __init__(self, limit: int, in_use: Callable[[C], bool] = lambda _: False) -> None:
        """At most ``limit`` connections are open at a time.

        One that has settled, or is ``in_use``, is not idle, however long it does nothing.
        """
        self._limit = limit
        self._in_use = in_use
        self._hosts: dict[str, _Host[C]] = {}
        self._places: dict[C, _Place[C]] = {}
        # The hosts by how many connections they have; and the highest such number.
        self._by_count: dict[int, _Row[_Host[C]]] = {}
        self._most = 0
        # A heap that has each place once, and some that are not counted any more.
        self._looks: list[_Place[C]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, connection: object) -> bool:
        return connection in self._places

    def has_room(self, host: str, now: float) -> bool:
        """Whether a newcomer of that host may come in, be it at another's expense."""
        if len(self._places) < self._limit or self._idle(now) is not None:
            return True
        mine = self._hosts[host].count if host in self._hosts else 0
        return self._most > mine + 1

    def add(self, host: str, connection: C, now: float) -> tuple[C, str] | None:
        """Count a newcomer for whom there `has_room`; returns who is to be closed, of which host.

        The connection returned is not counted any more.
        """
        evicted = None
        if len(self._places) >= self._limit:
            victim = self._idle(now) or self._of_the_greediest()
            evicted = victim.connection, victim.host.name
            self._remove(victim)
        record = self._hosts.get(host)
        if record is None:
            record = self._hosts[host] = _Host(host)
        self._number += 1
        place = self._places[connection] = _Place(connection, record, self._number, now)
        record.strangers.append(place)
        self._recount(record, 1)
        heappush(self._looks, place)
        return evicted

    def touch(self, connection: C, now: float) -> None:
        """A connection did something of use: it becomes the last of its host to be closed."""
        place = self._places.get(connection)
        if place is not None:
            place.active_at = now
            row = place.host.row(place)
            row.remove(place)
            row.append(place)

    def settle(self, connection: C) -> None:
        """Have a connection go only after all of its host that have not settled."""
        self._settle(connection, True)

    def unsettle(self, connection: C) -> None:
        """Undo a `settle`: it may go first again, but after those of its host that may already."""
        self._settle(connection, False)

    def remove(self, connection: C) -> None:
        """Count a connection no more; nothing happens if it is not counted."""
        place = self._places.get(connection)
        if place is not None:
            self._remove(place)

    def _settle(self, connection: C, is_settled: bool) -> None:
        place = self._places.get(connection)
        if place is not None and place.is_settled is not is_settled:
            place.host.row(place).remove(place)
            place.is_settled = is_settled
            place.host.row(place).append(place)

    def _remove(self, place: _Place[C]) -> None:
        del self._places[place.connection], place.connection
        place.is_gone = True
        if len(self._looks) > 2 * len(self._places) + self._limit:
            self._looks = [place for place in self._looks if not place.is_gone]
            heapify(self._looks)
        place.host.row(place).remove(place)
        self._recount(place.host, -1)
        if not place.host.count:
            del self._hosts[place.host.name]

    def _of_the_greediest(self) -> _Place[C]:
        """The idlest connection of the host that has the most, for longest."""
        host = self._by_count[self._most].first
        assert host is not None
        place = host.strangers.first or host.settled.first
        assert place is not None
        return place

    def _idle(self, now: float) -> _Place[C] | None:
        """The connection that has been idle longest, if that is long enough."""
        while self._looks:
            place = self._looks[0]
            if place.is_gone:
                heappop(self._looks)
            elif place.active_at > place.seen:
                self._look_again(place)
            elif now - place.active_at < IDLE:
                return None
            elif place.is_settled or self._in_use(place.connection):
                # Looked at again only when it may have become idle since.
                place.active_at = now
                self._look_again(place)
            else:
                return place
        return None

    def _look_again(self, first: _Place[C]) -> None:
        """Put the first of the heap where it belongs now."""
        first.seen = first.active_at
        heapreplace(self._looks, first)

    def _recount(self, host: _Host[C], change: int) -> None:
        """Add to a host's count."""
        before, after = host.count, host.count + change
        host.count = after
        if before:
            row = self._by_count[before]
            row.remove(host)
            if row.first is None:
                del self._by_count[before]
        if after:
            if after not in self._by_count:
                self._by_count[after] = _Row()
            self._by_count[after].append(host)
        # Counts change by one, so the highest does too.
        if before == self._most and before not in self._by_count:
            self._most = after
        self._most = max(self._most, after)
