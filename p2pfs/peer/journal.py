"""What a running download wrote and verified, kept so that it survives SIGKILL at any moment.

The journal is a small file mapped into memory: a store to it takes well under a
microsecond, and what was stored outlives the process, though not a power
failure unless it was flushed. It holds the chunks verified so far, and the part
file's time of last change (ctime) after our own last write. After a crash that
tells whether anybody else touched the part file, as a ctime cannot be set at will.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from p2pfs.chunks import ChunkSet
from p2pfs.errors import InvalidFileInfo

TICK_NS = 20_000_000
"""How far the clock that stamps files may lag behind, and a write be held up."""

FLUSH_NS = 10_000_000_000
"""How much later than the last flush a write before a power failure can have been."""

_HEADER = struct.Struct("<8s36sqqq")
_MAGIC = b"p2pfs-j1"
_BEGIN_AND_CTIME = struct.Struct("<qq")
_TIMES_AT = _HEADER.size - _BEGIN_AND_CTIME.size
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Traces(NamedTuple):
    """What a journal tells after a crash.

    ``begin_ns`` is when the last write began, ``ctime_ns`` the part file's ctime
    after it, or 0 when the crash came during the write.
    """

    boot: bytes
    size: int
    begin_ns: int
    ctime_ns: int
    chunks: ChunkSet

    def explain(self, status: os.stat_result) -> bool:
        """True when our own writes explain the state of the part file, and nobody else's did."""
        if status.st_size != self.size:
            return False
        if self.boot != _boot_id():
            # Later writes may not have reached the journal before the power went; but
            # whoever tampered did so after the next boot, which takes longer than that.
            last = self.ctime_ns or self.begin_ns
            return last - TICK_NS <= status.st_ctime_ns <= last + FLUSH_NS
        if self.ctime_ns:
            return status.st_ctime_ns == self.ctime_ns
        return abs(status.st_ctime_ns - self.begin_ns) <= TICK_NS


class Journal:
    """The journal of one download; its methods may be called from any thread."""

    def __init__(self, path: Path, status: os.stat_result, chunks: ChunkSet) -> None:
        """Begin a journal for a part file of that status, with these chunks; raises OSError."""
        self.path = path
        self._lock = Lock()
        header = _HEADER.pack(_MAGIC, _boot_id(), status.st_size, 0, status.st_ctime_ns)
        content = header + chunks.to_bitfield()
        with path.open("w+b") as file:
            file.write(content)
            file.flush()
            self._map = mmap.mmap(file.fileno(), len(content))

    @contextmanager
    def writing(self, fd: int) -> Iterator[None]:
        """Around each write to the part file, which is open as ``fd``; one at a time."""
        with self._lock:
            _BEGIN_AND_CTIME.pack_into(self._map, _TIMES_AT, time.time_ns(), 0)
            yield
            ctime = os.fstat(fd).st_ctime_ns
            _BEGIN_AND_CTIME.pack_into(self._map, _TIMES_AT, time.time_ns(), ctime)

    def verified(self, chunknum: int) -> None:
        """Note that a chunk is written and right."""
        self._map[_HEADER.size + chunknum // 8] |= 0x80 >> chunknum % 8

    def flush(self) -> None:
        """Force the journal onto the disk."""
        self._map.flush()

    def close(self, remove: bool) -> None:
        """Close it; ``remove`` it when the download's state is on record elsewhere."""
        self._map.close()
        if remove:
            self.path.unlink(missing_ok=True)


def read_journal(path: Path, total: int) -> Traces | None:
    """What a journal that was not closed says; None when there is none, or it makes no sense."""
    try:
        content = path.read_bytes()
        magic, boot, size, begin, ctime = _HEADER.unpack_from(content)
        chunks = ChunkSet.from_bitfield(total, content[_HEADER.size :])
    except (OSError, struct.error, InvalidFileInfo):
        return None
    return Traces(boot, size, begin, ctime, chunks) if magic == _MAGIC else None


def _boot_id() -> bytes:
    """What tells one boot of this machine from the next; the same for all where unknown."""
    try:
        return _BOOT_ID.read_bytes()[:36].ljust(36)
    except OSError:
        return b" " * 36
