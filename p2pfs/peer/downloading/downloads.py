"""All downloads of a peer: each from the user's request to the file under its final name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.chunks import FileInfo
from p2pfs.errors import (
    AlreadyExists,
    DownloadFailed,
    NotFound,
    P2pfsError,
    Refused,
    StorageProblem,
    TrackerUnavailable,
)
from p2pfs.peer.downloading.already_there import AlreadyThere
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.download_log import (
    download_begun,
    download_ended,
    download_failed,
)
from p2pfs.peer.downloading.failed_downloads import FailedDownload, FailedDownloads
from p2pfs.peer.downloading.filling import Filling
from p2pfs.peer.downloading.job import Fetched, Job
from p2pfs.peer.downloading.own_copy import OwnCopy
from p2pfs.peer.downloading.places import Place, place_of
from p2pfs.peer.downloading.preparing import Preparing
from p2pfs.peer.library import Checkpointer, Holding, Library, LibraryStore, warn_not_recorded
from p2pfs.peer.rates import RateMeter
from p2pfs.peer.sharing import ShareWatcher
from p2pfs.peer.sources import SourcePool
from p2pfs.peer.storage import Disk, FileChanged, Owner, PartFile
from p2pfs.tasks import detached, end_of
from p2pfs.threads import Threads, in_thread
from p2pfs.waiters import Waiters
from p2pfs.wire.messages import ReplyFileLocation

MAX_DOWNLOADS = 64
"""Files that are downloaded at the same time."""


class Downloads:
    """Starts downloads, knows those under way, and ends them."""

    log = Logger()

    def __init__(
        self,
        context: DownloadContext,
        disk: Disk,
        background: Threads,
        library: Library,
        store: LibraryStore,
        share_watcher: ShareWatcher,
        journals: Path,
        possible: int = MAX_DOWNLOADS,
    ) -> None:
        """``background`` hashes what is there already.

        ``journals`` is the directory where running downloads keep theirs. ``possible`` are as
        many downloads as the system's limit of open files allows.
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
        self._awaiting_room: Waiters[None] = Waiters()
        self._preparing = Preparing(
            self._reactor, context.random, disk, library, store, share_watcher
        )
        self._already_there = AlreadyThere(
            self._reactor, disk, background, library, store, self._announcer, share_watcher
        )
        self.failed = FailedDownloads()

    @property
    def jobs(self) -> list[Job]:
        """The downloads under way."""
        return list(self._running)

    @property
    def has_room(self) -> bool:
        """Whether one more may begin."""
        return len(self._running) < self.most

    async def room(self) -> None:
        """Wait until one more may begin; it does at once, or others may."""
        while not self.has_room:
            await self._awaiting_room.wait()

    def new_pool(self) -> SourcePool:
        """Connections to sources, to be shared by the files of one command, which closes them."""
        context = self._context
        return SourcePool(
            self._reactor,
            context.patience,
            context.incoming,
            context.call_backs,
            context.room,
            context.door,
        )

    async def ready(self) -> None:
        """Wait for the library to be restored, and then for the tracker: it is joined only now."""
        restored = self._share_watcher.restored()
        if not restored.called:
            await restored
            await self._announcer.needed()

    def start(
        self,
        name: str,
        target: Path,
        overwrite: bool = False,
        pool: SourcePool | None = None,
        place: Place | None = None,
        whole: RateMeter | None = None,
        owner: Owner | None = None,
    ) -> tuple[Job, Deferred[Fetched]]:
        """Begin to fetch one file to ``target``, an absolute path that is no directory.

        Without a ``pool`` it has connections of its own, closed at its end. ``place`` is
        where ``target`` is, if that is known already, and ``whole`` the meter of what this is
        a part of. The file is given to its ``owner``, if there is one and the system allows
        it. The Deferred fails with a
        `P2pfsError`, with `AlreadyExists` when another file is being downloaded to that
        place; cancelling it cancels the job, which then ends in its own time. Raises
        `AlreadyExists` when the file is being downloaded, and `DownloadFailed` when too
        many are.
        """
        if not self.has_room:
            advice = "; more need a higher limit of open files" if self.most < MAX_DOWNLOADS else ""
            raise DownloadFailed(
                f"{self.most} downloads are under way, which is the most; wait for one, or cancel "
                f"one{advice}."
            )
        for other in self._running:
            if name == other.name:
                raise _under_way(other)
        now, in_tree = self._reactor.seconds(), pool is not None
        meter = RateMeter(whole)
        job = Job(name, target, overwrite, now, owner, meter=meter, in_tree=in_tree)
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
        self._awaiting_room.fire(None)

    # One download

    async def _attempt(self, job: Job, shared: SourcePool | None, place: Place | None) -> Fetched:
        """Fetch it, and remember why if that fails."""
        pool = shared or self.new_pool()
        try:
            await self._take(job, place)
            fetched = await self._fetch(job, pool)
        except P2pfsError as error:
            state = job.download.last_state if job.download else None
            now, before = self._reactor.seconds(), self.failed.get(job.name)
            download_failed(job, error, now - job.started, before.error if before else "")
            self.failed.note(FailedDownload(job.name, now, str(error), state))
            raise
        finally:
            if shared is None:
                await pool.close()
        self.failed.forget(job.name)
        job.phase = "finished"
        download_ended(job, fetched)
        return fetched

    async def _fetch(self, job: Job, pool: SourcePool) -> Fetched:
        await self.ready()
        try:
            location = await self._locate(job)
        except TrackerUnavailable:
            share = self._library.get(job.name)
            if share is None or not share.is_share or share.path != job.target:
                raise
            # A name stands for one content, so nobody need be asked which that is.
            if not await self._already_there.look(job, share.info):
                raise
            return self._there(job, share.info)
        job.check()
        if await self._already_there.look(job, location.fileinfo):
            return self._there(job, location.fileinfo)
        holding = await self._preparing.prepare(job, location.fileinfo)
        download_begun(job)
        receive = self._receive_copy if job.is_copy else self._receive
        received = await receive(job, holding, pool, location)
        return Fetched(
            job.name,
            job.target,
            holding.info.filesize,
            self._reactor.seconds() - job.started,
            {str(address): count for address, count in received.items()},
            holding.reached,
            job.kept,
        )

    def _there(self, job: Job, info: FileInfo) -> Fetched:
        """What a download comes to whose file was at its target before."""
        seconds = self._reactor.seconds() - job.started
        return Fetched(job.name, job.target, info.filesize, seconds, {}, already_there=True)

    async def _receive(
        self, job: Job, holding: Holding, pool: SourcePool, location: ReplyFileLocation
    ) -> Counter[Address]:
        """Make a share of a holding, on record all the time; the bytes from each source."""
        part = holding.part
        assert part is not None
        checkpointer = Checkpointer(
            self._reactor, self._disk, self._store, self._journals, holding, part
        )
        fresh = self.new_pool()
        try:
            job.check()
            await checkpointer.start()
            self._announcer.announce(holding).addErrback(_tracker_lost)
            job.check()
            filling = Filling(
                self._context, (pool, fresh), self._library, job, holding, checkpointer
            )
            filled = await filling.fill(location)
            holding.became_share(filled.stamp, filled.reached)
        finally:
            await fresh.close()
            await checkpointer.stop()
            if not holding.is_share:
                await self._leave(holding, part, checkpointer)
            holding.left()
            part.close()
        job.phase = "putting it on record"
        await self._put_on_record(holding, checkpointer)
        return filled.received

    async def _receive_copy(
        self, job: Job, holding: Holding, pool: SourcePool, location: ReplyFileLocation
    ) -> Counter[Address]:
        """The same of a copy of this peer's own share, which is one itself for nobody else."""
        part = holding.part
        assert part is not None
        own = OwnCopy(self._reactor, self._disk, self._library, self._store, job, holding)
        fresh = self.new_pool()
        try:
            job.check()
            filling = Filling(
                self._context, (pool, fresh), self._library, job, holding, first=own.copy
            )
            filled = await filling.fill(location)
            holding.became_share(filled.stamp, filled.reached)
        finally:
            await fresh.close()
            if not holding.is_share:
                await own.remove()
            holding.left()
            part.close()
        own.finished()
        return filled.received

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

    async def _leave(self, holding: Holding, part: PartFile, checkpointer: Checkpointer) -> None:
        """Leave what came to be gone on with, or nothing if nothing came."""
        try:
            if holding.chunks.bits:
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

    async def _locate(self, job: Job) -> ReplyFileLocation:
        try:
            return await self._announcer.locate(job.name)
        except Refused:
            raise NotFound(
                f"Nobody offers '{job.name}'; 'list_files' shows what is offered."
            ) from None


def _under_way(job: Job) -> AlreadyExists:
    return AlreadyExists(
        f"'{job.name}' is being downloaded to {job.target} just now; wait for it, or cancel it."
    )


def _tracker_lost(failure: Failure) -> None:
    """Joining again will announce everything."""
    failure.trap(P2pfsError)
