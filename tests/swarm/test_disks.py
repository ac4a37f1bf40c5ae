"""Files that change or vanish underneath, and disks that refuse: said in words, nothing is left."""

from __future__ import annotations

import os
import shutil
from threading import Event
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.chunks import ChunkSet
from p2pfs.errors import (
    Cancelled,
    DownloadFailed,
    P2pfsError,
    StorageProblem,
)
from p2pfs.peer.library.database import Database
from p2pfs.peer.storage import PartFile, copy_chunks
from tests.swarm.harness import (
    MIB,
    Swarm,
    download,
    has_part_files,
    holders,
    part_file,
    publish,
    run,
    sha256,
    until,
)


@ensureDeferred
@pytest.mark.parametrize("how", ["changed", "deleted"])
async def test_a_changed_share_is_noticed_before_wrong_bytes_go_out(swarm: Swarm, how: str) -> None:
    """The first request finds out; it is unpublished or withheld, and nothing wrong was sent."""
    source, fetcher = await swarm.peer("s", watch_interval=3600.0), await swarm.peer("f")
    path = swarm.file("x.bin", 2 * MIB)
    await publish(source, path)
    if how == "changed":
        data = bytearray(path.read_bytes())
        data[MIB] ^= 1
        path.write_bytes(data)
    else:
        path.unlink()
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    with pytest.raises(DownloadFailed):
        await fetched
    assert job.done == 0
    assert source.peer.serving.uploads.total == 0
    held = source.peer.library.get("x.bin")
    assert held is None if how == "changed" else held is not None and held.withheld is not None
    assert "x.bin" not in swarm.tracker.tracker.directory


@ensureDeferred
async def test_a_deleted_share_is_noticed_without_a_request(swarm: Swarm) -> None:
    """The peer looks after its shares from time to time."""
    source = await swarm.peer("s", watch_interval=0.05)
    path = swarm.file("x.bin", 10)
    await publish(source, path)
    assert "x.bin" in swarm.tracker.tracker.directory
    path.unlink()
    await until(lambda: "x.bin" not in swarm.tracker.tracker.directory)


@ensureDeferred
async def test_a_target_directory_that_vanishes(swarm: Swarm) -> None:
    """That download ends with a clear error; the peer lives on."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 64 * MIB))
    (swarm.directory / "into").mkdir()
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "into" / "copy")
    await until(lambda: job.done)
    shutil.rmtree(swarm.directory / "into")
    with pytest.raises(StorageProblem, match="was taken away while"):
        await fetched
    # It may be a disk that was pulled out: what came is not given up unasked.
    with pytest.raises(StorageProblem, match="unpublish it to begin anew"):
        await download(fetcher, "x.bin", swarm.directory / "copy")
    await run(fetcher, "unpublish x.bin")
    await download(fetcher, "x.bin", swarm.directory / "copy")


@ensureDeferred
@pytest.mark.parametrize("seconds", [60.0, 0.01])
async def test_a_record_that_cannot_be_kept_ends_the_download(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Rather than to wait for ever for room to write, it says what is wrong.

    Whether it was to be recorded because of the bytes that came, or of the time.
    """
    monkeypatch.setattr("p2pfs.peer.library.checkpointer.SYNC_SECONDS", seconds)
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 96 * MIB))

    def refuse(self: PartFile) -> None:
        raise StorageProblem("The disk is gone.")

    monkeypatch.setattr(PartFile, "sync", refuse)
    with pytest.raises(StorageProblem, match="The disk is gone"):
        await download(fetcher, "x.bin", swarm.directory / "copy")
    assert fetcher.peer.downloads.jobs == []


@ensureDeferred
async def test_chunks_of_a_part_file_that_is_gone_are_withdrawn(swarm: Swarm) -> None:
    """The tracker does not send others to this peer for what it has no more."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 64 * MIB))
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    job.cancel()
    with pytest.raises(P2pfsError):
        await fetched
    await until(lambda: not fetcher.peer.downloads.jobs and len(holders(swarm, "x.bin")) == 2)
    part_file(swarm.directory).unlink()
    (swarm.directory / "other").write_bytes(b"in the way")
    with pytest.raises(P2pfsError, match="use --overwrite"):
        await download(fetcher, "x.bin", swarm.directory / "other")
    await until(lambda: holders(swarm, "x.bin") == {source.peer.announcer.address})


@ensureDeferred
async def test_a_copy_of_an_own_share_that_is_cancelled(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No part file is left that nobody knows of; it would be in the way of the next attempt."""
    peer = await swarm.peer("p")
    path = swarm.file("x.bin", 3 * MIB)
    await publish(peer, path)

    def copy_late(*arguments: Any) -> ChunkSet:
        stop: Event = arguments[-1]
        stop.wait(20)
        return copy_chunks(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("p2pfs.peer.downloading.own_copy.copy_chunks", copy_late)
        job, fetched = peer.peer.downloads.start("x.bin", swarm.directory / "copy")
        await until(lambda: job.phase.startswith("copying"))
        assert has_part_files(swarm.directory)
        job.cancel()
        with pytest.raises(Cancelled):
            await fetched
    assert not has_part_files(swarm.directory)
    await download(peer, "x.bin", swarm.directory / "copy")
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
async def test_a_publish_that_cannot_be_recorded_is_none(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the next publish takes it for recorded, and a restart forgets it."""
    peer = await swarm.peer("p")
    path = swarm.file("x.bin", 10)

    def refuse(self: Database, *changes: Any) -> None:
        raise StorageProblem("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", refuse)
        with pytest.raises(StorageProblem, match="The disk is full"):
            await publish(peer, path)
    assert len(peer.peer.library) == 0
    await publish(peer, path)
    await swarm.stop(peer)
    await swarm.peer("p")
    await until(lambda: "x.bin" in swarm.tracker.tracker.directory)


@ensureDeferred
async def test_a_part_file_that_is_cut_short_while_it_is_written(swarm: Swarm) -> None:
    """By real threads and a real disk: what gets the final name is what was published."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    path = swarm.file("x.bin", 64 * MIB)
    await publish(source, path)
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    os.truncate(part_file(swarm.directory), 100)
    await fetched
    assert sha256(swarm.directory / "copy") == sha256(path)
    assert not has_part_files(swarm.directory)
