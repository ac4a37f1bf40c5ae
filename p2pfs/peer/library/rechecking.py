"""After a crash: what of an unfinished download is there and right, reading as little as possible.

Everything here blocks, and belongs into a thread.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event
from typing import NamedTuple

from p2pfs.chunks import ChunkSet, HashList
from p2pfs.errors import StorageProblem
from p2pfs.peer.library.library import Holding
from p2pfs.peer.storage import (
    Disk,
    FileAway,
    Stamp,
    Traces,
    hash_list,
    identity_at,
    read_journal,
    right_chunks,
)


class Finished(NamedTuple):
    """The hash list of a file that has got its final name already, and the stamp that it bears."""

    hashes: HashList
    stamp: Stamp


class Rechecked(NamedTuple):
    """The chunks that are right, the stamp of the file, and what it took to know.

    ``identity`` is that of the part file, or None when what lies there is not it.
    ``finished`` is None, or what is known of a file that is whole at its target.
    """

    chunks: ChunkSet
    stamp: Stamp | None
    checked: int
    wrong: int
    identity: int | None = None
    finished: Finished | None = None


def recheck(disk: Disk, holding: Holding, journal: Path, stop: Event) -> Rechecked:
    """Find out which chunks of an unfinished download are right.

    ``holding.chunks`` are those on record: they had reached the disk. The journal
    tells of further ones. If it also explains the state of the part file, only
    those are read again; otherwise somebody else may have written to the file, and
    all are. What is there is not taken for the part file unless it is known to be, or has
    something right in it. When the file has come to its target already, and only the record of that
    is lacking, the file there is read, all of it. Raises `FileAway` when there is no telling, as
    neither of them can be looked at, and `Cancelled` once ``stop`` is set.
    """
    total = holding.info.totalchunknum
    if (finished := _finished(disk, holding, stop)) is not None:
        return finished
    nothing = Rechecked(ChunkSet(total), None, 0, len(holding.chunks))
    traces = read_journal(journal, total)
    claimed = ChunkSet(total, holding.chunks.bits | (traces.chunks.bits if traces else 0))
    try:
        status = disk.status_of_link(holding.path)
        identity = identity_at(disk, holding.path)
    except (OSError, StorageProblem) as error:
        if claimed.bits:
            raise _away(holding.path, error) from None
        return nothing
    if identity is None:
        return nothing
    trusted = (
        holding.chunks.bits if traces is not None and traces.explain(status, disk.boot_id()) else 0
    )
    doubtful = ChunkSet(total, claimed.bits & ~trusted)
    right = right_chunks(disk, holding.path, holding.info, holding.hashes, doubtful, stop)
    kept = ChunkSet(total, trusted | right.bits)
    if not (kept.bits or _is_ours(identity, status, holding, traces)):
        return nothing
    return Rechecked(
        kept,
        Stamp.of(status, with_change=True),
        len(doubtful),
        len(doubtful) - len(right),
        identity,
    )


def _away(path: Path, error: OSError | StorageProblem) -> FileAway:
    return FileAway.of(path, error) if isinstance(error, OSError) else FileAway(str(error))


def _is_ours(
    identity: int, status: os.stat_result, holding: Holding, traces: Traces | None
) -> bool:
    """Whether a file is the part file, although there is nothing right in it.

    It is when it is the same file. Which that is stands on record soon after its creation,
    and before that, nothing is in it.
    """
    known = {holding.identity, traces.identity if traces is not None else None}
    return identity in known or (known == {None} and not status.st_size)


def _finished(disk: Disk, holding: Holding, stop: Event) -> Rechecked | None:
    """What is found when the crash came after the file got its final name, else None.

    The part file is gone then, or a second name of the same file: it is linked to its
    target before the old name goes. That old name is removed here.
    """
    try:
        assert holding.target is not None
        status = disk.status(holding.target)
        if holding.path.exists() and not holding.path.samefile(holding.target):
            return None
        if status.st_size != holding.info.filesize:
            return None
        hashes = hash_list(disk, holding.target, Stamp.of(status), holding.info, stop)
        if holding.info.root is None:  # then only the digests on record can tell
            right = bytes(hashes) == bytes(holding.hashes)
        else:
            right = hashes.root == holding.info.root
        if not right:
            return None
        disk.unlink(holding.path)
    except (OSError, StorageProblem):
        return None
    total = holding.info.totalchunknum
    finished = Finished(hashes, Stamp.of(status))
    return Rechecked(ChunkSet.full(total), finished.stamp, total, 0, None, finished)
