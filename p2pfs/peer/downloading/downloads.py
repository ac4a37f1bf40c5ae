"""All downloads of a peer: each from the user's request to the file under its final name."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.chunks import FileInfo, HashList
from p2pfs.errors import (
    AlreadyExists,
    DownloadFailed,
    NotFound,
    P2pfsError,
    Refused,
    StorageProblem,
)
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.download import Download
from p2pfs.peer.downloading.failed_downloads import FailedDownload, FailedDownloads
from p2pfs.peer.downloading.job import Fetched, Job
from p2pfs.peer.downloading.mending import Mending
from p2pfs.peer.downloading.places import Place, place_of
from p2pfs.peer.library import Checkpointer, Holding, Library, LibraryStore, warn_not_recorded
from p2pfs.peer.rates import Reached
from p2pfs.peer.sharing import ShareWatcher
from p2pfs.peer.sources import SourcePool
from p2pfs.peer.storage import (
    Disk,
    FileChanged,
    PartFile,
    Stamp,
    already_exists,
    copy_chunks,
    is_same,
    part_name,
    remove_part,
)
from p2pfs.tasks import detached, end_of
from p2pfs.threads import in_thread
from p2pfs.wire.messages import ReplyFileLocation

MAX_DOWNLOADS = 64
"""Files that are downloaded at the same time."""

MOST_ENDS = 5
"""How often a whole file is checked at its end, while somebody else keeps writing to it."""


class Downloads:
    """Starts downloads, knows those under way, and ends them."""

    log = Logger()

    def __init__(
        self,
        context: DownloadContext,
        disk: Disk,
        library: Library,
        store: LibraryStore,
        share_watcher: ShareWatcher,
        journals: Path,
        possible: int = MAX_DOWNLOADS,
    ) -> None:
        """``journals`` is the directory where running downloads keep theirs.

        ``possible`` are as many downloads as the system's limit of open files allows.
        """
        self.most = min(MAX_DOWNLOADS, possible)
        self._journals = journals
        self._context = context
        self._disk = disk
        self._share_watcher = share_watcher
        self._reactor = context.reactor
        self._announcer = context.announcer
        self._library = library
        self._store = store
        self._running: dict[Job, Deferred[None]] = {}
        self.failed = FailedDownloads()

    @property
    def jobs(self) -> list[Job]:
        """The downloads under way."""
        return list(self._running)

    def new_pool(self) -> SourcePool:
        """Connections to sources, to be shared by the files of one command, which closes them."""
        context = self._context
        return SourcePool(
            self._reactor,
            context.patience,
            context.incoming,
            context.call_backs,
            context.room,
        )

    def start(
        self,
        name: str,
        target: Path,
        overwrite: bool = False,
        pool: SourcePool | None = None,
        place: Place | None = None,
    ) -> tuple[Job, Deferred[Fetched]]:
        """Begin to fetch one file to ``target``, an absolute path that is no directory.

        Without a ``pool`` it has connections of its own, closed at its end. ``place`` is
        where ``target`` is, if that is known already. The Deferred fails with a
        `P2pfsError`, with `AlreadyExists` when another file is being downloaded to that
        place; cancelling it cancels the job, which then ends in its own time. Raises
        `AlreadyExists` when the file is being downloaded, and `DownloadFailed` when too
        many are.
        """
        if len(self._running) >= self.most:
            advice = "; more need a higher limit of open files" if self.most < MAX_DOWNLOADS else ""
            raise DownloadFailed(
                f"{self.most} downloads are under way, which is the most; wait for one, or cancel "
                f"one{advice}."
            )
        for other in self._running:
            if name == other.name:
                raise _under_way(other)
        job = Job(name, target, overwrite, self._reactor.seconds())
        fetched, end = detached(self._attempt(job, pool, place), job.cancel)
        self._running[job] = end
        end.addCallback(self._forget, job)
        return job, fetched

    def cancel(self, name: str) -> None:
        """Cancel the download of that name; raises `NotFound`."""
        for job in self._running:
            if job.name == name:
                return job.cancel()
        raise NotFound(f"'{name}' is not being downloaded; 'status' shows what is.")

    async def stop(self) -> None:
        """Cancel all downloads and wait for their ends."""
        for job in self.jobs:
            job.cancel()
        for end in list(self._running.values()):
            await end_of(end)

    def _forget(self, _: None, job: Job) -> None:
        del self._running[job]

    # One download

    async def _attempt(self, job: Job, shared: SourcePool | None, place: Place | None) -> Fetched:
        """Fetch it, and remember why if that fails."""
        pool = shared or self.new_pool()
        try:
            await self._take(job, place)
            fetched = await self._fetch(job, pool)
        except P2pfsError as error:
            state = job.download.last_state if job.download else None
            self.failed.note(FailedDownload(job.name, self._reactor.seconds(), str(error), state))
            raise
        finally:
            if shared is None:
                await pool.close()
        self.failed.forget(job.name)
        job.phase = "finished"
        return fetched

    async def _fetch(self, job: Job, pool: SourcePool) -> Fetched:
        await self._share_watcher.restored()
        location = await self._locate(job)
        job.check()
        holding = await self._prepare(job, location.fileinfo)
        part = holding.part
        assert part is not None
        checkpointer = None if job.is_copy else self._checkpointer(holding, part)
        fresh = self.new_pool()
        finished = False
        try:
            job.check()
            if checkpointer is not None:
                await checkpointer.start()
                self._announcer.announce(holding).addErrback(_tracker_lost)
            job.check()
            stamp, received, reached = await self._fetch_chunks(
                job, (pool, fresh), holding, checkpointer, location
            )
            holding.became_share(stamp, reached)
            finished = True
        finally:
            await fresh.close()
            if checkpointer is not None:
                await checkpointer.stop()
            if not finished:
                await self._leave(holding, part, checkpointer)
            holding.left()
            part.close()
        if checkpointer is not None:
            job.phase = "putting it on record"
            await self._put_on_record(holding, checkpointer)
        else:
            self._replaced_share(job, holding)
        return Fetched(
            job.name,
            job.target,
            holding.info.filesize,
            self._reactor.seconds() - job.started,
            {str(address): count for address, count in received.items()},
            reached,
        )

    async def _put_on_record(self, share: Holding, checkpointer: Checkpointer) -> None:
        """See to what is left to do for a download that has just become a share."""
        self._announcer.flush()
        # Without this record a restart finds the whole file, and makes up for it.
        await self._store.save(share).addErrback(warn_not_recorded)
        await checkpointer.forget()
        if self._holds(share) and not share.info.totalchunknum:
            # Without chunks to register, only publishing makes a holder of it.
            self._announcer.announce(share).addErrback(_tracker_lost)

    def _holds(self, holding: Holding) -> bool:
        return self._library.get(holding.name) is holding

    async def _take(self, job: Job, place: Place | None) -> None:
        """Make sure that nothing else goes to the same place, by whatever path."""
        job.place = place or await in_thread(self._reactor, place_of, job.target)
        for other in self._running:
            if other is not job and other.place == job.place:
                taken, job.place = _under_way(other), None
                raise taken

    async def _fetch_chunks(
        self,
        job: Job,
        pools: tuple[SourcePool, SourcePool],
        holding: Holding,
        checkpointer: Checkpointer | None,
        location: ReplyFileLocation,
    ) -> tuple[Stamp, Counter[Address], Reached | None]:
        """Fetch all that is missing, and give the file its final name.

        What somebody else wrote to the part file is fetched anew before that, over
        connections of the second of ``pools``, which is this download's alone. Returns the
        stamp of the file, the bytes that came from each source, and how well that went.
        """
        pool, fresh = pools
        part = holding.part
        assert part is not None
        mending = Mending(self._reactor, self._announcer, self._library, job, holding, checkpointer)
        received: Counter[Address] = Counter()
        ends = 0
        while ends < MOST_ENDS:
            if part.touched:
                await mending.mend()
            if checkpointer is None:
                await self._copy(job, holding)
                job.check()
            download = job.download = Download(self._context, pool, holding, checkpointer)
            mending.watch(download)
            download.start(location)
            try:
                await download.finished
            except CancelledError:
                job.check()
                if not part.touched:
                    raise
                # Sources take what was broken off for under way still, on the same connection.
                await fresh.close()
                pool = fresh
            received.update(download.received)
            job.download, job.phase = None, "syncing the file and giving it its name"
            stamp = await in_thread(self._reactor, part.finish, job.target, job.overwrite)
            if stamp is not None:
                return stamp, received, download.reached
            ends += holding.chunks.whole
        raise StorageProblem(
            f"Somebody else keeps writing to {part.path}, and would spoil {job.target}; end that, "
            "and download it again."
        )

    async def _leave(
        self, holding: Holding, part: PartFile, checkpointer: Checkpointer | None
    ) -> None:
        """Leave what came to be gone on with, or nothing if nothing came."""
        try:
            if checkpointer is None:
                # Nobody would know whose it is, and copying it again is quick.
                await in_thread(
                    self._reactor, remove_part, self._disk, holding.path, holding.identity
                )
            elif holding.chunks.bits:
                await checkpointer.settle()
                holding.left()
                if part.touched:
                    reason = FileChanged(f"{holding.path} was changed.")
                    self._share_watcher.changed(holding, reason)
            else:
                await checkpointer.forget()
                holding.left()
                await self._share_watcher.give_up(holding)
        except StorageProblem as error:
            # What the download ended for is to be told, not this.
            self.log.warn("{error}", error=str(error))

    def _checkpointer(self, holding: Holding, part: PartFile) -> Checkpointer:
        return Checkpointer(self._reactor, self._disk, self._store, self._journals, holding, part)

    async def _locate(self, job: Job) -> ReplyFileLocation:
        try:
            return await self._announcer.locate(job.name)
        except Refused:
            raise NotFound(
                f"Nobody offers '{job.name}'; 'list_file' shows what is offered."
            ) from None

    async def _prepare(self, job: Job, info: FileInfo) -> Holding:
        """The holding to download into, its part file open, what it has already verified.

        What this peer holds may be another after each wait: then all is looked at anew.
        """
        known = self._library.get(job.name)
        if known is not None and known.info != info:
            if known.is_share:
                raise AlreadyExists(
                    f"This peer shares another content as '{job.name}'; unpublish it first."
                )
            await self._share_watcher.give_up(known)
            return await self._prepare(job, info)
        unfinished = known is not None and not known.is_share
        if known is not None and unfinished:
            job.phase = "checking what was there before"
            await self._share_watcher.check_unfinished(known)
            job.check()
            if known.is_share or not self._holds(known):
                return await self._prepare(job, info)
            if not await in_thread(
                self._reactor, is_same, self._disk, known.path, known.identity
            ):  # it is gone, or something else lies there, which stays
                await self._share_watcher.give_up(known)
                return await self._prepare(job, info)
            if known.target != job.target:
                raise AlreadyExists(
                    f"An unfinished download of '{job.name}' lies in {known.path}; download it to "
                    f"{known.target} to go on, or unpublish it to give it up."
                )
        await in_thread(self._reactor, _check_target, job)
        if self._library.get(job.name) is not known:
            return await self._prepare(job, info)
        if known is None or not unfinished:
            return await self._begin(job, info, known)
        if known.is_share or self._share_watcher.is_checking(known):
            return await self._prepare(job, info)
        return await self._go_on(job, known)

    async def _go_on(self, job: Job, holding: Holding) -> Holding:
        """The same of an unfinished download."""
        job.phase = "preparing the part file"
        holding.begin()
        try:
            assert holding.identity is not None
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
            return await self._prepare(job, holding.info)
        holding.opened(part, holding.identity)
        job.holding = holding
        return holding

    async def _begin(self, job: Job, info: FileInfo, share: Holding | None) -> Holding:
        """The same of a download that has nothing yet but perhaps this peer's own ``share``."""
        job.phase = "preparing the part file"
        total = info.totalchunknum
        hashes = HashList(total) if share is None else HashList(total, bytes(share.hashes))
        path = job.target.with_name(part_name(self._context.random))
        holding = Holding.begun(job.name, info, hashes, path, job.target)
        job.is_copy = share is not None
        if share is None:
            # On record first: a part file is never there without it being known whose it is.
            self._library.add(holding)
            try:
                await self._store.save(holding)
            except StorageProblem:
                self._library.discard(holding)
                raise
        try:
            part = await in_thread(self._reactor, PartFile.create, self._disk, path, info.filesize)
            holding.opened(part, part.identity)
        except StorageProblem:
            if share is None:
                await self._share_watcher.give_up(holding)
            raise
        job.holding = holding
        return holding

    async def _copy(self, job: Job, holding: Holding) -> None:
        """Take from this peer's own share what is right in it."""
        share = self._library.get(job.name)
        if share is None or share.info != holding.info:
            return  # it was unpublished just now
        job.phase = "copying from this peer's own share"
        assert holding.part is not None
        try:
            copied = await in_thread(
                self._reactor,
                copy_chunks,
                self._disk,
                share.path,
                share.stamp,
                holding.part,
                holding.info,
                holding.hashes,
                holding.chunks.missing,
                job.stop,
            )
            holding.copied(copied)
        except StorageProblem as error:
            self.log.warn("{error}", error=str(error))

    def _replaced_share(self, job: Job, copy: Holding) -> None:
        """When the copy of a share went to the place of the share, the share bears its stamp."""
        share = self._library.get(job.name)
        if share is not None and (share.path, share.info) == (job.target, copy.info):
            assert copy.stamp is not None
            share.replaced(copy.stamp)
            self._store.save(share).addErrback(warn_not_recorded)


def _check_target(job: Job) -> None:
    """Raise what speaks against writing there; blocks, so it belongs into a thread."""
    if job.target.is_dir():
        raise StorageProblem(f"{job.target} is a directory; give a path for the file in it.")
    if not job.overwrite and os.path.lexists(job.target):
        raise already_exists(job.target)


def _under_way(job: Job) -> AlreadyExists:
    return AlreadyExists(
        f"'{job.name}' is being downloaded to {job.target} just now; wait for it, or cancel it."
    )


def _tracker_lost(failure: Failure) -> None:
    """Joining again will announce everything."""
    failure.trap(P2pfsError)
