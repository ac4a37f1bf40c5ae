"""From the tracker's word to an open part file: begun anew, gone on with, or for a copy."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from p2pfs.chunks import FileInfo, HashList
from p2pfs.errors import AlreadyExists, StorageProblem
from p2pfs.peer.downloading.job import Job
from p2pfs.peer.downloading.places import is_directory, is_there
from p2pfs.peer.downloading.space import check_space
from p2pfs.peer.library import Holding, Library, LibraryStore
from p2pfs.peer.sharing import ShareWatcher
from p2pfs.peer.storage import Disk, PartFile, already_exists, is_same, part_name
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread


class Preparing:
    """Makes holdings to download into, each with its part file open.

    What this peer holds under the name says what is to be done:

    ===================  =======================================================
    nothing              a download begins, on record before its part file is made
    a share              a copy of it begins, which is on no record
    another content      a share is in the way; an unfinished download is given up
    what is unfinished   it is checked, and gone on with
    ===================  =======================================================

    After each wait it may be another: then all is looked at anew.
    """

    def __init__(
        self,
        reactor: ThreadedReactor,
        random: Random,
        disk: Disk,
        library: Library,
        store: LibraryStore,
        share_watcher: ShareWatcher,
    ) -> None:
        """``random`` draws the names of part files."""
        self._reactor = reactor
        self._random = random
        self._disk = disk
        self._library = library
        self._store = store
        self._share_watcher = share_watcher

    async def prepare(self, job: Job, info: FileInfo) -> Holding:
        """The holding of a job, which is told of it; it has what was verified before.

        Raises `AlreadyExists` when something is in the way, and `StorageProblem`.
        """
        holding = None
        while holding is None:
            known = self._library.get(job.name)
            if known is None:
                holding = await self._begin(job, info)
            elif known.info != info:
                await self._make_way(job, known)
            elif known.is_share:
                holding = await self._begin_copy(job, known)
            else:
                holding = await self._go_on(job, known)
        job.holding = holding
        return holding

    # Each of these ends with None when it is to be looked at anew.

    async def _begin(self, job: Job, info: FileInfo) -> Holding | None:
        """Nothing is held under that name."""
        await in_thread(self._reactor, _check_target, job)
        await in_thread(self._reactor, check_space, self._disk, job.name, job.target, info.filesize)
        if self._library.get(job.name) is not None:
            return None
        job.phase = "preparing the part file"
        holding = self._new(job, info, info.hash_list())
        # On record first: a part file is never there without it being known whose it is.
        self._library.add(holding)
        try:
            await self._store.save(holding)
        except StorageProblem:
            self._library.discard(holding)
            raise
        try:
            await self._create(holding)
        except StorageProblem:
            await self._share_watcher.give_up(holding)
            raise
        return holding

    async def _begin_copy(self, job: Job, share: Holding) -> Holding | None:
        """This peer has the file already: what it copies to is known to nobody else."""
        await in_thread(self._reactor, _check_target, job)
        await in_thread(
            self._reactor, check_space, self._disk, job.name, job.target, share.info.filesize
        )
        if not self._holds(share):
            return None
        job.phase, job.is_copy = "preparing the part file", True
        hashes = share.info.hash_list(bytes(share.hashes))
        holding = self._new(job, share.info, hashes)
        await self._create(holding)
        return holding

    async def _go_on(self, job: Job, unfinished: Holding) -> Holding | None:
        """An earlier download of the same content has left something."""
        job.phase = "checking what was there before"
        # What is only now found to be gone was removed; of what is known to be away, its user
        # was told, and it may be back.
        watcher = self._share_watcher
        was_away = unfinished.withheld is not None or watcher.is_checking(unfinished)
        await watcher.check_unfinished(unfinished)
        job.check()
        if unfinished.is_share or not self._holds(unfinished):
            return None
        if was_away and unfinished.withheld is not None:
            raise StorageProblem(
                f"What came of '{job.name}' so far is away: {unfinished.withheld.reason} See to "
                "its disk and download it again to go on, or unpublish it to begin anew."
            )
        if not await in_thread(
            self._reactor, is_same, self._disk, unfinished.path, unfinished.identity
        ):  # it is gone, or something else lies there, which stays
            await self._share_watcher.give_up(unfinished)
            return None
        if unfinished.target != job.target:
            raise AlreadyExists(
                f"An unfinished download of '{job.name}' lies in {unfinished.path}; download it to "
                f"{unfinished.target} to go on, or unpublish it to give it up."
            )
        await in_thread(self._reactor, _check_target, job)
        if unfinished.is_share or not self._holds(unfinished):
            return None
        if self._share_watcher.is_checking(unfinished):
            return None
        job.phase = "preparing the part file"
        return await self._reopen(unfinished)

    async def _make_way(self, job: Job, other: Holding) -> None:
        """Another content has the name: an unfinished download of that is given up."""
        if other.is_share:
            raise AlreadyExists(
                f"This peer shares another content as '{job.name}'; unpublish it first."
            )
        await self._share_watcher.give_up(other)

    # Part files

    def _new(self, job: Job, info: FileInfo, hashes: HashList) -> Holding:
        path = job.target.with_name(part_name(self._random))
        return Holding.begun(job.name, info, hashes, path, job.target, job.signature)

    async def _create(self, holding: Holding) -> None:
        """Make its part file."""
        part = await in_thread(
            self._reactor, PartFile.create, self._disk, holding.path, holding.info.filesize
        )
        holding.opened(part, part.identity)

    async def _reopen(self, holding: Holding) -> Holding | None:
        """Open the part file that it has; when that is gone, it is given up."""
        assert holding.identity is not None
        holding.begin()
        try:
            await self._store.save(replace(holding, stamp=None))
            part = await in_thread(
                self._reactor,
                PartFile.reopen,
                self._disk,
                holding.path,
                holding.info.filesize,
                holding.identity,
                holding.stamp,
            )
        except BaseException:
            holding.left()
            raise
        if part is None:
            holding.left()
            await self._share_watcher.give_up(holding)
            return None
        holding.opened(part, holding.identity)
        return holding

    def _holds(self, holding: Holding) -> bool:
        return self._library.get(holding.name) is holding


def _check_target(job: Job) -> None:
    """Raise what speaks against writing there; blocks, so it belongs into a thread."""
    if is_directory(job.target):
        raise StorageProblem(f"{job.target} is a directory; give a path for the file in it.")
    if not job.overwrite and is_there(job.target):
        raise already_exists(job.target)
