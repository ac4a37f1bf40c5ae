"""What survives a crash of a download, and what it takes to know what is right."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.errors import Cancelled
from p2pfs.peer.library import Holding, recheck
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.journal import FLUSH_NS, TICK_NS, Traces, read_journal
from p2pfs.peer.storage.part_file import PartFile, identity_at

CHUNK = 1000
TOTAL = 10


def chunk(number: int) -> bytes:
    """The right bytes of a chunk."""
    return bytes([number]) * CHUNK


class Crashed:
    """A download that ended without a word: part file, journal, and what was on record."""

    def __init__(self, directory: Path) -> None:
        hashes = HashList(TOTAL)
        for number in range(TOTAL):
            hashes[number] = hashlib.sha256(chunk(number)).digest()
        info = FileInfo(TOTAL * CHUNK, TOTAL, CHUNK, hashes.root)
        self.path = directory / "x.part"
        self.journal = directory / "x.journal"
        part = PartFile.create(Disk(), self.path, info.filesize)
        part.keep_journal(Disk(), self.journal, ChunkSet(TOTAL))
        assert part.journal is not None
        for number in range(6):
            part.write(number * CHUNK, [chunk(number)])
            part.journal.verified(number)
        self.part = part
        on_record = ChunkSet.of(TOTAL, range(4))
        self.holding = Holding("x", info, hashes, on_record, self.path, target=directory / "x")
        self.holding.identity = part.identity

    def close(self) -> None:
        """What the system does."""
        if self.part.journal is not None:
            self.part.journal.close()
        self.part.close()

    def recheck(self) -> tuple[list[int], int, int]:
        """The chunks that are right, how many were read again, how many of those wrong."""
        found = recheck(Disk(), self.holding, self.journal, Event())
        return list(found.chunks), found.checked, found.wrong


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[Crashed]:
    """Chunks 0 to 5 written and verified, 0 to 3 of them on record."""
    crashed = Crashed(tmp_path)
    yield crashed
    crashed.close()


def test_only_what_is_not_on_record_is_read_again(crashed: Crashed) -> None:
    """The journal adds two chunks, and explains the state of the part file."""
    assert crashed.recheck() == ([0, 1, 2, 3, 4, 5], 2, 0)


def test_a_changed_byte_has_everything_read_again(crashed: Crashed) -> None:
    """Although the chunk was on record, and the size is as it was."""
    with crashed.path.open("r+b") as file:
        file.seek(CHUNK)
        file.write(b"!")
    assert crashed.recheck() == ([0, 2, 3, 4, 5], 6, 1)


def test_what_our_own_write_hid_has_everything_read_again(crashed: Crashed) -> None:
    """The last write is ours, so the time of change says nothing: but the journal does."""
    with crashed.path.open("r+b") as file:
        file.seek(CHUNK)
        file.write(b"!")
    crashed.part.write(6 * CHUNK, [chunk(6)])
    assert crashed.recheck() == ([0, 2, 3, 4, 5], 6, 1)


@pytest.mark.parametrize("how", ["replaced", "linked", "emptied"])
def test_what_lies_there_is_the_part_file_only_with_proof(
    crashed: Crashed, tmp_path: Path, how: str
) -> None:
    """The same file, whatever is in it, or something right in it; no link is followed."""
    moved = crashed.path.rename(tmp_path / "moved")
    if how == "replaced":
        crashed.path.write_bytes(b"mine" * 10_000)
    elif how == "linked":
        crashed.path.symlink_to(moved)
    else:
        moved.rename(crashed.path)
        os.truncate(crashed.path, 0)
    found = recheck(Disk(), crashed.holding, crashed.journal, Event())
    assert not found.chunks.bits
    assert found.identity == (crashed.part.identity if how == "emptied" else None)


def test_a_part_file_that_was_copied_is_known_by_what_is_in_it(crashed: Crashed) -> None:
    """From one disk to another, for instance."""
    content = crashed.path.read_bytes()
    crashed.path.unlink()
    crashed.path.write_bytes(content)
    found = recheck(Disk(), crashed.holding, crashed.journal, Event())
    assert list(found.chunks) == [0, 1, 2, 3, 4, 5]
    assert found.identity == identity_at(Disk(), crashed.path)


def test_an_empty_file_where_none_is_on_record_yet(crashed: Crashed) -> None:
    """A crash may come before it is on record which file it is; nothing is in it then."""
    crashed.journal.unlink()
    os.truncate(crashed.path, 0)
    crashed.holding.identity, crashed.holding.chunks = None, ChunkSet(TOTAL)
    assert (
        recheck(Disk(), crashed.holding, crashed.journal, Event()).identity == crashed.part.identity
    )
    crashed.path.write_bytes(b"mine")
    assert recheck(Disk(), crashed.holding, crashed.journal, Event()).identity is None


def test_a_time_set_back_does_not_hide_a_change(crashed: Crashed) -> None:
    """The time of modification can be set at will, the time of change cannot."""
    before = crashed.path.stat()
    with crashed.path.open("r+b") as file:
        file.write(b"!")
    os.utime(crashed.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert crashed.recheck() == ([1, 2, 3, 4, 5], 6, 1)


def test_a_part_file_cut_short(crashed: Crashed) -> None:
    """What is left of it counts."""
    os.truncate(crashed.path, 3 * CHUNK + 5)
    assert crashed.recheck() == ([0, 1, 2], 6, 3)


def test_a_part_file_that_is_gone(crashed: Crashed) -> None:
    """Nothing is there, nothing is read."""
    crashed.path.unlink()
    assert crashed.recheck() == ([], 0, 4)


def test_without_a_journal_nothing_is_taken_on_trust(crashed: Crashed) -> None:
    """Then nobody knows who wrote to the part file last."""
    crashed.journal.unlink()
    assert crashed.recheck() == ([0, 1, 2, 3], 4, 0)


@pytest.mark.parametrize("content", [b"", b"p2pfs-j1", b"x" * 70])
def test_a_damaged_journal_is_none(crashed: Crashed, content: bytes) -> None:
    """A power failure may have left anything in it."""
    crashed.journal.write_bytes(content)
    assert read_journal(crashed.journal, TOTAL) is None
    assert crashed.recheck() == ([0, 1, 2, 3], 4, 0)


def test_it_can_be_stopped(crashed: Crashed) -> None:
    """A peer that shuts down does not wait for terabytes to be read."""
    crashed.journal.unlink()
    stop = Event()
    stop.set()
    with pytest.raises(Cancelled):
        recheck(Disk(), crashed.holding, crashed.journal, stop)


def traces(crashed: Crashed, **changes: object) -> Traces:
    """What the journal says, with changes."""
    read = read_journal(crashed.journal, TOTAL)
    assert read is not None
    return read._replace(**changes)  # type: ignore[arg-type]  # each test knows its field


def test_a_crash_in_the_middle_of_a_write(crashed: Crashed) -> None:
    """There is no ctime yet: it must be near the time the write began."""
    status = crashed.path.stat()
    near = status.st_ctime_ns - TICK_NS // 2
    far = status.st_ctime_ns - 2 * TICK_NS
    assert traces(crashed, begin_ns=near, ctime_ns=0).explain(status, Disk().boot_id())
    assert not traces(crashed, begin_ns=far, ctime_ns=0).explain(status, Disk().boot_id())


def test_after_a_power_failure_later_writes_of_our_own_are_likely(crashed: Crashed) -> None:
    """The journal was flushed some seconds before; a boot takes longer than those."""
    status = crashed.path.stat()
    other_boot = {"boot": b"another boot".ljust(36)}
    flushed = status.st_ctime_ns - FLUSH_NS // 2
    long_before = status.st_ctime_ns - 2 * FLUSH_NS
    assert traces(crashed, ctime_ns=flushed, **other_boot).explain(status, Disk().boot_id())
    assert not traces(crashed, ctime_ns=long_before, **other_boot).explain(status, Disk().boot_id())
    assert not traces(crashed, ctime_ns=flushed).explain(status, Disk().boot_id())


def test_a_resumed_download_begins_a_new_journal(crashed: Crashed, tmp_path: Path) -> None:
    """It starts from the chunks there are, and from the part file as it is."""
    identity = crashed.part.identity
    crashed.close()
    part = PartFile.reopen(Disk(), crashed.path, TOTAL * CHUNK, identity, None)
    assert part is not None
    part.keep_journal(Disk(), crashed.journal, ChunkSet.of(TOTAL, [7]))
    crashed.part = part
    again = replace(crashed.holding, chunks=ChunkSet(TOTAL))
    read = read_journal(crashed.journal, TOTAL)
    assert read is not None
    assert list(read.chunks) == [7]
    assert read.explain(crashed.path.stat(), Disk().boot_id())
    assert recheck(Disk(), again, crashed.journal, Event()).wrong == 1  # chunk 7 was never written
