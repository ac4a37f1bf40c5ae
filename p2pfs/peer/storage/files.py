"""Chunks on disk: reading them from shared files, and what refuses, in words.

Everything here blocks, and belongs into a thread. Errors of the disk come out
as `StorageProblem`, in words.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from p2pfs.errors import AlreadyExists, StorageProblem
from p2pfs.peer.storage.disk import Disk

_ADVICE = {
    errno.ENOSPC: "the disk is full; make room and try again",
    errno.EDQUOT: "the disk quota is used up; make room and try again",
    errno.EFBIG: "the file is larger than the file system or a limit allows",
    errno.EACCES: "permission denied; choose a place this daemon's user may use",
    errno.EPERM: "permission denied; choose a place this daemon's user may use",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENOENT: "it is not there; check the path",
    errno.ENOTDIR: "a part of the path is not a directory; check the path",
    errno.EISDIR: "it is a directory; give a file",
    errno.EEXIST: "something else has that name; give another path",
    errno.ELOOP: "its links lead round in circles; check the path",
    errno.ENAMETOOLONG: "the name is too long for the file system; give a path with a shorter one",
    errno.EMFILE: "too many files are open; raise the limit of open files",
}


class Stamp(NamedTuple):
    """What tells that a file is unchanged: its size in bytes and its times in nanoseconds.

    For a shared file that is the time of modification (mtime). A part file's has the time of
    change (ctime) too, which nobody can set at will.
    """

    size: int
    modified_ns: int
    changed_ns: int | None = None

    @classmethod
    def of(cls, status: os.stat_result, with_change: bool = False) -> Stamp:
        """The stamp in a result of ``os.stat``."""
        changed_ns = status.st_ctime_ns if with_change else None
        return cls(status.st_size, status.st_mtime_ns, changed_ns)

    def matches(self, status: os.stat_result | None) -> bool:
        """True when a file of that status (None: no file) still bears this stamp."""
        return status is not None and Stamp.of(status, self.changed_ns is not None) == self


class FileChanged(StorageProblem):
    """A shared file is no longer what was published."""


class FileAway(FileChanged):
    """A shared file cannot be looked at: it, or the disk that it lies on, is away."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> FileAway:
        """The error for what the system says of a path."""
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return FileGone(f"{path} is gone.")
        return cls(f"{path} cannot be read: {error.strerror}.")


class FileGone(FileAway):
    """There is nothing at its path: it was removed, or its disk is not mounted."""


_OUR_OWN = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What says nothing about a file that cannot be opened."""


@contextmanager
def explained(action: str, path: Path) -> Iterator[None]:
    """Turn an OSError into a `StorageProblem` such as "Cannot write /x: the disk is full …".

    So is a name that the file system has no bytes for.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        raise StorageProblem(
            f"Cannot {action} {path}: its name cannot be written in the encoding {error.encoding} "
            "of this system; give another path."
        ) from error
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise StorageProblem(f"Cannot {action} {path}: {reason}.") from error


class ChunkReader:
    """Reads from an open file; owns and finally closes its descriptor."""

    def __init__(self, disk: Disk, fd: int, path: Path, stamp: Stamp | None) -> None:
        self._disk = disk
        self._fd = fd
        self._path = path
        self._stamp = stamp

    @classmethod
    def open(cls, disk: Disk, path: Path, stamp: Stamp | None) -> ChunkReader:
        """Open a file; raises `FileAway`, or `FileChanged` when it does not bear ``stamp``."""
        try:
            # Not blocking: the path may have become a pipe meanwhile.
            fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _OUR_OWN:
                raise StorageProblem(f"Cannot read {path}: {error.strerror}.") from error
            raise FileAway.of(path, error) from None
        return cls(disk, fd, path, stamp).checked()

    def checked(self) -> ChunkReader:
        """This reader; it is closed when `check` raises."""
        try:
            self.check()
        except BaseException:
            self.close()
            raise
        return self

    def check(self) -> None:
        """Raise `FileChanged` when the file does not bear its stamp any more."""
        if self._stamp is not None and not self._stamp.matches(self._disk.status(self._fd)):
            raise FileChanged(f"{self._path} was changed.")

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes; raises `FileChanged` when the file ends before, or changed."""
        with explained("read", self._path):
            data = self._disk.read(self._fd, length, offset)
            while len(data) < length:
                more = self._disk.read(self._fd, length - len(data), offset + len(data))
                if not more:
                    raise self.cut_short()
                data += more
        self.check()
        return data

    def goes_on(self, size: int) -> bool:
        """True when there is something behind ``size`` bytes and the file did not grow to that.

        Raises `FileChanged` when it did.
        """
        with explained("read", self._path):
            more = self._disk.read(self._fd, 1, size)
        if more:
            self.check()
        return bool(more)

    def cut_short(self) -> FileChanged:
        """The error for a file that ends where it should go on."""
        return FileChanged(f"{self._path} was cut short.")

    def fileno(self) -> int:
        """The descriptor, to be used with offsets only."""
        return self._fd

    def is_cached(self, offset: int, length: int) -> bool:
        """True when reading these bytes will hardly have to wait for the disk."""
        return self._disk.is_cached(self._fd, offset, length)

    def load(self, offset: int, length: int) -> None:
        """Bring bytes into the page cache; waits for the disk."""
        self.read(offset, length)

    def close(self) -> None:
        """Close the file."""
        self._disk.close(self._fd)


def remove(disk: Disk, path: Path) -> None:
    """Remove a file, if it is there; raises `StorageProblem`."""
    with explained("remove", path):
        disk.unlink(path)


def already_exists(target: Path) -> AlreadyExists:
    """The error for a target that is in the way."""
    return AlreadyExists(f"{target} exists; use --overwrite to replace it, or give another path.")
