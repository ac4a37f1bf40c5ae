"""The record of a running download: it never says more than has reached the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.chunks import HashList
from p2pfs.errors import StorageProblem
from p2pfs.peer.library import Checkpointer, Holding, LibraryStore, checkpointer, journal_path
from p2pfs.peer.library.checkpointer import SYNC_SECONDS
from p2pfs.peer.storage import Disk, PartFile, read_journal
from p2pfs.testing.inline import InlineReactor
from tests.peer.holdings import content, described

CHUNK = 1000
DATA = content(5 * CHUNK)
INFO, HASHES = described(DATA, CHUNK)


class Scene:
    """A download whose chunks come from the test, with threads that run at once or when told."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.clock = InlineReactor()
        self.store = LibraryStore(self.clock, Disk(), place / "db")
        Deferred.fromCoroutine(self.store.open())
        path = place / ".part"
        self.holding = Holding.begun("f", INFO, HashList(5, bytes(HASHES)), path, place / "f")
        self.part = PartFile.create(Disk(), path, INFO.filesize)
        self.holding.opened(self.part, self.part.identity)
        self.journals = place / "unfinished"
        self.checkpointer = Checkpointer(
            self.clock, Disk(), self.store, self.journals, self.holding, self.part
        )
        self.room: list[bool] = []
        self.broken: list[Failure] = []
        self.checkpointer.serve(self)
        Deferred.fromCoroutine(self.checkpointer.start())

    def go_on(self) -> None:
        """What the checkpointer tells its download."""
        self.room.append(self.checkpointer.room(0))

    def crashed(self, failure: Failure) -> None:
        """The same."""
        self.broken.append(failure)

    def keep(self, *chunknums: int) -> None:
        """Have these chunks come."""
        for chunknum in chunknums:
            digest = HASHES[chunknum]
            assert digest is not None
            self.part.write(chunknum * CHUNK, [DATA[chunknum * CHUNK :][:CHUNK]])
            self.holding.kept(chunknum, digest)
            self.checkpointer.kept(chunknum)

    @property
    def on_record(self) -> list[list[int]]:
        """The chunks of each holding that is."""
        return [list(holding.chunks) for holding in self.store.load().holdings]

    @property
    def journal(self) -> Path:
        return journal_path(self.journals, self.holding.path)

    def close(self) -> None:
        self.clock.release()
        Deferred.fromCoroutine(self.checkpointer.stop())
        self.part.end_journal()
        self.part.close()
        Deferred.fromCoroutine(self.store.close())
        assert not self.clock.getDelayedCalls()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """See there."""
    scene = Scene(tmp_path)
    yield scene
    scene.close()


def test_what_is_verified_is_in_the_journal_at_once_and_soon_on_record(scene: Scene) -> None:
    """The journal outlives the process, the record also the power."""
    scene.keep(0, 3)
    traces = read_journal(scene.journal, 5)
    assert traces is not None
    assert list(traces.chunks) == [0, 3]
    assert scene.on_record == []
    scene.clock.advance(SYNC_SECONDS)
    assert scene.on_record == [[0, 3]]


def test_what_comes_while_the_disk_works_is_in_the_next_record(scene: Scene) -> None:
    """It may not have reached the disk with the others."""
    scene.keep(0)
    scene.clock.held = True
    scene.clock.advance(SYNC_SECONDS)
    assert scene.checkpointer.syncing
    scene.keep(1)
    scene.clock.release()
    assert scene.on_record == [[0]]
    assert scene.checkpointer.unsynced == CHUNK
    scene.clock.advance(SYNC_SECONDS)
    assert scene.on_record == [[0, 1]]


def test_much_is_put_on_record_without_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quick download would else have more to read again after a crash."""
    monkeypatch.setattr(checkpointer, "SYNC_BYTES", 2 * CHUNK)
    scene.keep(0)
    assert scene.on_record == []
    scene.keep(1)
    assert scene.on_record == [[0, 1]]


def test_there_is_room_for_so_much_that_is_not_on_record(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way counts; one chunk may be asked for in any case, however large."""
    monkeypatch.setattr(checkpointer, "UNSYNCED_LIMIT", 2 * CHUNK)
    assert scene.checkpointer.room(0)
    assert scene.checkpointer.room(CHUNK)
    assert not scene.checkpointer.room(2 * CHUNK)
    scene.keep(0, 1)
    assert not scene.checkpointer.room(0)
    scene.clock.advance(SYNC_SECONDS)
    assert scene.room == [True]
    monkeypatch.setattr(checkpointer, "UNSYNCED_LIMIT", CHUNK // 2)
    assert scene.checkpointer.room(0)


def test_a_stop_waits_for_the_record_under_way(scene: Scene) -> None:
    """And nothing is recorded after it."""
    scene.keep(0)
    scene.clock.held = True
    scene.clock.advance(SYNC_SECONDS)
    stopped = Deferred.fromCoroutine(scene.checkpointer.stop())
    assert not stopped.called
    scene.clock.release()
    assert stopped.called
    scene.keep(1)
    scene.clock.advance(10 * SYNC_SECONDS)
    assert scene.on_record == [[0]]


def test_what_is_left_bears_its_stamp_and_no_journal(scene: Scene) -> None:
    """So it is gone on with without a look into it."""
    scene.keep(0)
    Deferred.fromCoroutine(scene.checkpointer.stop())
    Deferred.fromCoroutine(scene.checkpointer.settle())
    [left] = scene.store.load().holdings
    assert left.stamp is not None
    assert left.stamp.matches(scene.holding.path.stat())
    assert not scene.journal.exists()


def test_what_somebody_else_wrote_to_is_left_without_a_stamp(scene: Scene) -> None:
    """So all of it is checked before it is gone on with."""
    scene.keep(0)
    with scene.holding.path.open("r+b") as file:
        file.write(b"?")
    Deferred.fromCoroutine(scene.checkpointer.stop())
    Deferred.fromCoroutine(scene.checkpointer.settle())
    [left] = scene.store.load().holdings
    assert left.stamp is None


def test_a_record_that_cannot_be_kept_is_told(scene: Scene) -> None:
    """Its download ends with that: what it has would be lost with the process."""
    Deferred.fromCoroutine(scene.store.close())
    scene.keep(0)
    scene.clock.advance(SYNC_SECONDS)
    [failure] = scene.broken
    assert failure.check(StorageProblem)


def test_it_goes_on_after_a_check(scene: Scene) -> None:
    """With what is right, also on record, and a journal that says so."""
    scene.keep(0, 1)
    scene.clock.advance(SYNC_SECONDS)
    Deferred.fromCoroutine(scene.checkpointer.stop())
    scene.holding.mended(scene.holding.chunks.of(5, [1]))
    Deferred.fromCoroutine(scene.checkpointer.begin_anew())
    assert scene.on_record == [[1]]
    scene.keep(4)
    traces = read_journal(scene.journal, 5)
    assert traces is not None
    assert list(traces.chunks) == [1, 4]
    scene.clock.advance(SYNC_SECONDS)
    assert scene.on_record == [[1, 4]]
