"""A download of what lies at its place already: that is seen, and nothing is fetched."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.python.failure import Failure

from p2pfs.chunks import FileInfo, HashList
from p2pfs.errors import Cancelled, P2pfsError, StorageProblem
from p2pfs.peer.announcing import Announcer
from p2pfs.peer.downloading.job import Job
from p2pfs.peer.library import Holding, Library, LibraryStore, warn_not_recorded
from p2pfs.peer.sharing import ShareWatcher
from p2pfs.peer.storage import Disk, Stamp, hash_list
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import Threads, in_thread


class AlreadyThere:
    """Looks whether a file is at the target already, and makes it a share of this peer then.

    A share of this peer is known by its stamp. Any other regular file of the right size is
    read and hashed, all of it, by threads for long computations.
    """

    def __init__(
        self,
        reactor: ThreadedReactor,
        disk: Disk,
        background: Threads,
        library: Library,
        store: LibraryStore,
        announcer: Announcer,
        share_watcher: ShareWatcher,
    ) -> None:
        """``background`` hashes."""
        self._reactor = reactor
        self._disk = disk
        self._background = background
        self._library = library
        self._store = store
        self._announcer = announcer
        self._share_watcher = share_watcher

    async def look(self, job: Job, info: FileInfo) -> bool:
        """Whether what the job is to fetch lies at its target.

        What cannot be read is not that. Raises the job's reason once that is cancelled, and
        `StorageProblem` when what an earlier download left cannot be removed.
        """
        stamp = await in_thread(self._reactor, _stamp_at, self._disk, job.target)
        if stamp is None or stamp.size != info.filesize:
            return False
        held = self._library.get(job.name)
        if held is not None and (held.path, held.info, held.stamp) == (job.target, info, stamp):
            return held.is_share
        if info.root is None and info.totalchunknum:
            return False  # nobody has said how it is to be known
        job.phase = "checking the file that is there"
        try:
            hashes = await self._background.run(
                hash_list, self._disk, job.target, stamp, info, job.stop
            )
        except Cancelled:
            job.check()
            raise
        except StorageProblem:
            return False
        job.check()
        if info.totalchunknum and hashes.root != info.root:
            return False
        await self._share(job, info, hashes, stamp)
        return True

    async def _share(self, job: Job, info: FileInfo, hashes: HashList, stamp: Stamp) -> None:
        """Share it as any file that was downloaded, unless its name is that of something else."""
        held = self._library.get(job.name)
        if held is not None and held.target == job.target:
            await self._share_watcher.give_up(held)  # an earlier download to that place
            held = self._library.get(job.name)
        if held is None:
            held = Holding.published(job.name, info, hashes, job.target, stamp, job.signature)
            self._library.add(held)
            self._announcer.announce(held).addErrback(_announced_later)
        elif held.is_share and (held.path, held.info) == (job.target, info):
            held.replaced(stamp)
        else:
            return
        # Without this record a restart does not share it; it is there all the same.
        await self._store.save(held).addErrback(warn_not_recorded)


def _stamp_at(disk: Disk, path: Path) -> Stamp | None:
    """The stamp of the regular file at a path, links followed; None when there is none; blocks."""
    try:
        status: os.stat_result = disk.status(path)
    except OSError:
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) else None


def _announced_later(failure: Failure) -> None:
    """Refusals are shown with the share; without a tracker, joining one announces everything."""
    failure.trap(P2pfsError)
