"""What survives a crash of a download, and what it takes to know what is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from p2pfs.chunks import ChunkSet
from p2pfs.peer.library import recheck
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.journal import FLUSH_NS, Traces, read_journal
from p2pfs.peer.storage.part_file import PartFile
from tests.peer.crashed import CHUNK, TOTAL, Crashed


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[Crashed]:
    """Chunks 0 to 5 written and verified, 0 to 3 of them on record."""
    crashed = Crashed(tmp_path)
    yield crashed
    crashed.close()


@pytest.mark.parametrize("content", [b"", b"p2pfs-j2", b"x" * 70])
def test_a_damaged_journal_is_none(crashed: Crashed, content: bytes) -> None:
    """A power failure may have left anything in it."""
    crashed.journal.write_bytes(content)
    assert read_journal(crashed.journal, TOTAL) is None
    assert crashed.recheck() == ([0, 1, 2, 3], 4, 0)


def traces(crashed: Crashed, **changes: object) -> Traces:
    """What the journal says, with changes."""
    read = read_journal(crashed.journal, TOTAL)
    assert read is not None
    return read._replace(**changes)  # type: ignore[arg-type]  # each test knows its field


def test_a_crash_in_the_middle_of_a_write(crashed: Crashed) -> None:
    """The write's own times are those of a stranger's that follows at once: all is read again."""
    journal = crashed.part.journal
    assert journal is not None
    journal.begin()
    with crashed.path.open("r+b") as file:
        file.write(b"s")
    assert crashed.recheck() == ([1, 2, 3, 4, 5], 6, 1)


def test_a_write_within_the_tick_of_our_own_last_one(crashed: Crashed) -> None:
    """It has the same time of change, but takes away the mark."""
    status = crashed.path.stat()
    assert traces(crashed).explain(status, Disk().boot_id())
    assert not traces(crashed, modified_ns=status.st_ctime_ns).explain(status, Disk().boot_id())


def test_after_a_power_failure_later_writes_of_our_own_are_likely(crashed: Crashed) -> None:
    """The journal was flushed some seconds before; a boot takes longer than those."""
    status = crashed.path.stat()
    other_boot = {"boot": b"another boot".ljust(36)}
    flushed = status.st_ctime_ns - FLUSH_NS // 2
    long_before = status.st_ctime_ns - 2 * FLUSH_NS
    assert traces(crashed, changed_ns=flushed, **other_boot).explain(status, Disk().boot_id())
    assert not traces(crashed, changed_ns=long_before, **other_boot).explain(
        status, Disk().boot_id()
    )
    assert not traces(crashed, changed_ns=flushed).explain(status, Disk().boot_id())


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
