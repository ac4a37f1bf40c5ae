"""The peer's state file."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.errors import P2pfsError, StartupProblem, StorageProblem
from p2pfs.hashing import Hash
from p2pfs.peer.library.database import Database, row
from p2pfs.peer.library.library import Holding
from p2pfs.peer.library.orders import Order, order_row
from p2pfs.peer.storage import Disk, Stamp
from tests.peer.holdings import described

INFO, HASHES = described(bytes(range(100)), 30, Hash.BLAKE3)
SHARE = Holding("d/f", INFO, HASHES, ChunkSet.full(4), Path("/x/f"), Stamp(100, 12345678901234567))
PARTIAL = Holding(
    "partial",
    INFO,
    HASHES,
    ChunkSet.of(4, [0, 3]),
    Path("/x/p.part"),
    None,
    Path("/x/p"),
)
SHA256, SHA256_HASHES = described(bytes(range(100)), 30, Hash.SHA256)
OLDER = Holding("older", SHA256, SHA256_HASHES, ChunkSet.full(4), Path("/x/o"), Stamp(100, 5))
ROOTLESS = Holding("rootless", FileInfo(0, 0), HashList(0), ChunkSet(0), Path("/x/0"), Stamp(0, 0))


def fields(holding: Holding) -> tuple[Any, ...]:
    """All that is durable of a holding."""
    return (row(holding), holding.info, bytes(holding.hashes), holding.chunks, holding.stamp)


def stored(path: Path, *holdings: Holding) -> Database:
    """A database with holdings on record."""
    database = Database(Disk(), path)
    database.write([row(holding) for holding in holdings], [])
    return database


@pytest.mark.parametrize(
    "holding", [SHARE, PARTIAL, OLDER, ROOTLESS, replace(PARTIAL, stamp=Stamp(100, 4, 5))]
)
def test_a_holding_comes_back_as_it_was(tmp_path: Path, holding: Holding) -> None:
    """A restarted peer knows exactly what it knew: a share, an unfinished one, an empty one.

    Each with its hash.
    """
    stored(tmp_path / "db", holding).close()
    again = Database(Disk(), tmp_path / "db")
    (loaded,) = again.load()
    again.close()
    assert fields(loaded) == fields(holding)
    assert loaded.hashes.root == holding.hashes.root
    assert (loaded.path, loaded.target, loaded.is_share) == (
        holding.path,
        holding.target,
        holding.is_share,
    )


def test_a_path_that_is_no_unicode_comes_back(tmp_path: Path) -> None:
    """Paths are bytes on this system, and are kept as such."""
    odd = replace(
        SHARE,
        path=Path(os.fsdecode(b"/x/caf\xe9\nf")),
        target=Path(os.fsdecode(b"/y/\xff")),
    )
    database = stored(tmp_path / "db", odd)
    (loaded,) = database.load()
    assert os.fsencode(loaded.path) == b"/x/caf\xe9\nf"
    assert loaded.target is not None
    assert os.fsencode(loaded.target) == b"/y/\xff"
    database.close()


def test_writing_replaces_and_deletes_by_name(tmp_path: Path) -> None:
    """One record a name; a deleted one is gone; the others stay; they come in order."""
    database = stored(tmp_path / "db", SHARE, PARTIAL, ROOTLESS)
    database.write([row(replace(PARTIAL, target=None))], ["d/f", "never there"])
    loaded = database.load()
    assert [(h.name, h.is_share) for h in loaded] == [("partial", True), ("rootless", True)]
    database.close()


def test_a_failed_write_changes_nothing(tmp_path: Path) -> None:
    """A commit is whole or not at all."""
    database = stored(tmp_path / "db", SHARE)
    bad = list(row(PARTIAL))
    bad[1] = None
    with pytest.raises(StorageProblem, match="cannot be written"):
        database.write([row(ROOTLESS), bad], ["d/f"])
    assert [holding.name for holding in database.load()] == ["d/f"]
    database.close()


def test_the_state_file_is_private(tmp_path: Path) -> None:
    """What a user shares and where it lies is nobody else's business."""
    stored(tmp_path / "db", SHARE)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.parametrize("version", [3, 99])
def test_another_version_is_refused_and_left_alone(tmp_path: Path, version: int) -> None:
    """A state file of a later p2pfs is not overwritten by an older one, nor the other way round."""
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = (tmp_path / "db").read_bytes()
    with pytest.raises(StartupProblem, match=r"another version.*--state"):
        Database(Disk(), tmp_path / "db")
    assert (tmp_path / "db").read_bytes() == before


@pytest.mark.parametrize("content", ["nothing", "no table"])
def test_an_empty_state_file_is_damage(tmp_path: Path, content: str) -> None:
    """It is not taken for a new one, with all shares gone without a word."""
    path = tmp_path / "db"
    path.touch()
    if content == "no table":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
        assert path.stat().st_size
    before = path.read_bytes()
    with pytest.raises(StartupProblem, match=r"is damaged .* move it away"):
        Database(Disk(), path)
    assert path.read_bytes() == before


def test_a_crash_while_it_is_made_is_no_damage(tmp_path: Path) -> None:
    """It gets its name when it is complete; what is left of an attempt is of no account."""

    class Crash(Exception):
        """The process ends."""

    class Crashing(Disk):
        def replace(self, source: Path, target: Path) -> None:
            raise Crash

    with pytest.raises(Crash):
        Database(Crashing(), tmp_path / "db")
    (tmp_path / "db.new").write_bytes(b"")
    database = Database(Disk(), tmp_path / "db")
    assert database.load() == []
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """Garbage in the place of the state file is a sentence."""
    (tmp_path / "db").write_bytes(os.urandom(5000))
    with pytest.raises(StartupProblem, match="cannot be used"):
        Database(Disk(), tmp_path / "db")
    with pytest.raises(StartupProblem, match="cannot be used"):
        Database(Disk(), tmp_path)


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    """A file damaged in the middle fails as a whole, with advice."""
    many = [replace(SHARE, name=f"f{number}") for number in range(300)]
    stored(tmp_path / "db", *many).close()
    raw = bytearray((tmp_path / "db").read_bytes())
    raw[4096 * 2 :] = b"\xa5" * (len(raw) - 4096 * 2)
    (tmp_path / "db").write_bytes(raw)
    with pytest.raises(P2pfsError, match=r"damaged|cannot be used"):
        Database(Disk(), tmp_path / "db").load()


def spoilt(path: Path, column: str, value: object) -> Database:
    """A database one field of which is wrong."""
    stored(path, SHARE).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"UPDATE holdings SET {column} = ?", (value,))
    connection.close()
    return Database(Disk(), path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "../../etc/passwd"),
        ("name", "e\u0301"),
        ("filesize", -1),
        ("filesize", 10**6),
        ("chunksize", 20),
        ("chunksize", 1 << 40),
        ("root", "xyz"),
        ("chunks", b""),
        ("chunks", b"\xff"),
        ("digests", b"short"),
        ("root", 5),
        ("chunks", "text"),
    ],
)
def test_a_record_that_contradicts_itself_is_damage(
    tmp_path: Path, column: str, value: object
) -> None:
    """What comes from the disk is checked as what comes from the network."""
    database = spoilt(tmp_path / "db", column, value)
    with pytest.raises(StorageProblem, match="damaged"):
        database.load()
    database.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [("chunksize", 0), ("chunksize", "x"), ("filesize", b"x")],
)
def test_a_record_of_the_wrong_kind_is_damage(tmp_path: Path, column: str, value: object) -> None:
    """SQLite stores any kind in any column: a wrong one is damage, not a traceback."""
    database = spoilt(tmp_path / "db", column, value)
    try:
        with pytest.raises(StorageProblem, match="damaged"):
            database.load()
    finally:
        database.close()


WRITER = """
import sys, pathlib
from dataclasses import replace
from p2pfs.peer.library.database import Database, row
from p2pfs.peer.storage import Disk
from tests.peer.library.test_database import SHARE
database = Database(Disk(), pathlib.Path(sys.argv[1]))
for number in range(10**6):
    database.write([row(replace(SHARE, name=f"{number:07}"))], [])
    print(number, flush=True)
"""


def test_what_was_committed_survives_sigkill(tmp_path: Path) -> None:
    """A peer killed at any moment has every record it was told is durable, and no damage."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "db")], stdout=subprocess.PIPE, text=True
    )
    with writer:
        assert writer.stdout is not None
        for _ in range(25):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        last = max([last, *map(int, writer.stdout.read().split())])
    database = Database(Disk(), tmp_path / "db")
    names = [holding.name for holding in database.load()]
    database.close()
    assert len(names) in (last + 1, last + 2)
    assert names == [f"{number:07}" for number in range(len(names))]


def test_limits_come_back_as_they_were_set_last(tmp_path: Path) -> None:
    """Also into a state file from before there were any; and damage of them keeps no peer away."""
    stored(tmp_path / "db", SHARE).close()
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("DROP TABLE limits")
    connection.close()
    database = Database(Disk(), tmp_path / "db")
    assert database.load_limits() == ({}, [])
    database.write_limit("upload", 5000)
    database.write_limit("download", 7000)
    database.write_limit("upload", None)
    database.close()
    database = Database(Disk(), tmp_path / "db")
    assert database.load_limits() == ({"upload": None, "download": 7000}, [])
    assert [holding.name for holding in database.load()] == ["d/f"]
    database.close()
    with pytest.raises(StorageProblem, match="cannot be written"):
        database.write_limit("upload", 1)
    found, [amiss] = database.load_limits()
    assert found == {}
    assert amiss.endswith("set it with 'limit' once more.")


ORDERS = [
    Order("z", Path("/x/z")),
    Order("a/", Path("/x"), True, True, "ann", 1000, 100),
    Order("m", Path(os.fsdecode(b"/x/\xff"))),
]


def with_orders(path: Path) -> Database:
    """A database with orders on record."""
    database = Database(Disk(), path)
    database.write([], [], [order_row(order) for order in ORDERS])
    return database


def test_orders_come_back_in_the_order_of_asking(tmp_path: Path) -> None:
    """Those that ended do not; one that is recorded again comes last."""
    database = with_orders(tmp_path / "db")
    assert database.load_orders() == (ORDERS, [])
    database.write([], [], [order_row(ORDERS[0])], ["m", "never there"])
    assert database.load_orders() == ([ORDERS[1], ORDERS[0]], [])
    database.close()


def test_a_state_file_without_orders_goes_on_working(tmp_path: Path) -> None:
    """As those are that were made before there were any."""
    stored(tmp_path / "db", SHARE).close()
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("DROP TABLE orders")
    connection.close()
    database = Database(Disk(), tmp_path / "db")
    assert [holding.name for holding in database.load()] == ["d/f"]
    assert database.load_orders() == ([], [])
    database.write([], [], [order_row(ORDERS[0])])
    assert database.load_orders() == ([ORDERS[0]], [])
    database.close()


@pytest.mark.parametrize(
    "damage", ["name = X'FF'", "target = 'f'", "uid = 'root'", "who = X'00FF', wait_for = 'x'"]
)
def test_a_damaged_order_is_told_once_and_forgotten(tmp_path: Path, damage: str) -> None:
    """The others are there, whatever became of it."""
    with_orders(tmp_path / "db").close()
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute(f"UPDATE orders SET {damage} WHERE name = 'a/'")
    connection.commit()
    connection.close()
    database = Database(Disk(), tmp_path / "db")
    found, [amiss] = database.load_orders()
    assert found == [ORDERS[0], ORDERS[2]]
    assert "damaged" in amiss
    assert "'download' once more" in amiss
    assert database.load_orders() == (found, [])
    database.close()


def test_a_damaged_table_of_orders_is_begun_anew(tmp_path: Path) -> None:
    """Or else nothing could be put on record any more."""
    stored(tmp_path / "db", SHARE).close()
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("DROP TABLE orders")
    connection.execute("CREATE TABLE orders (something TEXT)")
    connection.close()
    database = Database(Disk(), tmp_path / "db")
    found, [amiss] = database.load_orders()
    assert found == []
    assert "damaged" in amiss
    database.write([row(PARTIAL)], [], [order_row(ORDERS[0])])
    assert database.load_orders() == ([ORDERS[0]], [])
    assert len(database.load()) == 2
    database.close()
