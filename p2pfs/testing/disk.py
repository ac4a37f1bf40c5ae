"""A drive with faults, and the disk that the processes of its host see."""

from __future__ import annotations

import errno
import mmap
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Literal

from p2pfs.peer.storage import Disk
from p2pfs.testing.timeline import Timeline

SECOND_NS = 1_000_000_000
EPOCH_NS = 1_800_000_000 * SECOND_NS
"""What the clock of a drive shows when simulated time begins."""


_MORE = ("st_blksize", "st_blocks", "st_rdev")
"""What a status has beside its first ten values and the exact times."""


@dataclass
class _Unsynced:
    """What a power failure undoes of a file: what it held at the places written since."""

    length: int
    overwritten: list[tuple[int, bytes]] = field(default_factory=list)


class Drive:
    """Keeps files in a real directory, and has the faults it is told to have.

    Attributes may be set at any time: ``full`` refuses whatever needs room, ``space`` is how
    many bytes it says are left, ``failing`` refuses the named kinds of calls, ``rate`` (bytes
    a second) and ``seek`` (seconds a call) make it slow, ``disorder`` (seconds) lets pieces of work
    wait by chance, so that others overtake them, ``clock_offset`` (seconds) makes its
    clock go wrong. The time stamps of files written here are simulated too.

    No two changes have the same time stamp, as with Linux from 6.13 on: that a file changed
    shows however soon after the last look it did. Elsewhere stamps stand still for a tick.
    """

    def __init__(self, timeline: Timeline, random: Random) -> None:
        self.full = False
        self.space = 1 << 50
        self.failing: frozenset[Literal["read", "write", "sync"]] = frozenset()
        self.rate: float | None = None
        self.seek = 0.0
        self.disorder = 0.0
        self.clock_offset = 0.0
        self.boots = 1
        self._timeline = timeline
        self._random = random
        self._busy_until = 0.0
        self._pending = 0.0
        self._stamps: dict[int, tuple[int, int, int]] = {}
        self._unsynced: dict[Path, _Unsynced] = {}
        self._renamed: list[tuple[Path, Path, bytes | None]] = []
        self._mapped: dict[Path, bytes] = {}

    # For the disk of a process

    def check(self, kind: Literal["read", "write", "sync"], needs_room: bool = False) -> None:
        """Raise OSError when a call of that kind is to fail."""
        if kind in self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if needs_room and self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def worked(self, size: int = 0) -> None:
        """A call has moved that many bytes: it takes its time."""
        self._pending += self.seek + (size / self.rate if self.rate is not None else 0.0)

    def take_time(self, now: float) -> float:
        """Seconds until the calls made since last time are done, one process after the other."""
        if not self._pending:
            return 0.0
        pending, self._pending = self._pending, 0.0
        self._busy_until = max(self._busy_until, now) + pending
        return self._busy_until - now

    def draw_wait(self) -> float:
        """Seconds that the next piece of work waits before it is done."""
        return self._random.uniform(0.0, self.disorder) if self.disorder else 0.0

    def time_ns(self) -> int:
        """What its clock shows."""
        return EPOCH_NS + int((self._timeline.now + self.clock_offset) * SECOND_NS)

    def stamped(self, status: os.stat_result) -> os.stat_result:
        """The status of a file with its simulated times.

        A file that something else than this drive has written counts as written now,
        when that is first seen, but not at the very moment at which a process wrote.
        """
        real, modified, changed = self._stamps.get(status.st_ino, (0, 0, 0))
        if real != status.st_mtime_ns:
            now = self.time_ns()
            modified = changed = now + (now == changed)
            self._stamps[status.st_ino] = status.st_mtime_ns, modified, changed
        times = {"st_atime_ns": modified, "st_mtime_ns": modified, "st_ctime_ns": changed}
        # Python takes the exact times, which are not among the first ten, from the mapping.
        more: dict[str, Any] = {name: getattr(status, name) for name in _MORE} | times
        return os.stat_result(tuple(status)[:10], more)

    def stamp(self, place: Path | int) -> None:
        """A file was written just now."""
        now = self.time_ns()
        # So a later write by something else shows, however soon it comes.
        os.utime(place, ns=(now, now))
        self._stamps[os.stat(place).st_ino] = now, now, now

    def mark(self, place: int, time_ns: int) -> None:
        """A file is given a time of modification just now."""
        os.utime(place, ns=(time_ns, time_ns))
        self._stamps[os.fstat(place).st_ino] = time_ns, time_ns, self.time_ns()

    def renamed(self, place: Path) -> None:
        """A file got or lost a name just now."""
        status = os.stat(place)
        real, modified, _ = self._stamps.get(status.st_ino, (0, 0, 0))
        if real == status.st_mtime_ns:
            self._stamps[status.st_ino] = real, modified, self.time_ns()

    def overwrites(self, path: Path, fd: int, offset: int, length: int) -> None:
        """Remember, for a power failure, what a write will replace."""
        unsynced = self._unsynced.setdefault(path, _Unsynced(os.fstat(fd).st_size))
        if length:
            unsynced.overwritten.append((offset, os.pread(fd, length, offset)))

    def synced(self, path: Path) -> None:
        """What was written to a file is safe."""
        self._unsynced.pop(path, None)

    def moved(self, source: Path, target: Path, replaced: bytes | None) -> None:
        """A file got another name, which is not safe before its directory is synced."""
        self._renamed.append((source, target, replaced))
        self.forget(target)
        if source in self._unsynced:
            self._unsynced[target] = self._unsynced.pop(source)
        if source in self._mapped:
            self._mapped[target] = self._mapped.pop(source)
        self.renamed(target)

    def forget(self, path: Path) -> None:
        """A file is gone."""
        self._unsynced.pop(path, None)
        self._mapped.pop(path, None)

    def names_synced(self, directory: Path) -> None:
        """The names in a directory are safe."""
        self._renamed = [move for move in self._renamed if move[1].parent != directory]

    def mapped(self, path: Path) -> None:
        """A file is to be written as memory: until that is flushed, it is what it is."""
        self._mapped.setdefault(path, path.read_bytes())

    def flushed(self, path: Path, content: bytes) -> None:
        """What is stored in mapped memory is safe."""
        self._mapped[path] = content

    # Faults

    def power_failed(self, synced_only: bool) -> None:
        """The host lost its power; with ``synced_only`` what was not synced is lost.

        Of several writes that were not synced each may have reached the drive or not.
        """
        self.boots += 1
        self._pending = self._busy_until = 0.0
        if synced_only:
            for path, unsynced in self._unsynced.items():
                self._undo(path, unsynced)
            for path, content in self._mapped.items():
                if path.exists():
                    path.write_bytes(content)
            for source, target, replaced in reversed(self._renamed):
                if target.exists():
                    os.replace(target, source)
                    if replaced is not None:
                        target.write_bytes(replaced)
        self._unsynced.clear()
        self._mapped.clear()
        self._renamed.clear()

    def _undo(self, path: Path, unsynced: _Unsynced) -> None:
        if not path.exists():
            return
        with path.open("r+b") as file:
            for offset, content in reversed(unsynced.overwritten):
                if self._random.random() < 0.5:
                    file.seek(offset)
                    file.write(content)
            if self._random.random() < 0.5:
                file.truncate(unsynced.length)
        self.stamp(path)


class SimulatedDisk(Disk):
    """The disk as one process sees it; once that has ended, every call fails.

    Descriptors are its own, and never given out twice.
    """

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self._dead = False
        self._next = 0
        self._open: dict[int, tuple[int, Path]] = {}
        self._maps: dict[int, tuple[mmap.mmap, Path]] = {}
        self._databases: list[sqlite3.Connection] = []

    @property
    def open_files(self) -> list[Path]:
        """The files that the process has open."""
        return [path for _, path in self._open.values()]

    def end(self) -> None:
        """The process has ended: its files are closed."""
        self._dead = True
        for fd, _ in self._open.values():
            os.close(fd)
        self._open.clear()
        for mapping, _ in self._maps.values():
            if not mapping.closed:
                mapping.close()
        self._maps.clear()
        for database in self._databases:
            database.close()
        self._databases.clear()

    # Files

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        creates = flags & os.O_CREAT and not path.exists()
        self._check("write" if creates else "read", needs_room=bool(creates))
        fd = super().open(path, flags, mode)
        if creates or flags & os.O_TRUNC:
            self.drive.forget(path)
            self.drive.stamp(path)
        return self._add(fd, path)

    def duplicate(self, fd: int) -> int:
        real, path = self._real(fd)
        return self._add(os.dup(real), path)

    def close(self, fd: int) -> None:
        real, _ = self._real(fd)
        del self._open[fd]
        os.close(real)

    def status(self, place: Path | int) -> os.stat_result:
        self._check("read")
        return self.drive.stamped(
            os.stat(self._real(place)[0] if isinstance(place, int) else place)
        )

    def status_of_link(self, path: Path) -> os.stat_result:
        self._check("read")
        return self.drive.stamped(os.lstat(path))

    def identity(self, fd: int) -> int:
        self._check("read")
        return super().identity(self._real(fd)[0])

    def link(self, source: Path, target: Path) -> None:
        self._check("write")
        super().link(source, target)
        self.drive.moved(source, target, None)

    def replace(self, source: Path, target: Path) -> None:
        self._check("write")
        replaced = target.read_bytes() if target.exists() else None
        super().replace(source, target)
        self.drive.moved(source, target, replaced)

    def unlink(self, path: Path) -> None:
        self._check("write")
        super().unlink(path)
        self.drive.forget(path)

    # Their bytes

    def read(self, fd: int, length: int, offset: int) -> bytes:
        real, _ = self._real(fd)
        self._check("read")
        data = super().read(real, length, offset)
        self.drive.worked(len(data))
        return data

    def is_cached(self, fd: int, offset: int, length: int) -> bool:
        return True

    def write(self, fd: int, pieces: Sequence[bytes | memoryview], offset: int) -> int:
        real, path = self._real(fd)
        self._check("write", needs_room=True)
        length = sum(map(len, pieces[:1024]))
        self.drive.overwrites(path, real, offset, length)
        written = super().write(real, pieces, offset)
        self.drive.stamp(real)
        self.drive.worked(written)
        return written

    def mark(self, fd: int, time_ns: int) -> None:
        real, _ = self._real(fd)
        self._check("write")
        self.drive.mark(real, time_ns)

    def give(self, fd: int, uid: int, gid: int | None) -> None:
        real, _ = self._real(fd)
        self._check("write")
        super().give(real, uid, gid)
        self.drive.stamp(real)

    def allocate(self, path: Path, fd: int, size: int) -> None:
        real, _ = self._real(fd)
        self._check("write", needs_room=os.fstat(real).st_size < size)
        self.drive.overwrites(path, real, 0, 0)
        os.ftruncate(real, size)
        self.drive.stamp(real)

    def space(self, path: Path) -> int:
        self._check("read")
        os.statvfs(path)  # which has to be there
        return 0 if self.drive.full else self.drive.space

    # Durability

    def sync(self, fd: int, with_times: bool = False) -> None:
        _, path = self._real(fd)
        self._check("sync")
        self.drive.worked()
        self.drive.synced(path)

    def sync_directory(self, path: Path) -> None:
        self._check("sync")
        self.drive.worked()
        self.drive.names_synced(path)

    def map(self, fd: int, length: int) -> mmap.mmap:
        real, path = self._real(fd)
        mapping = super().map(real, length)
        self._maps[id(mapping)] = mapping, path
        self.drive.mapped(path)
        return mapping

    def flush(self, mapping: mmap.mmap) -> None:
        self._check("sync")
        self.drive.worked()
        self.drive.flushed(self._maps[id(mapping)][1], bytes(mapping[:]))

    def database(self, path: Path) -> sqlite3.Connection:
        self._check("read")
        drive = self.drive

        class Connected(sqlite3.Connection):
            """A connection that fails to commit when the drive does."""

            def __exit__(
                self,
                kind: type[BaseException] | None,
                error: BaseException | None,
                trace: TracebackType | None,
                /,
            ) -> Literal[False]:
                try:
                    drive.check("sync", needs_room=True)
                    drive.check("write")
                except OSError as fault:
                    super().__exit__(type(fault), fault, None)
                    raise sqlite3.OperationalError(fault.strerror) from None
                drive.worked()
                return super().__exit__(kind, error, trace)

        connection = sqlite3.connect(path, check_same_thread=False, factory=Connected)
        # What a commit would sync is safe anyway: this drive loses nothing of a database.
        connection.execute("PRAGMA synchronous = OFF")
        self._databases.append(connection)
        return connection

    # Time

    def time_ns(self) -> int:
        return self.drive.time_ns()

    def boot_id(self) -> bytes:
        return str(self.drive.boots).encode().ljust(36)

    # Inside

    def _check(self, kind: Literal["read", "write", "sync"], needs_room: bool = False) -> None:
        if self._dead:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self.drive.check(kind, needs_room)

    def _add(self, fd: int, path: Path) -> int:
        self._next += 1
        self._open[self._next] = fd, path
        return self._next

    def _real(self, fd: int) -> tuple[int, Path]:
        try:
            return self._open[fd]
        except KeyError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
