"""Hashing files chunk by chunk: what a publisher knows, and a resumed download checks.

Everything here blocks, and belongs into a thread.
"""

from __future__ import annotations

import itertools
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import NamedTuple

from p2pfs.chunks import DEFAULT_CHUNK_SIZE, ChunkSet, FileInfo, HashList
from p2pfs.errors import Cancelled, StorageProblem
from p2pfs.hashing import Hash, Hasher
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.files import ChunkReader, FileChanged, Stamp, explained
from p2pfs.peer.storage.part_file import PartFile

FRAME = 1 << 20
"""Bytes read and hashed in one go."""


class HashedFile(NamedTuple):
    """A file's description for the network, its hash list, and the stamp it bore meanwhile."""

    info: FileInfo
    hashes: HashList
    stamp: Stamp


class FileHasher:
    """Hashes one regular file, by any number of threads that call `work` at the same time."""

    def __init__(
        self, disk: Disk, path: Path, function: Hash, smallest_chunk: int = DEFAULT_CHUNK_SIZE
    ) -> None:
        """Open it; raises `StorageProblem` when it cannot be read or is not a regular file.

        ``function`` is the hash that it is to have. ``smallest_chunk`` is in bytes, see
        `FileInfo.of_size`.
        """
        with explained("read", path):
            status = disk.status(path)
        if not stat.S_ISREG(status.st_mode):
            raise StorageProblem(f"Cannot publish {path}: it is not a regular file; give a file.")
        self._disk = disk
        self._path = path
        self._stamp = Stamp.of(status)
        self._reader = ChunkReader.open(disk, path, self._stamp)
        try:
            if self._reader.goes_on(self._stamp.size):
                raise self._pseudo()
        except BaseException:
            self._reader.close()
            raise
        self.info = FileInfo.of_size(self._stamp.size, smallest_chunk)
        self._hashes = HashList(self.info.totalchunknum, function=function)
        self._next = itertools.count()  # taking a number from it is atomic

    def work(self, stop: Event, hashed: Callable[[int], None]) -> None:
        """Hash chunks nobody has begun yet, until there are none.

        ``hashed`` is told the bytes of each chunk done, in this thread. Raises
        `Cancelled` once ``stop`` is set, and `StorageProblem` when the file changes.
        """
        while (chunknum := next(self._next)) < self.info.totalchunknum:
            try:
                hasher = self._hashes.function.hasher()
                self._hashes[chunknum] = _digest(self._reader, self.info, chunknum, stop, hasher)
            except FileChanged:
                self._reader.check()  # what has not changed is shorter than it says
                raise self._pseudo() from None
            hashed(self.info.length(chunknum))

    def result(self) -> HashedFile:
        """What the work came to; raises `StorageProblem` when the file changed meanwhile."""
        with explained("read", self._path):
            if not self._stamp.matches(self._disk.status(self._path)):
                raise StorageProblem(
                    f"{self._path} was changed while it was read; publish it once it is complete."
                )
        return HashedFile(self.info.with_root_of(self._hashes), self._hashes, self._stamp)

    def _pseudo(self) -> StorageProblem:
        return StorageProblem(
            f"Cannot publish {self._path}: its size is not that of its content, as with files that "
            "the system makes up; copy what you want to share."
        )

    def close(self) -> None:
        """Close the file, after the last worker has ended."""
        self._reader.close()


def right_chunks(
    disk: Disk, path: Path, info: FileInfo, hashes: HashList, claimed: ChunkSet, stop: Event
) -> ChunkSet:
    """Those of the ``claimed`` chunks whose bytes in the file have the digest they should.

    A file that is shorter than it should be, or gone, just has fewer right
    chunks. Raises `Cancelled` once ``stop`` is set.
    """
    try:
        reader = ChunkReader.open(disk, path, None)
    except StorageProblem:
        return ChunkSet(info.totalchunknum)
    return _right_chunks(reader, info, hashes, claimed, stop)


def right_chunks_of(
    part: PartFile, info: FileInfo, hashes: HashList, claimed: ChunkSet, stop: Event
) -> ChunkSet:
    """The same for a part file that is being written to."""
    return _right_chunks(part.plain_reader(), info, hashes, claimed, stop)


def _right_chunks(
    reader: ChunkReader, info: FileInfo, hashes: HashList, claimed: ChunkSet, stop: Event
) -> ChunkSet:
    right = ChunkSet(info.totalchunknum)
    try:
        for chunknum in claimed:
            try:
                digest = _digest(reader, info, chunknum, stop, info.hasher())
            except StorageProblem:
                continue
            if digest == hashes[chunknum]:
                right.add(chunknum)
    finally:
        reader.close()
    return right


def is_right(
    reader: ChunkReader, info: FileInfo, hashes: HashList, chunknum: int, stop: Event
) -> bool:
    """Whether a chunk of an open file has the digest that it should.

    Raises `StorageProblem` when it cannot be read, and `Cancelled` once ``stop`` is set.
    """
    return _digest(reader, info, chunknum, stop, info.hasher()) == hashes[chunknum]


def hash_list(disk: Disk, path: Path, stamp: Stamp, info: FileInfo, stop: Event) -> HashList:
    """The hash list of a local file, cut as ``info`` says.

    Raises `StorageProblem` when the file does not bear ``stamp`` or cannot be read,
    and `Cancelled` once ``stop`` is set.
    """
    hashes = info.hash_list()
    reader = ChunkReader.open(disk, path, stamp)
    try:
        for chunknum in range(info.totalchunknum):
            hashes[chunknum] = _digest(reader, info, chunknum, stop, info.hasher())
    finally:
        reader.close()
    return hashes


def copy_chunks(
    disk: Disk,
    source: Path,
    stamp: Stamp | None,
    part: PartFile,
    info: FileInfo,
    hashes: HashList,
    wanted: ChunkSet,
    stop: Event,
) -> ChunkSet:
    """Copy those of the ``wanted`` chunks that are right from a local file into a part file.

    Returns the chunks copied.

    Raises `FileChanged` when the source does not bear ``stamp``, `StorageProblem`
    when the part file cannot be written, and `Cancelled` once ``stop`` is set.
    """
    copied = ChunkSet(info.totalchunknum)
    reader = ChunkReader.open(disk, source, stamp)
    try:
        for chunknum in wanted:
            if stop.is_set():
                raise Cancelled("The copying was cancelled.")
            data = reader.read(info.offset(chunknum), info.length(chunknum))
            if info.function.digest(data) == hashes[chunknum]:
                part.write(info.offset(chunknum), [data])
                copied.add(chunknum)
    finally:
        reader.close()
    return copied


def _digest(
    reader: ChunkReader, info: FileInfo, chunknum: int, stop: Event, hasher: Hasher
) -> bytes:
    offset = info.offset(chunknum)
    end = offset + info.length(chunknum)
    while offset < end:
        if stop.is_set():
            raise Cancelled("The hashing was cancelled.")
        frame = reader.read(offset, min(FRAME, end - offset))
        hasher.update(frame)
        offset += len(frame)
    return hasher.digest()
