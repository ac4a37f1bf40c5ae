"""A download that ended without a word."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.hashing import Hash
from p2pfs.peer.library import Holding, recheck
from p2pfs.peer.storage import Disk, PartFile

CHUNK = 1000
TOTAL = 10


def chunk(number: int) -> bytes:
    """The right bytes of a chunk."""
    return bytes([number]) * CHUNK


class Crashed:
    """A download that ended without a word: part file, journal, and what was on record."""

    def __init__(self, directory: Path, function: Hash = Hash.BLAKE3) -> None:
        hashes = HashList(TOTAL, function=function)
        for number in range(TOTAL):
            hashes[number] = function.digest(chunk(number))
        info = FileInfo(TOTAL * CHUNK, TOTAL, CHUNK).with_root_of(hashes)
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
        self.holding = Holding(
            "x", info, hashes, on_record, self.path, None, directory / "x", part.identity
        )

    def close(self) -> None:
        """What the system does."""
        if self.part.journal is not None:
            self.part.journal.close()
        self.part.close()

    def recheck(self) -> tuple[list[int], int, int]:
        """The chunks that are right, how many were read again, how many of those wrong."""
        found = recheck(Disk(), self.holding, self.journal, Event())
        return list(found.chunks), found.checked, found.wrong
