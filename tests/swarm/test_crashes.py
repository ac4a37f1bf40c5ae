"""What crashes, and what then: peers and trackers that vanish, restart, and come back."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.chunks import ChunkSet, HashList
from p2pfs.errors import (
    AlreadyExists,
    Cancelled,
    DownloadFailed,
    NotFound,
    P2pfsError,
    StorageProblem,
    TrackerUnavailable,
)
from p2pfs.peer.database import Database, row
from p2pfs.peer.disk import Disk
from p2pfs.peer.hashing import FileHasher, copy_chunks
from p2pfs.peer.recorder import journal_path
from p2pfs.peer.salvage import Salvaged, salvage
from p2pfs.peer.service import JOURNALS, STATE_FILE
from p2pfs.peer.storage import PartFile
from tests.swarm.harness import (
    MIB,
    Swarm,
    download,
    publish,
    random_bytes,
    run,
    sha256,
    until,
)


def holders(swarm: Swarm, name: str) -> set[str]:
    """The addresses of the holders of a file, none when it is not listed."""
    directory = swarm.tracker.directory
    return set(directory[name].holders) if name in directory else set()


@ensureDeferred
async def test_a_source_dies_midway(swarm: Swarm) -> None:
    """The download goes on with the other source; the tracker forgets the dead one at once."""
    first, second, fetcher = [await swarm.peer(name) for name in ("s1", "s2", "f")]
    path = swarm.file("x.bin", 96 * MIB)
    await publish(first, path)
    await publish(second, path)
    address = first.uplink.address
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    await swarm.stop(first)
    assert job.done < 96 * MIB
    result = await fetched
    assert sha256(swarm.directory / "copy") == sha256(path)
    assert len(result.sources) == 2
    await until(lambda: address not in holders(swarm, "x.bin"))


@ensureDeferred
async def test_what_nobody_holds_is_delisted(swarm: Swarm) -> None:
    """The last holder's end is the end of the listing."""
    source, other = await swarm.peer("s"), await swarm.peer("o")
    await publish(source, swarm.file("x.bin", 10))
    await swarm.stop(source)
    await until(lambda: "x.bin" not in swarm.tracker.directory)
    assert await run(other, "list_file") == []


@ensureDeferred
async def test_the_tracker_dies_midway_and_a_blank_one_becomes_whole(swarm: Swarm) -> None:
    """Transfers go on without a tracker; peers return by themselves and say what they hold."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    path = swarm.file("x.bin", 96 * MIB)
    await publish(source, path)
    await publish(source, swarm.file("y.bin", 10))
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 4 * MIB)
    await swarm.stop(swarm.tracker)
    await until(lambda: not source.uplink.joined and not fetcher.uplink.joined)
    await fetched
    assert sha256(swarm.directory / "copy") == sha256(path)
    with pytest.raises(TrackerUnavailable, match="tried again by itself"):
        await run(fetcher, "list_file")
    tracker = swarm.start_tracker()
    await until(lambda: len(holders(swarm, "x.bin")) == 2 and len(holders(swarm, "y.bin")) == 1)
    assert all(chunks.whole for chunks in tracker.directory["x.bin"].holders.values())


@ensureDeferred
async def test_a_returning_tracker_learns_of_part_files(swarm: Swarm) -> None:
    """A peer with part of a file lists it, although nobody has it whole."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    path = swarm.file("x.bin", 64 * MIB)
    await publish(source, path)
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 4 * MIB)
    job.cancel()
    with pytest.raises(P2pfsError):
        await fetched
    await until(lambda: not fetcher.downloads.jobs)
    await swarm.stop(source)
    await swarm.stop(swarm.tracker)
    tracker = swarm.start_tracker()
    await until(lambda: "x.bin" in tracker.directory)
    assert list(tracker.directory["x.bin"].holders.values()) == [fetcher.library["x.bin"].chunks]


@ensureDeferred
async def test_connect_goes_to_another_tracker_at_once(swarm: Swarm) -> None:
    """`connect` leaves the present tracker; when the new one does not answer, it stays."""
    peer = await swarm.peer("p")
    await publish(peer, swarm.file("x.bin", 10))
    old = swarm.tracker
    swarm.port = 0
    swarm.directory = swarm.directory / "second"
    new = swarm.start_tracker()
    with pytest.raises(TrackerUnavailable, match=r"No tracker is reachable at tcp:127\.0\.0\.1:1 "):
        await run(peer, "connect 127.0.0.1 1")
    assert peer.uplink.joined
    assert "x.bin" in old.directory
    await run(peer, f"connect 127.0.0.1 {swarm.port}")
    await until(lambda: "x.bin" in new.directory and "x.bin" not in old.directory)
    assert old.factory.joined == {}


@ensureDeferred
async def test_a_peer_without_a_tracker_says_so(swarm: Swarm) -> None:
    """`--tracker none` waits for `connect`."""
    peer = swarm.start_peer("p", tracker="none")
    with pytest.raises(TrackerUnavailable, match="'connect <trackerip> <trackerport>'"):
        await run(peer, "list_file")
    await run(peer, f"connect 127.0.0.1 {swarm.port}")
    assert await run(peer, "list_file") == []


@ensureDeferred
async def test_the_consoles_start_opens_a_tracker(swarm: Swarm) -> None:
    """`--listen none` waits for `start`, which may be given several times."""
    from p2pfs.console.tracker_commands import tracker_commands

    await swarm.stop(swarm.tracker)
    tracker = swarm.start_tracker(listen=["none"])
    commands = tracker_commands(tracker)
    for number in range(2):
        answer = await commands.run(commands.parse_line("start 127.0.0.1 0"), lambda _: None)
        swarm.port = int(answer.data["listening"].rpartition(":")[2])
        await swarm.peer(f"p{number}")
    assert len(tracker.factory.joined) == 2


@ensureDeferred
async def test_a_restarted_peer_shares_again_without_hashing(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged files are not read again; a changed one is, and a deleted one is dropped."""
    peer = await swarm.peer("p")
    same, changed, gone = [swarm.file(name, 2 * MIB) for name in ("same", "changed", "gone")]
    for path in (same, changed, gone):
        await publish(peer, path)
    await swarm.stop(peer)
    swarm.file("changed", 3 * MIB, seed=9)
    gone.unlink()
    hashed: list[str] = []

    class Watched(FileHasher):
        def __init__(self, disk: Disk, path: Path, smallest_chunk: int) -> None:
            hashed.append(path.name)
            super().__init__(disk, path, smallest_chunk)

    monkeypatch.setattr("p2pfs.peer.publishing.FileHasher", Watched)
    peer = await swarm.peer("p")
    await until(lambda: set(swarm.tracker.directory) == {"same", "changed"})
    assert hashed == ["changed"]
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
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "copy")
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
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    await swarm.stop(fetcher)
    with pytest.raises(P2pfsError):
        await fetched
    part = swarm.directory / "copy.part"
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
    again = await download(fetcher, "x.bin", swarm.directory / "copy")
    assert sum(again.sources.values()) == 64 * MIB
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
@pytest.mark.parametrize("how", ["changed", "deleted"])
async def test_a_changed_share_is_noticed_before_wrong_bytes_go_out(swarm: Swarm, how: str) -> None:
    """The first request finds out; the file is unpublished, and nothing wrong was sent."""
    source, fetcher = await swarm.peer("s", watch_interval=3600.0), await swarm.peer("f")
    path = swarm.file("x.bin", 2 * MIB)
    await publish(source, path)
    if how == "changed":
        data = bytearray(path.read_bytes())
        data[MIB] ^= 1
        path.write_bytes(data)
    else:
        path.unlink()
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "copy")
    with pytest.raises(DownloadFailed):
        await fetched
    assert job.done == 0
    assert source.serving.uploaded == 0
    assert source.library.get("x.bin") is None
    assert "x.bin" not in swarm.tracker.directory


@ensureDeferred
async def test_a_deleted_share_is_noticed_without_a_request(swarm: Swarm) -> None:
    """The peer looks after its shares from time to time."""
    source = await swarm.peer("s", watch_interval=0.05)
    path = swarm.file("x.bin", 10)
    await publish(source, path)
    assert "x.bin" in swarm.tracker.directory
    path.unlink()
    await until(lambda: "x.bin" not in swarm.tracker.directory)


@ensureDeferred
async def test_a_target_directory_that_vanishes(swarm: Swarm) -> None:
    """That download ends with a clear error; the peer lives on."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 64 * MIB))
    (swarm.directory / "into").mkdir()
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "into" / "copy")
    await until(lambda: job.done)
    shutil.rmtree(swarm.directory / "into")
    with pytest.raises(StorageProblem, match="it is not there"):
        await fetched
    await download(fetcher, "x.bin", swarm.directory / "copy")


@ensureDeferred
async def test_a_peer_with_nothing_but_its_name_left(swarm: Swarm) -> None:
    """A tracker lets a peer take its own place when its old connection has not ended yet."""
    source = await swarm.peer("s")
    await publish(source, swarm.file("x.bin", 10))
    address = source.uplink.address
    old = swarm.tracker.factory.joined[address]
    await run(source, f"connect 127.0.0.1 {swarm.port}")
    assert swarm.tracker.factory.joined[address] is not old
    await until(lambda: holders(swarm, "x.bin") == {address})
    await until(lambda: len(swarm.tracker.factory.connections) == 1)


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


@ensureDeferred
@pytest.mark.parametrize("seconds", [60.0, 0.01])
async def test_a_record_that_cannot_be_kept_ends_the_download(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Rather than to wait for ever for room to write, it says what is wrong.

    Whether it was to be recorded because of the bytes that came, or of the time.
    """
    monkeypatch.setattr("p2pfs.peer.recorder.SYNC_SECONDS", seconds)
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 96 * MIB))

    def refuse(self: PartFile) -> None:
        raise StorageProblem("The disk is gone.")

    monkeypatch.setattr(PartFile, "sync", refuse)
    with pytest.raises(StorageProblem, match="The disk is gone"):
        await download(fetcher, "x.bin", swarm.directory / "copy")
    assert fetcher.downloads.jobs == []


@ensureDeferred
async def test_chunks_of_a_part_file_that_is_gone_are_withdrawn(swarm: Swarm) -> None:
    """The tracker does not send others to this peer for what it has no more."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 64 * MIB))
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    job.cancel()
    with pytest.raises(P2pfsError):
        await fetched
    await until(lambda: not fetcher.downloads.jobs and len(holders(swarm, "x.bin")) == 2)
    (swarm.directory / "copy.part").unlink()
    (swarm.directory / "other").write_bytes(b"in the way")
    with pytest.raises(P2pfsError, match="use --overwrite"):
        await download(fetcher, "x.bin", swarm.directory / "other")
    await until(lambda: holders(swarm, "x.bin") == {source.uplink.address})


def unrecord_the_end(state: Path, name: str, hashes_known: bool) -> Path:
    """Leave what SIGKILL leaves between a file's final name and its record; the part's path."""
    database = Database(Disk(), state / STATE_FILE)
    [done] = [holding for holding in database.load() if holding.name == name]
    total = done.info.totalchunknum
    part = done.path.with_name(done.path.name + ".part")
    hashes = done.hashes if hashes_known else HashList(total)
    before = replace(
        done, chunks=ChunkSet(total), hashes=hashes, stamp=None, path=part, target=done.path
    )
    database.write([row(before)], [])
    database.close()
    journal_path(state / JOURNALS, name).write_bytes(b"what was verified")
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
    with pytest.raises(AlreadyExists, match="exists; use --overwrite"):
        await download(fetcher, "x.bin", copy)
    await until(lambda: len(holders(swarm, "x.bin")) == 2)
    assert fetcher.library["x.bin"].is_share
    assert not part.exists()
    journal = journal_path(swarm.directory / "f" / JOURNALS, "x.bin")
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
    assert not fetcher.library["x.bin"].is_share
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
    job, fetched = fetcher.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 8 * MIB)
    job.cancel()
    with pytest.raises(P2pfsError):
        await fetched
    await until(lambda: not fetcher.downloads.jobs)
    await swarm.stop(fetcher)
    os.utime(swarm.directory / "copy.part")  # so that it is checked
    given_up = Event()

    def check_late(*arguments: Any) -> Salvaged:
        given_up.wait(20)
        return salvage(*arguments)

    monkeypatch.setattr("p2pfs.peer.custodian.salvage", check_late)
    fetcher = await swarm.peer("f")
    holding = fetcher.library["x.bin"]
    await run(fetcher, "unpublish x.bin")
    given_up.set()
    await fetcher.custodian.check_unfinished(holding)
    with pytest.raises(NotFound):
        await run(fetcher, "unpublish x.bin")
    await until(lambda: holders(swarm, "x.bin") == {source.uplink.address})
    await swarm.stop(fetcher)
    database = Database(Disk(), swarm.directory / "f" / STATE_FILE)
    assert database.load() == []
    database.close()


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
        patched.setattr("p2pfs.peer.downloads.copy_chunks", copy_late)
        job, fetched = peer.downloads.start("x.bin", swarm.directory / "copy")
        await until(lambda: job.phase.startswith("copying"))
        assert job.part_path.exists()
        job.cancel()
        with pytest.raises(Cancelled):
            await fetched
    assert not job.part_path.exists()
    await download(peer, "x.bin", swarm.directory / "copy")
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
async def test_a_publish_that_cannot_be_recorded_is_none(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the next publish takes it for recorded, and a restart forgets it."""
    peer = await swarm.peer("p")
    path = swarm.file("x.bin", 10)

    def refuse(self: Database, saved: Any, deleted: Any) -> None:
        raise StorageProblem("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", refuse)
        with pytest.raises(StorageProblem, match="The disk is full"):
            await publish(peer, path)
    assert len(peer.library) == 0
    await publish(peer, path)
    await swarm.stop(peer)
    await swarm.peer("p")
    await until(lambda: "x.bin" in swarm.tracker.directory)
