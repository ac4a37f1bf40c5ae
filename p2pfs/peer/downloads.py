"""All downloads of a peer: each from the user's request to the file under its final name."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.errors import (
    AlreadyExists,
    DownloadFailed,
    NotFound,
    P2pfsError,
    Refused,
    StorageProblem,
)
from p2pfs.messages import ReplyFileLocation
from p2pfs.peer.custodian import Custodian
from p2pfs.peer.disk import Disk
from p2pfs.peer.downloading import Download
from p2pfs.peer.failed_downloads import FailedDownload, FailedDownloads
from p2pfs.peer.hashing import copy_chunks
from p2pfs.peer.job import Fetched, Job
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.recorder import DownloadRecorder
from p2pfs.peer.records import Records, warn_not_recorded
from p2pfs.peer.sources import SourcePool
from p2pfs.peer.storage import PartFile, already_exists, remove
from p2pfs.peer.surroundings import Surroundings
from p2pfs.tasks import detached, end_of
from p2pfs.threads import in_thread

MAX_DOWNLOADS = 64
"""Files that are downloaded at the same time."""


class Downloads:
    """Starts downloads, knows those under way, and ends them."""

    log = Logger()

    def __init__(
        self,
        around: Surroundings,
        disk: Disk,
        library: Library,
        records: Records,
        custodian: Custodian,
        journals: Path,
        possible: int = MAX_DOWNLOADS,
    ) -> None:
        """``journals`` is the directory where running downloads keep theirs.

        ``possible`` are as many downloads as the system's limit of open files allows.
        """
        self.most = min(MAX_DOWNLOADS, possible)
        self._journals = journals
        self._around = around
        self._disk = disk
        self._custodian = custodian
        self._reactor = around.reactor
        self._uplink = around.uplink
        self._library = library
        self._records = records
        self._running: dict[Job, Deferred[None]] = {}
        self.failed = FailedDownloads()

    @property
    def jobs(self) -> list[Job]:
        """The downloads under way."""
        return list(self._running)

    def new_pool(self) -> SourcePool:
        """Connections to sources, to be shared by the files of one command, which closes them."""
        around = self._around
        return SourcePool(
            self._reactor,
            around.patience,
            around.limit,
            around.line,
            lambda: around.intake.several,
            around.call_backs,
            around.room,
        )

    def start(
        self, name: str, target: Path, overwrite: bool = False, pool: SourcePool | None = None
    ) -> tuple[Job, Deferred[Fetched]]:
        """Begin to fetch one file to ``target``, an absolute path that is no directory.

        Without a ``pool`` it has connections of its own, closed at its end. The Deferred
        fails with a `P2pfsError`; cancelling it cancels the job, which then ends in its
        own time. Raises `AlreadyExists` when the file, or another to the same place, is
        being downloaded, and `DownloadFailed` when too many are.
        """
        if len(self._running) >= self.most:
            advice = "; more need a higher limit of open files" if self.most < MAX_DOWNLOADS else ""
            raise DownloadFailed(
                f"{self.most} downloads are under way, which is the most; wait for one, or cancel "
                f"one{advice}."
            )
        for other in self._running:
            if name == other.name or target == other.target:
                raise AlreadyExists(
                    f"'{other.name}' is being downloaded to {other.target} just now; wait for it, "
                    "or cancel it."
                )
        job = Job(name, target, overwrite, self._reactor.seconds())
        fetched, end = detached(self._attempt(job, pool), job.cancel)
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

    async def _attempt(self, job: Job, shared: SourcePool | None) -> Fetched:
        """Fetch it, and remember why if that fails."""
        pool = shared or self.new_pool()
        try:
            fetched = await self._fetch(job, pool)
        except P2pfsError as error:
            state = job.download.last_state if job.download else None
            self.failed.note(FailedDownload(job.name, self._reactor.seconds(), str(error), state))
            raise
        finally:
            if shared is None:
                await pool.close()
        self.failed.forget(job.name)
        return fetched

    async def _fetch(self, job: Job, pool: SourcePool) -> Fetched:
        await self._custodian.restored()
        location = await self._locate(job)
        job.check()
        holding = await self._prepare(job, location.fileinfo)
        part = holding.part
        assert part is not None
        recorder = self._recorder(holding, part)
        finished = False
        try:
            job.check()
            if recorder is not None:
                await recorder.start()
                self._uplink.announce(holding).addErrback(_tracker_lost)
            else:
                await self._copy(job, holding)
            job.check()
            download = job.download = Download(self._around, pool, holding, recorder)
            download.start(location)
            try:
                await download.finished
            except CancelledError:
                job.check()
                raise
            reached = download.reached
            holding.stamp = await in_thread(self._reactor, part.finish, job.target, job.overwrite)
            holding.path, holding.target, holding.reached = job.target, None, reached
            finished = True
        finally:
            if recorder is not None:
                await recorder.stop()
            holding.part = None
            if not finished:
                await self._leave(holding, recorder)
            part.close()
        if recorder is not None:
            self._uplink.flush()
            # Without this record a restart finds the whole file, and makes up for it.
            await self._records.save(holding).addErrback(warn_not_recorded)
            await recorder.forget()
            if not holding.info.totalchunknum:
                # Without chunks to register, only publishing makes a holder of it.
                self._uplink.announce(holding).addErrback(_tracker_lost)
        else:
            self._replaced_share(job, holding)
        return Fetched(
            job.name,
            job.target,
            holding.info.filesize,
            self._reactor.seconds() - job.started,
            {str(address): count for address, count in download.received.items()},
            reached,
        )

    async def _leave(self, holding: Holding, recorder: DownloadRecorder | None) -> None:
        """Leave what came to be gone on with, or nothing if nothing came."""
        try:
            if recorder is None:
                # Nobody would know whose it is, and copying it again is quick.
                await in_thread(self._reactor, remove, self._disk, holding.path)
            elif holding.chunks.bits:
                await recorder.settle()
            else:
                await recorder.forget()
                await self._custodian.give_up(holding)
        except StorageProblem as error:
            # What the download ended for is to be told, not this.
            self.log.warn("{error}", error=str(error))

    def _recorder(self, holding: Holding, part: PartFile) -> DownloadRecorder | None:
        """A copy of a file that this peer shares anyway needs no record."""
        if self._library.get(holding.name) is not holding:
            return None
        return DownloadRecorder(
            self._reactor, self._disk, self._records, self._journals, holding, part
        )

    async def _locate(self, job: Job) -> ReplyFileLocation:
        try:
            return await self._uplink.locate(job.name)
        except Refused:
            raise NotFound(
                f"Nobody offers '{job.name}'; 'list_file' shows what is offered."
            ) from None

    async def _prepare(self, job: Job, info: FileInfo) -> Holding:
        """The holding to download into, its part file open, what it has already verified."""
        known = self._library.get(job.name)
        if known is not None and known.info != info:
            if known.is_share:
                raise AlreadyExists(
                    f"This peer shares another content as '{job.name}'; unpublish it first."
                )
            await self._custodian.give_up(known)
            known = None
        resumed = known is not None and not known.is_share
        if known is not None and resumed:
            job.phase = "checking what was there before"
            await self._custodian.check_unfinished(known)
            job.check()
            if known.is_share or self._library.get(job.name) is not known:
                return await self._prepare(job, info)
        if known is not None and resumed and known.target != job.target:
            if not await in_thread(self._reactor, known.path.exists):
                await self._custodian.give_up(known)
                return await self._prepare(job, info)
            raise AlreadyExists(
                f"An unfinished download of '{job.name}' lies in {known.path}; download it to "
                f"{known.target} to go on, or unpublish it to give it up."
            )
        await in_thread(self._reactor, _check_target, job, resumed)
        total = info.totalchunknum
        if known is None or known.is_share:
            hashes = HashList(total, bytes(known.hashes)) if known else HashList(total)
            holding = Holding(
                job.name, info, hashes, ChunkSet(total), job.part_path, target=job.target
            )
        else:
            holding = known
        job.phase = "preparing the part file"
        share = known if known is not None and known.is_share else None
        if share is None:
            # On record first: a part file is never there without it being known whose it is.
            holding.stamp = None
            if not resumed:
                self._library.add(holding)
            try:
                await self._records.save(holding)
            except StorageProblem:
                if not resumed:  # or it would pass for the owner of a part file that comes to be
                    self._library.discard(holding)
                raise
        try:
            holding.part = await in_thread(
                self._reactor, PartFile.open, self._disk, holding.path, info.filesize, not resumed
            )
        except StorageProblem:
            if share is None and not resumed:
                await self._custodian.give_up(holding)
            raise
        job.holding = holding
        return holding

    async def _copy(self, job: Job, holding: Holding) -> None:
        """Take from this peer's own share what is right in it."""
        share = self._library.get(job.name)
        if share is None:
            return  # unpublished just now
        job.phase = "copying from this peer's own share"
        assert holding.part is not None
        try:
            holding.chunks = await in_thread(
                self._reactor,
                copy_chunks,
                self._disk,
                share.path,
                share.stamp,
                holding.part,
                holding.info,
                holding.hashes,
                job.stop,
            )
        except StorageProblem as error:
            self.log.warn("{error}", error=str(error))

    def _replaced_share(self, job: Job, copy: Holding) -> None:
        """When the copy of a share went to the place of the share, the share bears its stamp."""
        share = self._library.get(job.name)
        if share is not None and (share.path, share.info) == (job.target, copy.info):
            share.stamp = copy.stamp
            self._records.save(share).addErrback(warn_not_recorded)


def _check_target(job: Job, resumed: bool) -> None:
    """Raise what speaks against writing there; blocks, so it belongs into a thread."""
    if not job.target.parent.is_dir():
        raise StorageProblem(
            f"The directory {job.target.parent} is not there; create it, or give another path."
        )
    if job.target.is_dir():
        raise StorageProblem(f"{job.target} is a directory; give a path for the file in it.")
    if not job.overwrite and os.path.lexists(job.target):
        raise already_exists(job.target)
    if not (resumed or job.overwrite) and os.path.lexists(job.part_path):
        raise already_exists(job.part_path)


def _tracker_lost(failure: Failure) -> None:
    """Joining again will announce everything."""
    failure.trap(P2pfsError)
