"""What a peer finds again after a crash or a stop, and what it does not take at its word."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.chunks import ChunkSet, HashList
from p2pfs.errors import (
    AlreadyExists,
    NotFound,
    P2pfsError,
    StorageProblem,
)
from p2pfs.hashing import Hash
from p2pfs.peer.library import journal_path, recheck
from p2pfs.peer.library.database import Database, row
from p2pfs.peer.library.rechecking import Rechecked
from p2pfs.peer.peer import JOURNALS, STATE_FILE
from p2pfs.peer.storage import Disk, FileHasher, part_name
from tests.swarm.harness import (
    MIB,
    Swarm,
    download,
    holders,
    part_file,
    publish,
    random_bytes,
    run,
    sha256,
    until,
)


@ensureDeferred
async def test_a_restarted_peer_shares_again_without_hashing(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged files are not read again; a changed one is, and a deleted one is withheld."""
    peer = await swarm.peer("p")
    same, changed, gone = [swarm.file(name, 2 * MIB) for name in ("same", "changed", "gone")]
    for path in (same, changed, gone):
        await publish(peer, path)
    await swarm.stop(peer)
    swarm.file("changed", 3 * MIB, seed=9)
    gone.unlink()
    hashed: list[str] = []

    class Watched(FileHasher):
        def __init__(self, disk: Disk, path: Path, function: Hash, smallest_chunk: int) -> None:
            hashed.append(path.name)
            super().__init__(disk, path, function, smallest_chunk)

    monkeypatch.setattr("p2pfs.peer.sharing.publishing.FileHasher", Watched)
    peer = await swarm.peer("p")
    await until(lambda: set(swarm.tracker.tracker.directory) == {"same", "changed"})
    assert hashed == ["changed"]
    assert [holding.name for holding in peer.peer.library if holding.withheld] == ["gone"]
    fetcher = await swarm.peer("f")
    for path in (same, changed):
        await download(fetcher, path.name, swarm.directory / f"{path.name}.copy")
        assert sha256(swarm.directory / f"{path.name}.copy") == sha256(path)


@ensureDeferred
async def test_a_restarted_peer_goes_on_with_an_unfinished_download(swarm: Swarm) -> None:
    """After a restart what was fetched is served, and only the rest is fetched."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    path = swarm.file("x.bin", 64 * MIB)
    await publish(source, path)
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    await swarm.stop(fetcher)
    with pytest.raises(P2pfsError):
        await fetched
    kept = job.done
    assert kept < 64 * MIB
    fetcher = await swarm.peer("f")
    await until(lambda: len(holders(swarm, "x.bin")) == 2)
    again = await download(fetcher, "x.bin", swarm.directory / "copy")
    assert sum(again.sources.values()) == 64 * MIB - kept
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
@pytest.mark.parametrize("how", ["flipped", "truncated", "deleted"])
async def test_a_part_file_that_was_tampered_with(swarm: Swarm, how: str) -> None:
    """What is not as it was left is noticed after a restart, and fetched again."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    path = swarm.file("x.bin", 64 * MIB)
    await publish(source, path)
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    await swarm.stop(fetcher)
    with pytest.raises(P2pfsError):
        await fetched
    part = part_file(swarm.directory)
    if how == "flipped":
        data = bytearray(part.read_bytes())
        for chunknum in range(64):
            data[chunknum * MIB] ^= 1
        part.write_bytes(data)
    elif how == "truncated":
        os.truncate(part, 0)
    else:
        part.unlink()
    fetcher = await swarm.peer("f")
    if how == "deleted":  # its disk may not be mounted
        with pytest.raises(StorageProblem, match="unpublish it to begin anew"):
            await download(fetcher, "x.bin", swarm.directory / "copy")
        await run(fetcher, "unpublish x.bin")
    again = await download(fetcher, "x.bin", swarm.directory / "copy")
    assert sum(again.sources.values()) == 64 * MIB
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
async def test_a_peer_with_nothing_but_its_name_left(swarm: Swarm) -> None:
    """A tracker lets a peer take its own place when its old connection has not ended yet."""
    source = await swarm.peer("s")
    await publish(source, swarm.file("x.bin", 10))
    address = source.peer.announcer.address
    old = swarm.tracker.tracker.factory.joined[address]
    await run(source, f"connect 127.0.0.1 {swarm.port}")
    assert swarm.tracker.tracker.factory.joined[address] is not old
    await until(lambda: holders(swarm, "x.bin") == {address})
    await until(lambda: len(swarm.tracker.tracker.factory.connections) == 1)


@ensureDeferred
async def test_tiny_random_files_survive(swarm: Swarm) -> None:
    """Sizes around the chunk size come out to the byte."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    for size in (1, MIB - 1, MIB, MIB + 1, 2 * MIB):
        path = swarm.directory / f"f{size}"
        path.write_bytes(random_bytes(size, seed=size))
        await publish(source, path)
        await download(fetcher, path.name, swarm.directory / f"{size}.copy")
        assert sha256(swarm.directory / f"{size}.copy") == sha256(path)


def unrecord_the_end(state: Path, name: str, hashes_known: bool) -> Path:
    """Leave what SIGKILL leaves between a file's final name and its record; the part's path."""
    database = Database(Disk(), state / STATE_FILE)
    [done] = [holding for holding in database.load() if holding.name == name]
    total = done.info.totalchunknum
    part = done.path.with_name(part_name(Random(1)))
    hashes = done.hashes if hashes_known else HashList(total)
    before = replace(
        done, chunks=ChunkSet(total), hashes=hashes, stamp=None, path=part, target=done.path
    )
    database.write([row(before)], [])
    database.close()
    journal_path(state / JOURNALS, part).write_bytes(b"what was verified")
    return part


@ensureDeferred
@pytest.mark.parametrize("size", [0, 5, 3 * MIB])
@pytest.mark.parametrize("linked", [False, True])
async def test_a_crash_before_the_end_is_on_record(swarm: Swarm, size: int, linked: bool) -> None:
    """The file under its final name is found right and shared; it is not fetched again."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", size))
    copy = swarm.directory / "copy"
    await download(fetcher, "x.bin", copy)
    await swarm.stop(fetcher)
    part = unrecord_the_end(swarm.directory / "f", "x.bin", hashes_known=size > MIB)
    if linked:  # the crash came between the new name and the end of the old one
        part.hardlink_to(copy)
    fetcher = await swarm.peer("f")
    assert (await download(fetcher, "x.bin", copy)).already_there
    await until(lambda: len(holders(swarm, "x.bin")) == 2)
    assert fetcher.peer.library["x.bin"].is_share
    assert not part.exists()
    journal = journal_path(swarm.directory / "f" / JOURNALS, part)
    await until(lambda: not journal.exists())
    await swarm.stop(source)
    other = await swarm.peer("o")
    await download(other, "x.bin", swarm.directory / "other")
    assert sha256(swarm.directory / "other") == sha256(copy)
    await swarm.stop(fetcher)
    database = Database(Disk(), swarm.directory / "f" / STATE_FILE)
    assert [holding.is_share for holding in database.load()] == [True]
    database.close()


@ensureDeferred
async def test_another_file_at_the_final_name_is_no_share(swarm: Swarm) -> None:
    """What lies there with the right size but wrong content is neither shared nor touched."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 3 * MIB))
    copy = swarm.directory / "copy"
    await download(fetcher, "x.bin", copy)
    await swarm.stop(fetcher)
    unrecord_the_end(swarm.directory / "f", "x.bin", hashes_known=True)
    copy.write_bytes(random_bytes(3 * MIB, seed=2))
    fetcher = await swarm.peer("f")
    with pytest.raises(AlreadyExists):
        await download(fetcher, "x.bin", copy)
    assert fetcher.peer.library.get("x.bin") is None
    assert copy.read_bytes() == random_bytes(3 * MIB, seed=2)
    await download(fetcher, "x.bin", copy, overwrite=True)
    assert sha256(copy) == sha256(swarm.directory / "x.bin")


@ensureDeferred
async def test_an_unfinished_download_given_up_while_it_is_checked(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the check does not bring it back, neither on record nor at the tracker."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 64 * MIB))
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    job.cancel()
    with pytest.raises(P2pfsError):
        await fetched
    await until(lambda: not fetcher.peer.downloads.jobs)
    await swarm.stop(fetcher)
    os.utime(part_file(swarm.directory))  # so that it is checked
    given_up = Event()

    def check_late(*arguments: Any) -> Rechecked:
        given_up.wait(20)
        return recheck(*arguments)

    monkeypatch.setattr("p2pfs.peer.sharing.share_watcher.recheck", check_late)
    fetcher = await swarm.peer("f")
    holding = fetcher.peer.library["x.bin"]
    await run(fetcher, "unpublish x.bin")
    given_up.set()
    await fetcher.peer.share_watcher.check_unfinished(holding)
    with pytest.raises(NotFound):
        await run(fetcher, "unpublish x.bin")
    await until(lambda: holders(swarm, "x.bin") == {source.peer.announcer.address})
    await swarm.stop(fetcher)
    database = Database(Disk(), swarm.directory / "f" / STATE_FILE)
    assert database.load() == []
    database.close()
