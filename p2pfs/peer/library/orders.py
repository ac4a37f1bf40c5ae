"""Downloads that were asked for, and how they stand on record until they have ended."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2pfs.errors import InvalidName, StorageProblem
from p2pfs.names import check_filename

TABLE = """
CREATE TABLE IF NOT EXISTS orders (
    name TEXT PRIMARY KEY,
    target BLOB NOT NULL,
    overwrite INTEGER NOT NULL,
    wait_for INTEGER NOT NULL,
    who TEXT NOT NULL,
    uid INTEGER,
    gid INTEGER,
    guest INTEGER NOT NULL
)
"""
"""SQL that makes the table of orders, if it is not there; its rows are in the order of asking."""

SELECT = """
SELECT rowid, CAST(name AS BLOB), target, overwrite, wait_for, CAST(who AS BLOB), uid, gid,
    guest
FROM orders ORDER BY rowid
"""
"""SQL for what `order_of` reads, each behind its row's number; text may be no UTF-8 by now."""

INSERT = "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
"""SQL that records what `order_row` makes, behind all others."""

DELETE = "DELETE FROM orders WHERE name = ?"
"""SQL that forgets one, by its name."""

_NOBODY = (1 << 32) - 1
"""The number that the system gives to no user; those of users are below."""


@dataclass(frozen=True)
class Order:
    """A download that somebody asked for.

    ``target`` is the absolute path that the file is to have. A ``name`` that ends in ``/``
    stands for all files below it, and ``target`` is the directory that they go to.
    """

    name: str
    target: Path
    overwrite: bool = False
    """Whether what exists there is replaced."""
    wait_for: bool = False
    """Whether it waits for somebody to publish the name, if need be."""
    who: str = ""
    """Who asked for it, in words."""
    uid: int | None = None
    """The user and the group to whom the files are to be given, if that is known."""
    gid: int | None = None
    is_guest: bool = False
    """Whether they may have nothing written but where they may write themselves."""

    @property
    def is_tree(self) -> bool:
        """True for all files below a name."""
        return self.name.endswith("/")


def check_order_name(name: str) -> str:
    """Return a name that can be asked for, of a file or with ``/`` behind it; or `InvalidName`."""
    check_filename(name.removesuffix("/"))
    return name


def order_row(order: Order) -> Sequence[Any]:
    """An order, as it is put on record."""
    return (
        order.name,
        os.fsencode(order.target),
        int(order.overwrite),
        int(order.wait_for),
        order.who,
        order.uid,
        order.gid,
        int(order.is_guest),
    )


def order_of(row: Sequence[Any]) -> Order:
    """The order that is on record as this row; raises `StorageProblem` when it is none."""
    name, target, overwrite, wait_for, who, uid, gid, guest = row
    if not (isinstance(name, bytes) and isinstance(target, bytes) and isinstance(who, bytes)):
        raise StorageProblem("a name or a path is missing")
    if not all(isinstance(value, int) for value in (overwrite, wait_for, guest)):
        raise StorageProblem("a switch is no number")
    if not all(value is None or isinstance(value, int) for value in (uid, gid)):
        raise StorageProblem("a user is no number")
    if not all(value is None or 0 <= value < _NOBODY for value in (uid, gid)):
        raise StorageProblem("a user is none")
    path = Path(os.fsdecode(target))
    if not path.is_absolute() or b"\0" in target:
        raise StorageProblem("its path is none")
    try:
        text = check_order_name(name.decode())
    except (InvalidName, UnicodeDecodeError):
        raise StorageProblem("its name is none") from None
    asked_by = who.decode(errors="replace")
    return Order(text, path, bool(overwrite), bool(wait_for), asked_by, uid, gid, bool(guest))
