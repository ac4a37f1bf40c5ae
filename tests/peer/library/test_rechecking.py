"""After a crash: as little as possible is read again, and nothing wrong is taken for right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import msgspec
import pytest

from p2pfs.chunks import ChunkSet
from p2pfs.errors import Cancelled
from p2pfs.hashing import Hash
from p2pfs.peer.library import recheck
from p2pfs.peer.storage import Disk, FileGone, Stamp, identity_at
from tests.peer.crashed import CHUNK, TOTAL, Crashed, chunk


@pytest.fixture(params=Hash)
def crashed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Crashed]:
    """Chunks 0 to 5 written and verified, 0 to 3 of them on record; the file has either hash."""
    crashed = Crashed(tmp_path, request.param)
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
    crashed.holding = replace(crashed.holding, identity=None, chunks=ChunkSet(TOTAL))
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
    """Or whose disk is away, there is no telling: that is told, and nothing is taken for lost."""
    crashed.path.unlink()
    with pytest.raises(FileGone):
        crashed.recheck()


def test_nothing_that_came_cannot_be_away(crashed: Crashed) -> None:
    """A process that ended before the first chunk has left nothing to wait for."""
    crashed.path.unlink()
    crashed.journal.unlink()
    crashed.holding.chunks = ChunkSet(crashed.holding.info.totalchunknum)
    assert crashed.recheck() == ([], 0, 0)


def test_without_a_journal_nothing_is_taken_on_trust(crashed: Crashed) -> None:
    """Then nobody knows who wrote to the part file last."""
    crashed.journal.unlink()
    assert crashed.recheck() == ([0, 1, 2, 3], 4, 0)


def test_it_can_be_stopped(crashed: Crashed) -> None:
    """A peer that shuts down does not wait for terabytes to be read."""
    crashed.journal.unlink()
    stop = Event()
    stop.set()
    with pytest.raises(Cancelled):
        recheck(Disk(), crashed.holding, crashed.journal, stop)


def whole_at_its_target(crashed: Crashed) -> Path:
    """Leave what a crash leaves between the final name and the record of it."""
    for number in range(6, TOTAL):
        crashed.part.write(number * CHUNK, [chunk(number)])
    target = crashed.holding.target
    assert target is not None
    crashed.path.rename(target)
    return target


@pytest.mark.parametrize("root_known", [True, False])
def test_a_file_that_has_its_name_already_is_found(crashed: Crashed, root_known: bool) -> None:
    """Without a root, the digests on record tell; the old name of it is removed."""
    target = whole_at_its_target(crashed)
    crashed.path.hardlink_to(target)
    if not root_known:
        if crashed.holding.info.function is not Hash.SHA256:
            pytest.skip("what has no root has SHA-256")
        info = msgspec.structs.replace(crashed.holding.info, root=None)
        crashed.holding = replace(crashed.holding, info=info)
    found = recheck(Disk(), crashed.holding, crashed.journal, Event())
    assert found.chunks.whole
    assert found.finished is not None
    assert bytes(found.finished.hashes) == bytes(crashed.holding.hashes)
    assert found.finished.stamp == Stamp.of(target.stat())
    assert not crashed.path.exists()


def test_another_file_at_the_target_is_not_taken_for_it(crashed: Crashed) -> None:
    """Of the same size; nor a right one beside a part file: that is somebody's copy."""
    target = whole_at_its_target(crashed)
    content = target.read_bytes()
    target.write_bytes(content[::-1])
    with pytest.raises(FileGone):
        recheck(Disk(), crashed.holding, crashed.journal, Event())
    target.write_bytes(content)
    crashed.path.write_bytes(content)
    found = recheck(Disk(), crashed.holding, crashed.journal, Event())
    assert found.finished is None
    assert crashed.path.exists()
