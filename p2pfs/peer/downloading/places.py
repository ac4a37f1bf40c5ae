"""Where files lie as the file system sees it, whatever their paths look like."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from p2pfs.errors import StorageProblem
from p2pfs.peer.storage import explained


class Directory(NamedTuple):
    """A directory, by whatever path it is reached."""

    device: int
    inode: int

    @classmethod
    def at(cls, path: Path) -> Directory:
        """The directory at a path, links followed; blocks. Raises `StorageProblem`."""
        with explained("use", path):
            try:
                status = os.stat(f"{path}/.")  # which only a directory has
            except (FileNotFoundError, NotADirectoryError):
                raise StorageProblem(
                    f"The directory {path} is not there; create it, or give another path."
                ) from None
        return cls(status.st_dev, status.st_ino)


def is_directory(path: Path) -> bool:
    """True for a directory, links followed; blocks. Raises `StorageProblem`.

    For instance when the way there is closed, or the name too long for the file system.
    """
    with explained("use", path):
        try:
            return stat.S_ISDIR(os.stat(path).st_mode)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return False
            raise


def is_there(path: Path) -> bool:
    """True when something has that name, be it a link to nothing; blocks.

    Raises `StorageProblem` as `is_directory` does.
    """
    with explained("use", path):
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


class Place(NamedTuple):
    """What a directory has, or may have, under a name."""

    directory: Directory
    name: str


def place_of(path: Path) -> Place:
    """Where a path leads to; blocks. Raises `StorageProblem` when there is no such directory.

    A link at the path itself is not followed: that is what would be replaced.
    """
    return Place(Directory.at(path.parent), path.name)
