"""After a crash: what of an unfinished download is there and right, reading as little as possible.

Everything here blocks, and belongs into a thread.
"""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import NamedTuple

from p2pfs.chunks import ChunkSet
from p2pfs.peer.disk import Disk
from p2pfs.peer.hashing import right_chunks
from p2pfs.peer.journal import read_journal
from p2pfs.peer.library import Holding
from p2pfs.peer.storage import Stamp


class Salvaged(NamedTuple):
    """The chunks that are right, the stamp of the part file, and what it took to know."""

    chunks: ChunkSet
    stamp: Stamp | None
    checked: int
    wrong: int


def salvage(disk: Disk, holding: Holding, journal: Path, stop: Event) -> Salvaged:
    """Find out which chunks of an unfinished download are right.

    ``holding.chunks`` are those on record: they had reached the disk. The journal
    tells of further ones. If it also explains the state of the part file, only
    those are read again; otherwise somebody else may have written to the file, and
    all are. Raises `Cancelled` once ``stop`` is set.
    """
    total = holding.info.totalchunknum
    try:
        status = disk.status(holding.path)
    except OSError:
        return Salvaged(ChunkSet(total), None, 0, len(holding.chunks))
    traces = read_journal(journal, total)
    claimed = ChunkSet(total, holding.chunks.bits | (traces.chunks.bits if traces else 0))
    trusted = (
        holding.chunks.bits if traces is not None and traces.explain(status, disk.boot_id()) else 0
    )
    doubtful = ChunkSet(total, claimed.bits & ~trusted)
    right = right_chunks(disk, holding.path, holding.info, holding.hashes, doubtful, stop)
    return Salvaged(
        ChunkSet(total, trusted | right.bits),
        Stamp.of(status, of_change=True),
        len(doubtful),
        len(doubtful) - len(right),
    )
