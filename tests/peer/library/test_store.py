"""The durable record, written in a thread."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from p2pfs.chunks import ChunkSet
from p2pfs.errors import StorageProblem
from p2pfs.peer.library.database import Database
from p2pfs.peer.library.library import Holding
from p2pfs.peer.library.orders import Order
from p2pfs.peer.library.store import LibraryStore
from p2pfs.peer.storage import Disk
from p2pfs.testing.inline import InlineReactor
from tests.peer.holdings import shared


@pytest.fixture
def holding(tmp_path: Path) -> Holding:
    """A share to record."""
    return shared(tmp_path / "f", bytes(10), 4)


def names(path: Path) -> list[str]:
    """What is on record, read from the file."""
    database = Database(Disk(), path)
    try:
        return [holding.name for holding in database.load()]
    finally:
        database.close()


def opened(clock: InlineReactor, path: Path) -> LibraryStore:
    """A store ready to write, whose threads wait until told to run."""
    records = LibraryStore(clock, Disk(), path)
    Deferred.fromCoroutine(records.open())
    clock.held = True
    return records


def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[str]]]:
    """The names saved and deleted by each commit from now on."""
    commits: list[tuple[list[str], list[str]]] = []
    real = Database.write

    def write(self: Database, saved: Any, deleted: Any, *orders: Any) -> None:
        commits.append(([str(record[0]) for record in saved], list(deleted)))
        real(self, saved, deleted, *orders)

    monkeypatch.setattr(Database, "write", write)
    return commits


@ensureDeferred
async def test_a_change_is_durable_when_its_deferred_fires(
    tmp_path: Path, holding: Holding
) -> None:
    """With real threads: saved, seen by another connection; deleted, gone."""
    records = LibraryStore(reactor, Disk(), tmp_path / "db")
    assert records.load().holdings == []
    await records.open()
    await records.save(holding)
    assert names(tmp_path / "db") == ["f"]
    await records.delete("f")
    assert names(tmp_path / "db") == []
    await records.close()


def test_changes_gather_while_a_commit_is_written(
    tmp_path: Path, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first change is written alone, all that came meanwhile in one commit, in order."""
    clock = InlineReactor()
    records = opened(clock, tmp_path / "db")
    commits = counted(monkeypatch)
    done: list[str] = []
    for name in ("a", "b", "c"):
        records.save(replace(holding, name=name)).addCallback(
            lambda _, name=name: done.append(name)
        )
    records.delete("b").addCallback(lambda _: done.append("not b"))
    records.delete("a").addCallback(lambda _: done.append("not a"))
    assert len(clock.jobs) == 1
    clock.run_job()
    assert done == ["a"]
    clock.release()
    assert done == ["a", "b", "c", "not b", "not a"]
    assert commits == [(["a"], []), (["c"], ["b", "a"])]
    assert names(tmp_path / "db") == ["c"]
    Deferred.fromCoroutine(records.close())


def test_the_last_change_of_a_name_wins(tmp_path: Path, holding: Holding) -> None:
    """Deleted and saved again, or the other way round, within one commit."""
    clock = InlineReactor()
    records = opened(clock, tmp_path / "db")
    for step in (records.delete, lambda name: records.save(replace(holding, name=name))):
        step("again")
    records.save(replace(holding, name="gone"))
    records.delete("gone")
    clock.release()
    assert names(tmp_path / "db") == ["again"]
    Deferred.fromCoroutine(records.close())


def test_a_snapshot_is_taken_at_once(tmp_path: Path, holding: Holding) -> None:
    """What changes after `save` is not in that record: it may not be true on the disk yet."""
    clock = InlineReactor()
    records = opened(clock, tmp_path / "db")
    holding.chunks = ChunkSet.of(3, [1])
    records.save(holding)
    holding.chunks.add(2)
    clock.release()
    (loaded,) = LibraryStore(clock, Disk(), tmp_path / "db").load().holdings
    assert list(loaded.chunks) == [1]
    Deferred.fromCoroutine(records.close())


def test_orders_are_recorded_beside_holdings(tmp_path: Path, holding: Holding) -> None:
    """In the same commits; one that has ended is forgotten, one of the same name comes last."""
    clock = InlineReactor()
    records = opened(clock, tmp_path / "db")
    records.save(holding)
    first, second = Order("f", tmp_path / "f"), Order("g/", tmp_path)
    for order in (first, second, Order("gone", tmp_path / "gone"), first):
        records.save_order(order)
    ended = records.delete_order("gone")
    assert len(clock.jobs) == 1
    clock.release()
    assert ended.called
    assert names(tmp_path / "db") == ["f"]
    found = LibraryStore(clock, Disk(), tmp_path / "db").load()
    assert (found.orders, found.amiss) == ([second, first], [])
    Deferred.fromCoroutine(records.close())


def test_an_error_reaches_everybody_who_waits(tmp_path: Path, holding: Holding) -> None:
    """Each change of a failed commit fails; the next commit is tried nevertheless."""
    clock = InlineReactor()
    records = opened(clock, tmp_path / "db")
    other = sqlite3.connect(tmp_path / "db")
    other.execute("DROP TABLE holdings")
    other.close()
    waiting = [records.save(replace(holding, name=name)) for name in ("a", "b", "c")]
    waiting.append(records.delete("d"))
    clock.release()
    errors: list[str] = []
    for one in waiting:
        one.addErrback(lambda failure: errors.append(failure.getErrorMessage()))
    assert len(errors) == 4
    assert all("cannot be written" in error for error in errors)
    Deferred.fromCoroutine(records.close())


def test_closing_finishes_what_is_being_written(tmp_path: Path, holding: Holding) -> None:
    """A peer that stops loses nothing it was asked to record; later changes are refused."""
    clock = InlineReactor()
    records = opened(clock, tmp_path / "db")
    records.save(replace(holding, name="a"))
    records.save(replace(holding, name="b"))
    closed = Deferred.fromCoroutine(records.close())
    clock.run_job()
    assert not closed.called
    clock.run_job()
    assert closed.called
    assert names(tmp_path / "db") == ["a", "b"]
    late = records.save(holding)
    clock.release()
    late.addErrback(lambda failure: failure.trap(StorageProblem))


@ensureDeferred
async def test_many_changes_take_few_commits(
    tmp_path: Path, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishing a directory of a thousand files does not sync a thousand times."""
    commits = counted(monkeypatch)
    records = LibraryStore(reactor, Disk(), tmp_path / "db")
    await records.open()
    await gatherResults([records.save(replace(holding, name=f"{n}")) for n in range(1000)])
    assert len(commits) == 2
    assert len(names(tmp_path / "db")) == 1000
    await records.close()
