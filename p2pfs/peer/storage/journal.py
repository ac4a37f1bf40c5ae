"""What a running download wrote and verified, kept so that it survives SIGKILL at any moment.

The journal is a small file mapped into memory: a store to it takes well under a
microsecond, and what was stored outlives the process, though not a power
failure unless it was flushed. It holds the chunks verified so far, which file the
part file is (its identity), and its times of last change (ctime) and modification
(mtime) after our own last write. After a crash these tell whether anybody else touched
the part file: a ctime cannot be set at will, and an mtime that we set back shows a write
within the same tick of the clock. A crash in the middle of a write leaves times that a
stranger's write leaves too, so they tell nothing. When somebody was seen before the
crash, it says so.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

from p2pfs.chunks import ChunkSet
from p2pfs.errors import InvalidFileInfo
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.files import Stamp

TICK_NS = 20_000_000
"""How far the clock that stamps files may lag behind."""

FLUSH_NS = 10_000_000_000
"""How much later than the last flush a write before a power failure can have been."""

_HEADER = struct.Struct("<8s36sqqqqq")
_MAGIC = b"p2pfs-j3"
_SIZE = struct.Struct("<q")
_TIMES = struct.Struct("<qqq")
_TIMES_AT = _HEADER.size - _TIMES.size
_SIZE_AT = _TIMES_AT - _SIZE.size
_NO_SIZE = -1


class Traces(NamedTuple):
    """What a journal tells after a crash.

    ``size`` is that of the part file in bytes, or negative when somebody else changed it.
    ``begin_ns`` is when the last write began, ``modified_ns`` and ``changed_ns`` are the part
    file's times after it, or 0 when the crash came during the write.
    """

    boot: bytes
    identity: int
    size: int
    begin_ns: int
    modified_ns: int
    changed_ns: int
    chunks: ChunkSet

    def explain(self, status: os.stat_result, boot: bytes) -> bool:
        """True when our own writes explain the state of the part file, and nobody else's did.

        ``boot`` tells the present boot of the machine from others.
        """
        if self.boot != boot:
            # Later writes may not have reached the journal before the power went; but
            # whoever tampered did so after the next boot, which takes longer than that.
            last = self.changed_ns or self.begin_ns
            in_time = last - TICK_NS <= status.st_ctime_ns <= last + FLUSH_NS
            return in_time and status.st_size == self.size
        return Stamp(self.size, self.modified_ns, self.changed_ns).matches(status)


class Journal:
    """The journal of one download; `begin`, `end` and `disown` are called one at a time."""

    def __init__(
        self,
        disk: Disk,
        path: Path,
        identity: int,
        size: int,
        left: Stamp,
        chunks: ChunkSet,
    ) -> None:
        """Begin a journal for a part file that is to have that size, with these chunks.

        ``left`` is its present stamp, with the time of change. Raises OSError.
        """
        self._disk = disk
        _, *times = left
        header = _HEADER.pack(_MAGIC, disk.boot_id(), identity, size, 0, *times)
        content = header + chunks.to_bitfield()
        fd = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            disk.write(fd, [content], 0)
            self._map = disk.map(fd, len(content))
        finally:
            disk.close(fd)

    def begin(self) -> None:
        """A write to the part file begins; there is one at a time."""
        _TIMES.pack_into(self._map, _TIMES_AT, self._disk.time_ns(), 0, 0)

    def end(self, left: Stamp) -> None:
        """It has ended, and left the part file with that stamp, which has the time of change."""
        _, *times = left
        _TIMES.pack_into(self._map, _TIMES_AT, self._disk.time_ns(), *times)

    def disown(self) -> None:
        """Somebody else changed the part file: its state says nothing about it any more."""
        _SIZE.pack_into(self._map, _SIZE_AT, _NO_SIZE)

    def verified(self, chunknum: int) -> None:
        """Note that a chunk is written and right."""
        self._map[_HEADER.size + chunknum // 8] |= 0x80 >> chunknum % 8

    def flush(self) -> None:
        """Force the journal onto the disk."""
        self._disk.flush(self._map)

    def close(self) -> None:
        """Close it; its file stays."""
        self._map.close()


def read_journal(path: Path, total: int) -> Traces | None:
    """What a journal that was not closed says; None when there is none, or it makes no sense."""
    try:
        content = path.read_bytes()
        magic, boot, identity, size, begin, modified, changed = _HEADER.unpack_from(content)
        chunks = ChunkSet.from_bitfield(total, content[_HEADER.size :])
    except (OSError, struct.error, InvalidFileInfo):
        return None
    if magic != _MAGIC:
        return None
    return Traces(boot, identity, size, begin, modified, changed, chunks)
