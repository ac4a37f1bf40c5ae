"""A download as its parts see it: what they tell it has its effect, and none after the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from p2pfs.chunks import ChunkSet
from p2pfs.errors import StorageProblem
from p2pfs.peer.downloading.running import RunningDownload
from tests.conftest import LoggedFailures
from tests.peer.download_scene import CHUNK, Scene, Scenes, address

Patch = pytest.MonkeyPatch


def test_what_nobody_can_help_ends_it(scene: Scenes, logged_failures: LoggedFailures) -> None:
    """The disk's fault is told to the user; a defect is logged as well."""
    for error, logged in ((StorageProblem("no disk"), 0), (ZeroDivisionError(), 1)):
        one = scene()
        one.start()
        running: RunningDownload = one.download
        running.crashed(Failure(error))
        running.crashed(Failure(StorageProblem("later")))
        assert one.outcome[0].value is error
        assert len(logged_failures.flush()) == logged


def test_it_does_not_end_before_what_is_under_way(scene: Scenes) -> None:
    """Something may be writing to its part file."""
    one = scene()
    one.start()
    ended: list[Any] = []
    writing: Deferred[None] = Deferred(lambda _: ended.append("cancelled"))
    slow: Deferred[None] = Deferred()
    # As a chain that waits for the last write after it was cancelled.
    one.download.follow(writing.addErrback(lambda failure: slow))
    one.download.cancel()
    assert ended == ["cancelled"]
    assert not one.outcome
    slow.callback(None)
    one.outcome[0].trap(CancelledError)


def test_a_chain_that_ends_makes_room_for_the_next(scene: Scenes) -> None:
    """Whatever became possible meanwhile is asked for then."""
    one = scene()
    one.reachable = {address(1)}
    one.download.start(one.named(address(1), chunks=ChunkSet(4)))
    chain: Deferred[None] = Deferred()
    one.download.follow(chain)
    source = one.source(address(1))
    source.chunks = 0b1111
    one.download._source_set.connector.tell_picker(source)
    assert not one.download._in_flight.chunks
    chain.callback(None)
    assert len(one.download._in_flight.chunks) == 1


def waiting_for_its_record(scene: Scenes, directory: Path, monkeypatch: Patch) -> Scene:
    """A download that has as much unrecorded as it may; its record is about to be written."""
    for limit in ("UNSYNCED_LIMIT", "SYNC_BYTES"):
        monkeypatch.setattr(f"p2pfs.peer.library.checkpointer.{limit}", 2 * CHUNK)
    one = scene(records=directory)
    one.reachable = {address(1)}
    one.proven(address(1), address(1))
    one.start(address(1))
    first, second = one.download._in_flight.chunks
    one.send(address(1), first)
    one.clock.held = True
    one.send(address(1), second)
    assert one.clock.run_job(), "the chunk is written"
    assert len(one.holding.chunks) == 2
    assert not one.download._in_flight.chunks
    return one


def test_it_goes_on_once_its_record_has_room(
    scene: Scenes, tmp_path: Path, monkeypatch: Patch
) -> None:
    """At once, and not at the next heartbeat."""
    one = waiting_for_its_record(scene, tmp_path, monkeypatch)
    one.clock.release()
    assert len(one.download._in_flight.chunks) == 2


def test_it_ends_when_its_record_cannot_be_kept(
    scene: Scenes, tmp_path: Path, monkeypatch: Patch
) -> None:
    """Else a crash could cost all of it."""
    one = waiting_for_its_record(scene, tmp_path, monkeypatch)
    assert one.store is not None
    Deferred.fromCoroutine(one.store.close())
    one.clock.release()
    one.outcome[0].trap(StorageProblem)


def test_nothing_is_asked_for_after_the_end(scene: Scenes) -> None:
    """Though parts may still say that there is room."""
    one = scene()
    one.reachable = {address(1)}
    one.start(address(1))
    one.download.cancel()
    one.sources[address(1)].take()
    one.download.go_on()
    assert one.sources[address(1)].heard() == []
