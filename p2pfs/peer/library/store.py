"""The peer's durable record, written in a thread: several changes in one commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import StorageProblem
from p2pfs.peer.library.database import Database, Row, row
from p2pfs.peer.library.library import Holding
from p2pfs.peer.library.orders import Order, order_row
from p2pfs.peer.storage import Disk
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread
from p2pfs.waiters import Waiters

_log = Logger()


@dataclass
class _Changes:
    """What is to be written, by name; None for what is to be forgotten."""

    holdings: dict[str, Row | None] = field(default_factory=dict)
    orders: dict[str, Row | None] = field(default_factory=dict)


class OnRecord(NamedTuple):
    """What a peer finds on record at its start.

    ``orders`` are the downloads that were asked for and have not ended, ``limits`` those that
    were set last, in bytes a second by direction, and ``amiss`` what could not be read, in words.
    """

    holdings: list[Holding]
    orders: list[Order]
    limits: dict[str, int | None]
    amiss: list[str]


class LibraryStore:
    """Saves and forgets holdings, and orders; each Deferred fires once that is durable.

    While one commit is written, further changes gather for the next.
    """

    def __init__(self, reactor: ThreadedReactor, disk: Disk, path: Path) -> None:
        self._reactor = reactor
        self._disk = disk
        self._path = path
        self._database: Database | None = None
        self._changes = _Changes()
        self._waiting: Waiters[None] = Waiters()
        self._writing = False
        self._idle: Waiters[None] = Waiters()

    def load(self) -> OnRecord:
        """What is on record; blocks, and is for the time before the reactor runs.

        Raises `StartupProblem` when the state file is unusable, and
        `StorageProblem` when it is damaged.
        """
        database = Database(self._disk, self._path)
        try:
            holdings, orders, limits = (
                database.load(),
                database.load_orders(),
                database.load_limits(),
            )
        finally:
            # SQLite's connections must not be carried into the background by a fork.
            database.close()
        return OnRecord(holdings, orders[0], limits[0], [*orders[1], *limits[1]])

    async def open(self) -> None:
        """Get ready to write."""
        self._database = await in_thread(self._reactor, Database, self._disk, self._path)

    def save(self, holding: Holding) -> Deferred[None]:
        """Record a holding as it is now."""
        return self._change(self._changes.holdings, holding.name, row(holding))

    def delete(self, name: str) -> Deferred[None]:
        """Forget a holding."""
        return self._change(self._changes.holdings, name, None)

    def save_order(self, order: Order) -> Deferred[None]:
        """Record a download that was asked for, behind all others."""
        return self._change(self._changes.orders, order.name, order_row(order))

    def delete_order(self, name: str) -> Deferred[None]:
        """Forget a download that was asked for: it has ended."""
        return self._change(self._changes.orders, name, None)

    async def save_limit(self, direction: str, rate: int | None) -> None:
        """Record a limit; raises `StorageProblem` when that is not possible."""
        if self._database is None:
            raise StorageProblem("The state file is closed; start the peer again.")
        await in_thread(self._reactor, self._database.write_limit, direction, rate)

    async def close(self) -> None:
        """Finish what is being written, and close the state file."""
        if self._writing:
            await self._idle.wait()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _change(
        self, changes: dict[str, Row | None], name: str, record: Row | None
    ) -> Deferred[None]:
        changes.pop(name, None)  # what is recorded anew comes last
        changes[name] = record
        done = self._waiting.wait()
        if not self._writing:
            self._write()
        return done

    def _write(self) -> None:
        self._writing = True
        changes, self._changes = self._changes, _Changes()
        waiting, self._waiting = self._waiting, Waiters()
        job = in_thread(self._reactor, self._commit, changes)
        job.addBoth(self._written, waiting)

    def _commit(self, changes: _Changes) -> None:
        """Runs in a thread, one at a time."""
        if self._database is None:
            raise StorageProblem("The state file is closed; start the peer again.")
        self._database.write(*_parted(changes.holdings), *_parted(changes.orders))

    def _written(self, result: Failure | None, waiting: Waiters[None]) -> None:
        self._writing = False
        if self._changes.holdings or self._changes.orders:
            self._write()
        if isinstance(result, Failure):
            waiting.fail(result)
        else:
            waiting.fire(None)
        if not self._writing:
            self._idle.fire(None)


def _parted(changes: dict[str, Row | None]) -> tuple[list[Row], list[str]]:
    """The records to be written, and the names to be forgotten."""
    return (
        [record for record in changes.values() if record is not None],
        [name for name, record in changes.items() if record is None],
    )


def warn_not_recorded(failure: Failure) -> None:
    """An errback for records that can do without: what cannot be written is logged."""
    failure.trap(StorageProblem)
    _log.warn("{error}", error=str(failure.value))
