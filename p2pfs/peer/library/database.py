"""The peer's durable state: its holdings, and what it was asked to download, in SQLite.

Everything here blocks, and belongs into a thread; the methods may be called
from any.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import InvalidName, P2pfsError, StartupProblem, StorageProblem
from p2pfs.membership import of_record
from p2pfs.names import check_filename
from p2pfs.peer.library import limits, orders, signatures
from p2pfs.peer.library.library import Holding
from p2pfs.peer.storage import Disk, Stamp

_SCHEMA_VERSION = 4
_SCHEMA = """
CREATE TABLE holdings (
    name TEXT PRIMARY KEY,
    path BLOB NOT NULL,
    target BLOB,
    filesize INTEGER NOT NULL,
    chunksize INTEGER NOT NULL,
    root TEXT,
    hash TEXT,
    chunks BLOB NOT NULL,
    digests BLOB NOT NULL,
    stamp_size INTEGER,
    stamp_modified_ns INTEGER,
    stamp_changed_ns INTEGER,
    identity INTEGER
)
"""
_ASK = "ask for what is not there with 'download' once more."
Row = Sequence[Any]
# What values of a kind that no record has can lead to.
_WRONG_KIND = (ValueError, TypeError, ArithmeticError)


class Database:
    """The state file of one peer. A commit is on the disk when it returns."""

    def __init__(self, disk: Disk, path: Path) -> None:
        """Open or create it; raises `StartupProblem` when it is unusable."""
        self._lock = Lock()
        self._path = path
        try:
            if not os.path.lexists(path):
                _create(disk, path)
            self._connection = disk.database(path)
            os.chmod(path, 0o600)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version != _SCHEMA_VERSION:
                self._connection.close()
                raise _not_ours(path, version)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute(limits.TABLE)
            self._connection.execute(orders.TABLE)
            self._connection.execute(signatures.TABLE)
        except (sqlite3.Error, OSError) as error:
            raise StartupProblem(
                f"The state file {path} cannot be used ({error}); mend its permissions, or move "
                "it away and publish again."
            ) from None

    def load(self) -> list[Holding]:
        """All holdings on record; raises `StorageProblem` when the file is damaged."""
        try:
            with self._lock:
                rows = self._connection.execute(signatures.SELECT).fetchall()
            return [_holding(row) for row in rows]
        except (sqlite3.Error, P2pfsError, *_WRONG_KIND) as error:
            raise StorageProblem(
                f"The state file {self._path} is damaged ({error}); move it away and publish again."
            ) from None

    def load_orders(self) -> tuple[list[orders.Order], list[str]]:
        """The downloads that were asked for, first come first, and what is amiss, in words.

        What cannot be read is forgotten: it keeps no peer from its start.
        """
        found, damaged, amiss = list[orders.Order](), list[int](), list[str]()
        try:
            with self._lock, self._connection:
                for number, *row in self._connection.execute(orders.SELECT).fetchall():
                    try:
                        found.append(orders.order_of(row))
                    except StorageProblem as error:
                        damaged.append(number)
                        amiss.append(f"The record of a download is damaged ({error}); {_ASK}")
                for number in damaged:
                    self._connection.execute("DELETE FROM orders WHERE rowid = ?", (number,))
        except sqlite3.Error as error:
            amiss.append(f"The record of downloads is damaged ({error}); {_ASK}")
            self._begin_orders_anew()
        return found, amiss

    def _begin_orders_anew(self) -> None:
        """Lest nothing could be put on record any more, not even holdings."""
        with suppress(sqlite3.Error), self._lock, self._connection:
            self._connection.execute("DROP TABLE orders")
            self._connection.execute(orders.TABLE)

    def write(
        self,
        saved: Sequence[Row],
        deleted: Sequence[str],
        ordered: Iterable[Row] = (),
        ended: Iterable[str] = (),
    ) -> None:
        """Record holdings, given as `row` makes them, and forget others, in one commit.

        In the same one, record orders, given as `orders.order_row` makes them, and forget those
        that ended. Raises `StorageProblem` when that is not possible.
        """
        marks = ", ".join("?" * 13)
        try:
            with self._lock, self._connection:
                self._connection.executemany(
                    f"INSERT OR REPLACE INTO holdings VALUES ({marks})",
                    (record[:-1] for record in saved),
                )
                self._connection.executemany(
                    "DELETE FROM holdings WHERE name = ?", ((name,) for name in deleted)
                )
                unsigned = (record[0] for record in saved if record[-1] is None)
                self._connection.executemany(
                    signatures.DELETE, ((name,) for name in (*deleted, *unsigned))
                )
                self._connection.executemany(
                    signatures.INSERT, (record[-1] for record in saved if record[-1] is not None)
                )
                self._connection.executemany(orders.INSERT, ordered)
                self._connection.executemany(orders.DELETE, ((name,) for name in ended))
        except sqlite3.Error as error:
            raise _not_written(self._path, error) from None

    def load_limits(self) -> tuple[dict[str, int | None], list[str]]:
        """The limits, in bytes a second by direction (None is no limit), and what is amiss.

        What cannot be read is no limit on record: it keeps no peer from its start.
        """
        try:
            with self._lock:
                return limits.limits_of(self._connection.execute(limits.SELECT).fetchall())
        except sqlite3.Error as error:
            return {}, [f"The record of limits is damaged ({error}); {limits.SET_AGAIN}"]

    def write_limit(self, direction: str, rate: int | None) -> None:
        """Record a limit; raises `StorageProblem` when that is not possible."""
        try:
            with self._lock, self._connection:
                self._connection.execute(limits.INSERT, (direction, rate))
        except sqlite3.Error as error:
            raise _not_written(self._path, error) from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _create(disk: Disk, path: Path) -> None:
    """Make an empty state file, all of it at once: one without its table is damaged."""
    fresh = path.with_name(path.name + ".new")
    disk.unlink(fresh)
    connection = disk.database(fresh)
    try:
        os.chmod(fresh, 0o600)
        with connection:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    finally:
        connection.close()
    disk.replace(fresh, path)
    disk.sync_directory(path.parent)


def _not_written(path: Path, error: sqlite3.Error) -> StorageProblem:
    return StorageProblem(
        f"The state file {path} cannot be written ({error}); make room on its disk."
    )


def _not_ours(path: Path, version: int) -> StartupProblem:
    """The error for a state file that does not bear this version."""
    if version == 0:
        return StartupProblem(
            f"The state file {path} is damaged (there is nothing in it); move it away and publish "
            "again."
        )
    return StartupProblem(f"{path} was written by another version of p2pfs; give another --state.")


def row(holding: Holding) -> Row:
    """A snapshot of a holding, to be taken in the reactor's thread and saved in another."""
    return (
        holding.name,
        os.fsencode(holding.path),
        None if holding.target is None else os.fsencode(holding.target),
        holding.info.filesize,
        holding.info.chunksize,
        holding.info.root,
        holding.info.hash,
        holding.chunks.to_bitfield(),
        bytes(holding.hashes),
        *(holding.stamp or (None, None, None)),
        holding.identity,
        signatures.signature_row(holding),
    )


def _holding(row: Row) -> Holding:
    name, path, target, filesize, chunksize, root, hash, chunks, digests, *rest = row
    *stamp, identity, signature = rest
    info = FileInfo(filesize, -(-filesize // chunksize), chunksize, root, hash)
    try:
        check_filename(name)
    except InvalidName as error:
        raise StorageProblem(str(error)) from None
    return Holding(
        name,
        info,
        info.hash_list(digests),
        ChunkSet.from_bitfield(info.totalchunknum, chunks),
        Path(os.fsdecode(path)),
        None if stamp[0] is None else Stamp(*stamp),
        None if target is None else Path(os.fsdecode(target)),
        identity=identity,
        signature=of_record(signature),
    )
