"""By whom what a peer holds is signed, on record."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

from p2pfs.identity import PeerKey
from p2pfs.membership.signature import sign
from p2pfs.peer.library.database import Database, row
from p2pfs.peer.library.library import Holding
from p2pfs.peer.storage import Disk
from tests.peer.library.test_database import INFO, PARTIAL, SHARE, stored

KEY = PeerKey.from_seed(bytes(32))
SIGNED = replace(SHARE, signature=sign(KEY, SHARE.name, INFO, 7))
PART = replace(PARTIAL, signature=sign(KEY, PARTIAL.name, INFO, 8, (b"chain", b"above")))


def loaded(database: Database) -> dict[str, Holding]:
    return {holding.name: holding for holding in database.load()}


def test_it_comes_back_with_what_it_signs(tmp_path: Path) -> None:
    """A share goes on being whose it is; an unfinished download goes on by the same word."""
    database = stored(tmp_path / "db", SIGNED, PART)
    database.close()
    again = Database(Disk(), tmp_path / "db")
    found = loaded(again)
    assert found[SHARE.name].signature == SIGNED.signature
    assert found[PARTIAL.name].signature == PART.signature
    # Another takes its place, or none does; and what is held no more leaves none behind.
    newer = replace(SIGNED, signature=sign(KEY, SHARE.name, INFO, 9))
    again.write([row(newer)], [PARTIAL.name])
    assert loaded(again)[SHARE.name].signature == newer.signature
    again.write([row(SHARE), row(PARTIAL)], [])
    assert [holding.signature for holding in again.load()] == [None, None]
    again.close()


def test_what_was_written_before_there_were_signatures_is_read(tmp_path: Path) -> None:
    """After an update a peer has its shares; nobody has signed them yet."""
    stored(tmp_path / "db", SIGNED).close()
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("DROP TABLE signatures")
    again = Database(Disk(), tmp_path / "db")
    assert loaded(again)[SHARE.name].signature is None
    again.write([row(SIGNED)], [])
    assert loaded(again)[SHARE.name].signature == SIGNED.signature
    again.close()


def test_what_is_damaged_or_of_another_content_is_none(tmp_path: Path) -> None:
    """An earlier version may have changed a share meanwhile, and left its signature."""
    stored(tmp_path / "db", SIGNED, PART).close()
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("UPDATE signatures SET signature = x'00' WHERE name = ?", (SHARE.name,))
        connection.execute("UPDATE holdings SET root = ? WHERE name = 'partial'", ("00" * 32,))
    again = Database(Disk(), tmp_path / "db")
    assert {holding.signature for holding in again.load()} == {None}
    again.close()
