"""Whether there is room on the disk for what is to be fetched.

Everything here blocks, and belongs into a thread.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from p2pfs.console.rendering import size_text
from p2pfs.errors import StorageProblem
from p2pfs.peer.storage import Disk, explained

_BLOCK = 512
"""Bytes of what ``os.stat`` counts in blocks."""


class Wanted(NamedTuple):
    """A file of ``size`` bytes that is to come to ``target``; ``part`` is what came of it so far.

    Without a ``part``, a file of that size at its target is taken for it.
    """

    target: Path
    size: int
    part: Path | None = None


def bytes_to_come(disk: Disk, files: Iterable[Wanted]) -> int:
    """How many bytes more than now these files will take on the disk."""
    return sum(max(0, file.size - _taken(disk, file)) for file in files)


def check_space(disk: Disk, name: str, target: Path, size: int) -> None:
    """Raise `StorageProblem` when ``size`` bytes more, of ``name``, do not fit where it goes.

    ``target`` and directories above it need not be there yet.
    """
    if not size:
        return
    there = target
    with explained("use", target):
        while True:
            try:
                left = disk.space(there)
                break
            except (FileNotFoundError, NotADirectoryError):
                if there == there.parent:
                    raise
                there = there.parent
    if size > left:
        raise StorageProblem(
            f"There is no room for '{name}': it takes {size_text(size)} more, and the disk of "
            f"{there} has {size_text(left)} left; make room, or give a path on another disk."
        )


def _taken(disk: Disk, file: Wanted) -> int:
    """The bytes that there are of it: of a part file, those that it takes up already."""
    try:
        status = disk.status_of_link(file.part or file.target)
    except OSError:
        return 0  # what is wrong there is told when it is fetched
    if not stat.S_ISREG(status.st_mode):
        return 0
    if file.part is not None:
        return status.st_blocks * _BLOCK
    return file.size if status.st_size == file.size else 0
