"""Who is let in when a listening side is full: who does nothing makes room, then hosts share.

For a newcomer, a connection makes room that has been idle for `IDLE` seconds, whose it may
be. When there is none, many connections of one host do not keep others out: the idlest
connection of the host that has the most makes room, as long as that host has
more than the newcomer's would.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, TypeVar

C = TypeVar("C", bound=Hashable)

IDLE = 10.0
"""Seconds after which a connection that did nothing of use makes room for any newcomer."""


class _Host(Generic[C]):
    """The connections of one host, idlest first: those that may go first, and the others."""

    __slots__ = ("settled", "strangers")

    def __init__(self) -> None:
        self.strangers: OrderedDict[C, None] = OrderedDict()
        self.settled: OrderedDict[C, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self.strangers) + len(self.settled)


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
        self._host_of: dict[C, str] = {}
        # The hosts by how many connections they have; and the highest such number.
        self._by_count: dict[int, OrderedDict[str, None]] = {}
        self._most = 0
        # When each last did something of use. The heap has the number of each once, at that
        # time or earlier, and numbers of those that are gone.
        self._active_at: dict[C, float] = {}
        self._looks: list[tuple[float, int]] = []
        self._numbers: dict[C, int] = {}
        self._numbered: dict[int, C] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._host_of)

    def __contains__(self, connection: object) -> bool:
        return connection in self._host_of

    def has_room(self, host: str, now: float) -> bool:
        """Whether a newcomer of that host may come in, be it at another's expense."""
        if len(self._host_of) < self._limit or self._idle(now) is not None:
            return True
        mine = len(self._hosts[host]) if host in self._hosts else 0
        return self._most > mine + 1

    def add(self, host: str, connection: C, now: float) -> tuple[C, str] | None:
        """Count a newcomer for whom there `has_room`; returns who is to be closed, of which host.

        The connection returned is not counted any more.
        """
        evicted = None
        if len(self._host_of) >= self._limit:
            victim = self._idle(now)
            if victim is None:
                record = self._hosts[next(iter(self._by_count[self._most]))]
                victim = next(iter(record.strangers or record.settled))
            evicted = victim, self._host_of[victim]
            self.remove(victim)
        record = self._hosts.setdefault(host, _Host())
        record.strangers[connection] = None
        self._host_of[connection] = host
        self._recount(host, len(record) - 1, len(record))
        self._active_at[connection] = now
        self._number += 1
        self._numbers[connection] = self._number
        self._numbered[self._number] = connection
        heappush(self._looks, (now, self._number))
        return evicted

    def touch(self, connection: C, now: float) -> None:
        """A connection did something of use: it becomes the last of its host to be closed."""
        host = self._host_of.get(connection)
        if host is None:
            return
        self._active_at[connection] = now
        record = self._hosts[host]
        if len(record) > 1:
            kind = record.strangers if connection in record.strangers else record.settled
            kind.move_to_end(connection)

    def settle(self, connection: C) -> None:
        """Have a connection go only after all of its host that have not settled."""
        host = self._host_of.get(connection)
        if host is not None and self._hosts[host].strangers.pop(connection, True) is None:
            self._hosts[host].settled[connection] = None

    def unsettle(self, connection: C) -> None:
        """Undo a `settle`: it may go first again, but after those of its host that may already."""
        host = self._host_of.get(connection)
        if host is not None and self._hosts[host].settled.pop(connection, True) is None:
            self._hosts[host].strangers[connection] = None

    def remove(self, connection: C) -> None:
        """Count a connection no more; nothing happens if it is not counted."""
        host = self._host_of.pop(connection, None)
        if host is None:
            return
        del self._active_at[connection], self._numbered[self._numbers.pop(connection)]
        if len(self._looks) > 2 * len(self._active_at) + self._limit:
            self._looks = [look for look in self._looks if look[1] in self._numbered]
            heapify(self._looks)
        record = self._hosts[host]
        kind = record.strangers if connection in record.strangers else record.settled
        del kind[connection]
        if not len(record):
            del self._hosts[host]
        self._recount(host, len(record) + 1, len(record))

    def _idle(self, now: float) -> C | None:
        """The connection that has been idle longest, if that is long enough."""
        while self._looks:
            seen, number = self._looks[0]
            connection = self._numbered.get(number)
            if connection is None:
                heappop(self._looks)
            elif (active_at := self._active_at[connection]) > seen:
                heapreplace(self._looks, (active_at, number))
            elif now - active_at < IDLE:
                return None
            elif self._is_settled(connection) or self._in_use(connection):
                # Looked at again only when it may have become idle since.
                self._active_at[connection] = now
                heapreplace(self._looks, (now, number))
            else:
                return connection
        return None

    def _is_settled(self, connection: C) -> bool:
        return connection in self._hosts[self._host_of[connection]].settled

    def _recount(self, host: str, before: int, after: int) -> None:
        if before:
            hosts = self._by_count[before]
            del hosts[host]
            if not hosts:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, OrderedDict())[host] = None
        # Counts change by one, so the highest does too.
        self._most = after if before == self._most and before not in self._by_count else self._most
        self._most = max(self._most, after)
