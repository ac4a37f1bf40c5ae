"""Hashing files chunk by chunk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from blake3 import blake3

from p2pfs.chunks import MIB, ChunkSet, FileInfo, HashList
from p2pfs.errors import Cancelled, StorageProblem
from p2pfs.hashing import Hash
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.files import ChunkReader, FileChanged, Stamp
from p2pfs.peer.storage.hashing import (
    FileHasher,
    HashedFile,
    copy_chunks,
    hash_list,
    is_right,
    right_chunks,
    right_chunks_of,
)
from p2pfs.peer.storage.part_file import PartFile
from tests.peer.holdings import described

DATA = os.urandom(4 * 25 - 3)
INFO = FileInfo(len(DATA), 4, 25)
CHUNKS = [DATA[start : start + 25] for start in range(0, len(DATA), 25)]
HASHES = HashList(4, b"".join(hashlib.sha256(chunk).digest() for chunk in CHUNKS))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of four chunks."""
    (tmp_path / "f").write_bytes(DATA)
    return tmp_path / "f"


def stopped() -> Event:
    """A stop that is set."""
    event = Event()
    event.set()
    return event


def hash_file(
    path: Path, stop: Event, hashed: Callable[[int], None], function: Hash = Hash.BLAKE3
) -> HashedFile:
    """Hash a file in this thread."""
    hasher = FileHasher(Disk(), path, function)
    try:
        hasher.work(stop, hashed)
        return hasher.result()
    finally:
        hasher.close()


@pytest.mark.parametrize("size", [0, 1, MIB, 2 * MIB + 5])
@pytest.mark.parametrize(
    ("function", "make", "said"),
    [(Hash.BLAKE3, blake3, "blake3"), (Hash.SHA256, hashlib.sha256, None)],
)
def test_a_hashed_file_is_described(
    tmp_path: Path, size: int, function: Hash, make: Callable[[bytes], Any], said: str | None
) -> None:
    """Digests of every chunk, their root, the stamp, and progress that adds up to the size."""
    data = os.urandom(size)
    path = tmp_path / "f"
    path.write_bytes(data)
    told: list[int] = []
    info, hashes, stamp = hash_file(path, Event(), told.append, function)
    digests = b"".join(make(data[start : start + MIB]).digest() for start in range(0, size, MIB))
    assert info == FileInfo(size, -(-size // MIB), MIB, make(digests).hexdigest(), said)
    assert bytes(hashes) == digests
    assert stamp == Stamp.of(os.stat(path))
    assert len(told) == info.totalchunknum
    assert sum(told) == size


@pytest.mark.parametrize("function", Hash)
def test_threads_share_the_work(tmp_path: Path, function: Hash) -> None:
    """Each chunk is hashed by one of them, and the result is that of one thread alone."""
    path = tmp_path / "f"
    path.write_bytes(os.urandom(20 * MIB + 1))
    hasher = FileHasher(Disk(), path, function)
    told: list[int] = []
    threads = [Thread(target=hasher.work, args=(Event(), told.append)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = hasher.result()
    hasher.close()
    assert sorted(told) == [1] + [MIB] * 20
    assert bytes(result.hashes) == bytes(hash_file(path, Event(), lambda _: None, function).hashes)


def test_a_file_that_changes_while_it_is_hashed_is_refused(tmp_path: Path) -> None:
    """No hash list mixes two contents, whether the change comes midway or after the last read."""
    path = tmp_path / "f"
    for moment in (1, 2):
        path.write_bytes(bytes(2 * MIB))
        calls = 0

        def touch(_: int, moment: int = moment) -> None:
            nonlocal calls
            calls += 1
            if calls == moment:
                os.utime(path, ns=(1, 1))

        with pytest.raises(StorageProblem, match="was changed"):
            hash_file(path, Event(), touch)


@pytest.mark.parametrize("kind", ["directory", "fifo", "device", "missing"])
def test_only_regular_files_are_hashed(tmp_path: Path, kind: str) -> None:
    """A directory, a FIFO (which would block), a device and nothing at all are refused."""
    path = tmp_path / "f"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(StorageProblem, match=r"not a regular file|not there"):
        hash_file(path, Event(), lambda _: None)


def test_hashing_can_be_stopped(path: Path, tmp_path: Path) -> None:
    """All long work asks whether to stop."""
    with pytest.raises(Cancelled):
        hash_file(path, stopped(), lambda _: None)
    with pytest.raises(Cancelled):
        right_chunks(Disk(), path, INFO, HASHES, ChunkSet.full(4), stopped())
    part = PartFile.create(Disk(), tmp_path / "p", len(DATA))
    with pytest.raises(Cancelled):
        copy_chunks(Disk(), path, None, part, INFO, HASHES, ChunkSet.full(4), stopped())
    part.close()


def test_only_chunks_that_are_claimed_and_right_count(path: Path) -> None:
    """A resumed download trusts neither the record nor the file alone."""
    damaged = bytearray(DATA)
    damaged[30] ^= 1
    path.write_bytes(damaged)
    right = right_chunks(Disk(), path, INFO, HASHES, ChunkSet.of(4, [0, 1, 3]), Event())
    assert set(right) == {0, 3}


def test_a_short_or_missing_file_has_fewer_right_chunks(path: Path) -> None:
    """What is not there is not an error, just not right."""
    os.truncate(path, 60)
    assert set(right_chunks(Disk(), path, INFO, HASHES, ChunkSet.full(4), Event())) == {0, 1}
    path.unlink()
    assert not right_chunks(Disk(), path, INFO, HASHES, ChunkSet.full(4), Event())


def test_unknown_digests_are_never_right(path: Path) -> None:
    """Without a digest to compare with, a chunk counts as missing."""
    assert not right_chunks(Disk(), path, INFO, HashList(4), ChunkSet.full(4), Event())


def test_right_chunks_are_copied(path: Path, tmp_path: Path) -> None:
    """Chunks with the right digest go to their place, others leave theirs alone."""
    source = bytearray(DATA)
    source[80] ^= 1
    path.write_bytes(source)
    part = PartFile.create(Disk(), tmp_path / "p", len(DATA))
    stamp, wanted = Stamp.of(os.stat(path)), ChunkSet.of(4, [0, 2, 3])
    copied = copy_chunks(Disk(), path, stamp, part, INFO, HASHES, wanted, Event())
    part.close()
    assert set(copied) == {0, 2}
    assert (tmp_path / "p").read_bytes() == DATA[:25] + bytes(25) + DATA[50:75] + bytes(22)


def test_a_source_that_is_not_what_it_was_is_not_copied(path: Path, tmp_path: Path) -> None:
    """The stamp is checked before and during the copying."""
    part = PartFile.create(Disk(), tmp_path / "p", len(DATA))
    with pytest.raises(FileChanged):
        copy_chunks(Disk(), path, Stamp(1, 1), part, INFO, HASHES, ChunkSet.full(4), Event())
    os.truncate(path, 60)
    with pytest.raises(FileChanged, match="cut short"):
        copy_chunks(Disk(), path, None, part, INFO, HASHES, ChunkSet.full(4), Event())
    part.close()


@pytest.mark.parametrize("function", Hash)
def test_whatever_checks_chunks_goes_by_the_hash_of_the_file(path: Path, function: Hash) -> None:
    """A hash list is right by its own hash, and by no other."""
    info, hashes = described(DATA, 25, function)
    reader = ChunkReader.open(Disk(), path, None)
    stamp, every, stop = Stamp.of(os.stat(path)), ChunkSet.full(4), Event()
    for other in Hash:
        claimed, is_it = described(DATA, 25, other)[0], other is function
        assert right_chunks(Disk(), path, claimed, hashes, every, stop).whole == is_it
        part = PartFile.create(Disk(), path.with_name(other.value), len(DATA))
        copied = copy_chunks(Disk(), path, stamp, part, claimed, hashes, every, stop)
        assert len(copied) == (4 if is_it else 0)
        assert len(right_chunks_of(part, claimed, hashes, every, stop)) == len(copied)
        part.close()
        assert is_right(reader, claimed, hashes, 3, stop) == is_it
        assert (hash_list(Disk(), path, stamp, claimed, stop).root == info.root) == is_it
    reader.close()
