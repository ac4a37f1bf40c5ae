"""Where part files lie: their names, which file is at a path, and how it gets another name.

Everything here blocks, and belongs into a thread.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from random import Random

from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.files import already_exists, explained

PART_SUFFIX = ".p2pfs-part"
_PART_NAME = re.compile(r"\.[0-9a-f]{16}" + re.escape(PART_SUFFIX))


def part_name(random: Random) -> str:
    """A name for a part file, hidden and short, that nothing else has."""
    return f".{random.getrandbits(64):016x}{PART_SUFFIX}"


def is_part_name(name: str) -> bool:
    """True for a name as `part_name` makes them."""
    return _PART_NAME.fullmatch(name) is not None


def identity_at(disk: Disk, path: Path) -> int | None:
    """The identity of the regular file at a path; None when there is none, or a link."""
    with explained("read", path):
        return _identity_at(disk, path)


def is_same(disk: Disk, path: Path, identity: int | None) -> bool:
    """True when the file of that identity, and no link to it, lies at a path."""
    return identity is not None and identity_at(disk, path) == identity


def remove_part(disk: Disk, path: Path, identity: int | None) -> None:
    """Remove the part file of that identity, and no other file; raises `StorageProblem`."""
    with explained("remove", path):
        if identity is not None and _identity_at(disk, path) == identity:
            disk.unlink(path)


def rename_unless_exists(disk: Disk, source: Path, target: Path) -> None:
    """Give a file another name, which is not to be there: then `AlreadyExists` is raised."""
    try:
        # Unlike a rename, a link never replaces what is there.
        disk.link(source, target)
        disk.unlink(source)
    except FileExistsError:
        raise already_exists(target) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        if os.path.lexists(target):  # a file system without hard links: as close as it gets
            raise already_exists(target) from None
        disk.replace(source, target)


def _identity_at(disk: Disk, path: Path) -> int | None:
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            return None
        raise
    try:
        is_file = stat.S_ISREG(disk.status(fd).st_mode)
        return disk.identity(fd) if is_file else None
    finally:
        disk.close(fd)
