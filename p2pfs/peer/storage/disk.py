"""The disk as a peer uses it: calls of the operating system, and nothing on top of them.

It is passed in like the reactor, so that a simulation can have a disk that is
full, slow or failing, or that forgets what was not synced.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# Fails a read that would have to wait; without such a thing (not Linux) every read may.
_NO_WAIT = getattr(os, "RWF_NOWAIT", 0)
_GET_GENERATION = 0x80087601  # FS_IOC_GETVERSION
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Disk:
    """Files by path or descriptor. All calls block; those that fail raise OSError."""

    # Files

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        """A descriptor of a file, opened with the flags of ``os.open``."""
        return os.open(path, flags | os.O_CLOEXEC, mode)

    def duplicate(self, fd: int) -> int:
        """Another descriptor of the same open file."""
        return os.dup(fd)

    def close(self, fd: int) -> None:
        """Give a descriptor back."""
        os.close(fd)

    def status(self, place: Path | int) -> os.stat_result:
        """The status of the file at a path or behind a descriptor."""
        return os.stat(place)

    def status_of_link(self, path: Path) -> os.stat_result:
        """The status of what is at a path, even if that is a symbolic link."""
        return os.lstat(path)

    def identity(self, fd: int) -> int:
        """What a file is known by on its file system, whatever its name: 63 bits.

        That is its inode with its generation, where there is one: numbers of inodes are used
        again at once, also for a file that takes the place of another.
        """
        generation = bytearray(8)
        with suppress(OSError):
            fcntl.ioctl(fd, _GET_GENERATION, generation)
        number = os.fstat(fd).st_ino ^ int.from_bytes(generation, sys.byteorder) << 31
        return number & (1 << 63) - 1

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name, which must be free."""
        os.link(source, target)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file; what had that name is gone."""
        os.replace(source, target)

    def unlink(self, path: Path) -> None:
        """Take a name away; that there is none is no error."""
        path.unlink(missing_ok=True)

    # Their bytes

    def read(self, fd: int, length: int, offset: int) -> bytes:
        """Up to ``length`` bytes; none only at the end of the file."""
        return os.pread(fd, length, offset)

    def is_cached(self, fd: int, offset: int, length: int) -> bool:
        """True when reading these bytes will hardly have to wait.

        The first and the last byte are tried; where the system cannot tell, True.
        """
        try:
            for place in (offset, offset + length - 1):
                os.preadv(fd, [bytearray(1)], place, _NO_WAIT)
        except BlockingIOError:
            return False
        except OSError as error:
            return error.errno == errno.EOPNOTSUPP
        return True

    def write(self, fd: int, pieces: Sequence[bytes | memoryview], offset: int) -> int:
        """Write pieces one behind the other; how many bytes of them were written."""
        # The kernel takes no more than 1024 pieces (IOV_MAX) in one call.
        return os.pwritev(fd, pieces[:1024], offset)

    def allocate(self, path: Path, fd: int, size: int) -> None:
        """Make a file ``size`` bytes long, with room for all of it."""
        if size and _lies_in_memory(os.fstat(fd)):
            # There is nothing to keep together in memory, and allocating it all at once makes a
            # virtual machine take it from its host, where writing reuses what was freed before.
            if size - os.fstat(fd).st_blocks * 512 > self.space(path):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif size:
            try:
                os.posix_fallocate(fd, 0, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
        os.ftruncate(fd, size)

    def space(self, path: Path) -> int:
        """How many bytes this process may still write where ``path`` lies."""
        left = os.statvfs(path)
        return left.f_bavail * left.f_frsize

    def mark(self, fd: int, time_ns: int) -> None:
        """Set a file's time of modification, in nanoseconds."""
        os.utime(fd, ns=(time_ns, time_ns))

    def give(self, fd: int, uid: int, gid: int | None) -> None:
        """Make a file another user's, and another group's if one is named."""
        os.fchown(fd, uid, -1 if gid is None else gid)

    # Durability

    def sync(self, fd: int, with_times: bool = False) -> None:
        """Return when what was written to a file (and its times) would survive a power failure."""
        if with_times:
            os.fsync(fd)
        else:
            os.fdatasync(fd)

    def sync_directory(self, path: Path) -> None:
        """Return when the names in a directory would survive a power failure."""
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def map(self, fd: int, length: int) -> mmap.mmap:
        """The first bytes of a file as memory: what is stored there outlives the process."""
        return mmap.mmap(fd, length)

    def flush(self, mapping: mmap.mmap) -> None:
        """Return when what was stored in mapped memory would survive a power failure."""
        mapping.flush()

    def database(self, path: Path) -> sqlite3.Connection:
        """A connection to SQLite, for one thread at a time; raises ``sqlite3.Error``.

        What it commits would survive a power failure when the commit returns.
        """
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    # Time

    def time_ns(self) -> int:
        """The time with which files are stamped, in nanoseconds."""
        return time.time_ns()

    def boot_id(self) -> bytes:
        """36 bytes that tell one boot of this machine from the next; always the same if unknown."""
        try:
            return _BOOT_ID.read_bytes()[:36].ljust(36)
        except OSError:
            return b" " * 36


def _lies_in_memory(status: os.stat_result) -> bool:
    """True for a file on a tmpfs."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return False
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    return any(
        fields[2] == device and "tmpfs" in fields[fields.index("-") :][:2]
        for fields in map(str.split, mounts.splitlines())
    )
