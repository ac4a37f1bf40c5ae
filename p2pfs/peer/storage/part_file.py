"""The file a download is written to until it is whole, and who else wrote to it.

Everything here blocks, and belongs into a thread. Errors of the disk come out
as `StorageProblem`, in words.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from p2pfs.chunks import ChunkSet
from p2pfs.errors import StorageProblem
from p2pfs.peer.storage.disk import Disk
from p2pfs.peer.storage.files import ChunkReader, FileChanged, Stamp, explained
from p2pfs.peer.storage.journal import Journal
from p2pfs.peer.storage.part_place import is_same, rename_unless_exists

MARK_NS = 3_600_000_000_000
"""How far back the time of modification is set after each of our own writes to a part file.

A write of somebody else sets it to the present, so it shows, even within the same tick of the
clock that files are stamped by.
"""


class Owner(NamedTuple):
    """A user to whom a file is to belong, and a group, if that is known."""

    uid: int
    gid: int | None = None


class PartFile:
    """The file a download is written to until it is whole; may be used from any thread.

    Each of our writes first sees whether the file is as our last one left it. If it is
    not, somebody else changed it: it is *touched* until its chunks have been checked.
    """

    def __init__(self, disk: Disk, path: Path, size: int, fd: int) -> None:
        self._disk = disk
        self.path = path
        self.size = size
        self.journal: Journal | None = None
        """Told of every write, while there is one."""
        self.when_touched: Callable[[], None] = _nobody_asks
        """Called, in any thread, when somebody else is found to have changed the file."""
        self._fd = fd
        self._lock = Lock()
        self._left: Stamp | None = None
        self._allocated = False
        self._changes = 0
        self._vouched = 0
        self._finished: Stamp | None = None

    @classmethod
    def create(cls, disk: Disk, path: Path, size: int) -> PartFile:
        """A new part file for ``size`` bytes, which takes no room before the first is written.

        Raises `StorageProblem`, also when anything is there already.
        """
        with explained("create", path):
            fd = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
        part = cls(disk, path, size, fd)
        try:
            part._begin(None)
        except StorageProblem:
            disk.close(fd)
            disk.unlink(path)
            raise
        return part

    @classmethod
    def reopen(
        cls, disk: Disk, path: Path, size: int, identity: int, stamp: Stamp | None
    ) -> PartFile | None:
        """The part file that an earlier download left; None when it is not there any more.

        A file of another ``identity`` is not taken for it. It is touched unless it
        bears ``stamp``. Raises `StorageProblem`.
        """
        if not is_same(disk, path, identity):
            return None
        with explained("open", path):
            fd = disk.open(path, os.O_RDWR | os.O_NOFOLLOW)
        part = cls(disk, path, size, fd)
        try:
            if part.identity == identity:
                part._begin(stamp)
                return part
        except StorageProblem:
            disk.close(fd)
            raise
        disk.close(fd)
        return None

    @property
    def identity(self) -> int:
        """What the file is known by, whatever its name."""
        with explained("read", self.path):
            return self._disk.identity(self._fd)

    def _begin(self, stamp: Stamp | None) -> None:
        self._left = Stamp.of(self.status(), with_change=True)
        if stamp is not None and stamp != self._left:
            self._changes += 1

    # Writing

    def write(self, offset: int, pieces: Sequence[bytes | memoryview]) -> None:
        """Write pieces one behind the other, beginning at ``offset``.

        The first write takes the room for all of the file; raises `StorageProblem`, for
        instance when the disk does not have it.
        """
        with self._lock:
            with explained("write", self.path):
                self._look()
                if self.journal is not None:
                    self.journal.begin()
            try:
                if not self._allocated:
                    self._allocate()
                with explained("write", self.path):
                    self._write(offset, pieces)
            finally:
                with explained("write", self.path):
                    self._leave(self._disk.time_ns() - MARK_NS)

    def _write(self, offset: int, pieces: Sequence[bytes | memoryview]) -> None:
        rest = [memoryview(piece) for piece in pieces]
        while rest:
            written = self._disk.write(self._fd, rest, offset)
            offset += written
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest and written:
                rest[0] = rest[0][written:]

    def _allocate(self) -> None:
        with explained("allocate", self.path):
            if self.size or self._disk.status(self._fd).st_size:
                self._disk.allocate(self.path, self._fd, self.size)
            self._allocated = True

    def keep_journal(self, disk: Disk, path: Path, chunks: ChunkSet) -> None:
        """Begin a journal, which says that these chunks are right."""
        with explained("write", path), self._lock:
            self._look()
            path.parent.mkdir(mode=0o700, exist_ok=True)
            left = self._stamp(self._fd)
            self.journal = Journal(disk, path, self.identity, self.size, left, chunks)
            if self.touched:
                self.journal.disown()

    def end_journal(self) -> bool:
        """Close the journal; its file stays. False when there is none."""
        with self._lock:
            journal, self.journal = self.journal, None
            if journal is not None:
                journal.close()
            return journal is not None

    # Who else wrote

    @property
    def touched(self) -> bool:
        """True while somebody else is known to have changed it since it was checked."""
        return self._changes > self._vouched

    def distrust(self) -> None:
        """Take it for touched: a chunk in it is wrong, whatever its times tell."""
        with self._lock:
            self._touch()

    def _look(self, fd: int | None = None) -> None:
        """See whether it is as we left it; the lock is held."""
        stamp = self._stamp(self._fd if fd is None else fd)
        if self._left is not None and stamp != self._left:
            self._left = stamp
            self._touch()

    def _stamp(self, fd: int) -> Stamp:
        return Stamp.of(self._disk.status(fd), with_change=True)

    def _touch(self) -> None:
        self._changes += 1
        if self.journal is not None:
            self.journal.disown()
        self.when_touched()

    def _leave(self, mark_ns: int) -> None:
        """Remember how we leave it, marked with that time; the lock is held."""
        with suppress(OSError):  # where times cannot be set, those of the system have to do
            self._disk.mark(self._fd, mark_ns)
        self._left = left = self._stamp(self._fd)
        if self.journal is not None:
            self.journal.end(left)
        cut = self._allocated and self.size and left.size != self.size
        if cut and not self.touched:
            self._touch()  # during our own write

    def check(self, fd: int) -> None:
        """Raise `FileChanged` when somebody else changed the file and nobody checked it since.

        ``fd`` is a descriptor of the same file. Does not wait for a write under way, which
        has looked just before.
        """
        if self._finished is not None:
            if not self._finished.matches(self._disk.status(fd)):
                raise FileChanged(f"{self.path} was changed.")
            return
        if self._lock.acquire(blocking=False):
            try:
                self._look(fd)
            finally:
                self._lock.release()
        if self.touched:
            raise FileChanged(f"{self.path} was changed.")

    def repair(self) -> int:
        """Give a touched file its size back; returns what `vouch` is to be told.

        That is when the chunks have been found right that are held, read after this.
        """
        with self._lock:
            with explained("read", self.path):
                self._look()
                self._check_place()
            try:
                if self._allocated or not self.size:
                    self._allocate()
            finally:
                with explained("write", self.path):
                    # What others store in memory shows again once their pages are written.
                    self._disk.sync(self._fd)
                    self._leave(self._disk.time_ns() - MARK_NS)
            return self._changes

    def vouch(self, changes: int) -> None:
        """What changed before `repair` is known: it is touched only if there is more."""
        self._vouched = changes

    # Reading

    def reader(self) -> ChunkReader:
        """A reader that sees when somebody else changes the file; raises `FileChanged`.

        It survives the renaming and closing of the part file.
        """
        return _PartReader(self._disk, self._disk.duplicate(self._fd), self).checked()

    def plain_reader(self) -> ChunkReader:
        """A reader of whatever is there."""
        return ChunkReader(self._disk, self._disk.duplicate(self._fd), self.path, None)

    def status(self) -> os.stat_result:
        """The present status of the file."""
        with explained("read", self.path):
            return self._disk.status(self._fd)

    # The end

    def sync(self) -> Stamp | None:
        """Force what was written onto the disk; the stamp of a part file left like that.

        None when it is touched.
        """
        with explained("write", self.path):
            self._disk.sync(self._fd)
            if self.journal is not None:
                self.journal.flush()
            with self._lock:
                self._look()
                stamp = self._stamp(self._fd)
        return None if self.touched else stamp

    def give(self, owner: Owner) -> bool:
        """Make it another user's; False when the system does not let this one give files away."""
        with explained("write", self.path), self._lock:
            if self._disk.status(self._fd).st_uid == owner.uid:
                return True
            self._look()
            try:
                self._disk.give(self._fd, *owner)
            except PermissionError:
                return False
            self._leave(self._disk.time_ns() - MARK_NS)
        return True

    def finish(self, target: Path, overwrite: bool) -> Stamp | None:
        """Sync, and rename to ``target``; the stamp of the finished file.

        None, and nothing is renamed, when it is touched. Raises `AlreadyExists` when the
        target is there and not to be overwritten.
        """
        with explained("write", target), self._lock:
            self._look()
            if self.touched:
                return None
            if not self._allocated:
                self._allocate()  # all was there before
            self._leave(self._disk.time_ns())
            self._disk.sync(self._fd, with_times=True)
            # From here to the new name nothing is waited for: what somebody else writes
            # meanwhile is the one thing that is not seen.
            self._check_place()
            self._look()
            if self.touched:
                return None
            left = self._left
            assert left is not None
            if overwrite:
                self._disk.replace(self.path, target)
            else:
                rename_unless_exists(self._disk, self.path, target)
            self._finished = left._replace(changed_ns=None)
            self._disk.sync_directory(target.parent)
        return self._finished

    def _check_place(self) -> None:
        if not is_same(self._disk, self.path, self.identity):
            raise StorageProblem(
                f"{self.path} was taken away while it was written to; see to its directory, and "
                "download it again."
            )

    def close(self) -> None:
        """Close the file."""
        self._disk.close(self._fd)


class _PartReader(ChunkReader):
    """Reads from a part file, as long as it is what we wrote."""

    def __init__(self, disk: Disk, fd: int, part: PartFile) -> None:
        super().__init__(disk, fd, part.path, None)
        self._part = part

    def check(self) -> None:
        with explained("read", self._path):
            self._part.check(self._fd)


def _nobody_asks() -> None:
    """Stands for who wants to know of changes at once."""
