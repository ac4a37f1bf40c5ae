"""The durable record of a running download: how it goes on after a crash or a power failure."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.chunks import MIB, ChunkSet, bytes_in
from p2pfs.errors import StorageProblem
from p2pfs.peer.library.library import Holding
from p2pfs.peer.library.store import LibraryStore, warn_not_recorded
from p2pfs.peer.storage import Disk, PartFile, remove
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread
from p2pfs.waiters import Waiters

SYNC_SECONDS = 2.0
"""How often a running download is put on record; also the most a power failure can undo."""

SYNC_BYTES = 32 * MIB
"""Bytes of verified chunks after which it is put on record at once."""

UNSYNCED_LIMIT = 64 * MIB
"""Bytes written since the last record; at most so much is read again after a crash."""


def journal_path(directory: Path, part: Path) -> Path:
    """Where the journal of the download to a part file lies; no other download has the same."""
    return directory / f"{hashlib.sha256(os.fsencode(part)).hexdigest()[:32]}.journal"


class Recorded(Protocol):
    """A running download, whose record is kept."""

    def go_on(self) -> None:
        """More may be written, after `Checkpointer.room` said no."""

    def crashed(self, failure: Failure) -> None:
        """The record cannot be kept."""


class Checkpointer:
    """Keeps the record of a running download.

    A record says which chunks are right, and is written only after these have
    reached the disk. What was verified since is in the journal, which outlives the
    process but not the power. While a download runs, its record bears no stamp.
    """

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        disk: Disk,
        store: LibraryStore,
        journals: Path,
        holding: Holding,
        part: PartFile,
    ) -> None:
        """``journals`` is the directory for journals."""
        self._reactor = reactor
        self._disk = disk
        self._store = store
        self._path = journal_path(journals, part.path)
        self._holding = holding
        self._part = part
        self._synced = holding.chunks.copy()
        self._syncing = False
        self._timer = LoopingCall(self._sync)
        self._timer.clock = reactor
        self._idle: Waiters[None] = Waiters()
        self._download: Recorded = _NoneRuns()

    def serve(self, download: Recorded) -> None:
        """This is the download that waits for it from now on."""
        self._download = download

    async def start(self) -> None:
        """Begin the journal, and record from now on."""
        await in_thread(
            self._reactor, self._part.keep_journal, self._disk, self._path, self._holding.chunks
        )
        self._timer.start(SYNC_SECONDS, now=False).addErrback(self._failed)

    def hash_list_known(self) -> Deferred[None]:
        """Put the hash list on record: without it no chunk could be checked after a crash."""
        return self._store.save(replace(self._holding, chunks=self._synced))

    def kept(self, chunknum: int) -> None:
        """Note that a chunk is in the part file, and right."""
        if self._part.journal is not None:
            self._part.journal.verified(chunknum)
        if self.unsynced >= SYNC_BYTES:
            self._sync().addErrback(self._failed)

    @property
    def unsynced(self) -> int:
        """Bytes of verified chunks that are not on record yet."""
        since = self._holding.chunks.bits & ~self._synced.bits
        return bytes_in(self._holding.info, ChunkSet(self._synced.total, since))

    def room(self, under_way: int) -> bool:
        """True when a chunk may be asked for beside the ``under_way`` bytes being fetched."""
        beside = self.unsynced + under_way
        return beside == 0 or beside + self._holding.info.chunksize <= UNSYNCED_LIMIT

    @property
    def syncing(self) -> bool:
        """True while it waits for the disk."""
        return self._syncing

    async def stop(self) -> None:
        """Record no more."""
        if self._timer.running:
            self._timer.stop()
        # Not for the timer's own Deferred: it may be its failure that leads here.
        if self._syncing:
            await self._idle.wait()

    async def begin_anew(self) -> None:
        """Go on recording after `stop`, now that the chunks of the holding were checked."""
        self._part.end_journal()
        await in_thread(self._reactor, self._part.sync)
        self._synced = self._holding.chunks.copy()
        await self._store.save(self._holding)
        await self.start()

    async def settle(self) -> None:
        """Record for good, after the last write, what an unfinished download leaves.

        When its part file is touched, that record bears no stamp, so all of it is checked
        before it is gone on with.
        """
        try:
            self._holding.settled(await in_thread(self._reactor, self._part.sync))
            await self._store.save(self._holding)
        except StorageProblem as error:
            self.log.warn("{error}", error=str(error))
        else:
            await self.forget()

    async def forget(self) -> None:
        """Remove the journal: the record says everything."""
        if self._part.end_journal():
            try:
                await in_thread(self._reactor, remove, self._disk, self._path)
            except StorageProblem as error:
                self.log.warn("{error}", error=str(error))

    def _sync(self) -> Deferred[None]:
        if self._syncing or self._synced == self._holding.chunks:
            return succeed(None)
        self._syncing = True
        return Deferred.fromCoroutine(self._write_record()).addBoth(self._end_sync)

    async def _write_record(self) -> None:
        written = self._holding.chunks.copy()
        await in_thread(self._reactor, self._part.sync)
        await self._store.save(replace(self._holding, chunks=written))
        self._synced = written

    def _end_sync(self, result: Any) -> Any:
        self._syncing = False
        if self._idle:
            self._idle.fire(None)
        else:
            self._download.go_on()
        return result

    def _failed(self, failure: Failure) -> None:
        self._download.crashed(failure)


class _NoneRuns:
    """Stands for a download that does not run yet."""

    def go_on(self) -> None:
        """Nobody waits."""

    def crashed(self, failure: Failure) -> None:
        warn_not_recorded(failure)
