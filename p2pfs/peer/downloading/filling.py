"""From an open part file to the file under its final name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred, succeed

from p2pfs.addresses import Address
from p2pfs.errors import StorageProblem
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.download import Download
from p2pfs.peer.downloading.job import Job
from p2pfs.peer.downloading.mending import Mending
from p2pfs.peer.library import Checkpointer, Holding, Library
from p2pfs.peer.rates import Reached
from p2pfs.peer.sources import SourcePool
from p2pfs.peer.storage import PartFile, Stamp
from p2pfs.threads import in_thread
from p2pfs.wire.messages import ReplyFileLocation

MOST_ENDS = 5
"""How often a whole file is checked at its end, while somebody else keeps writing to it."""


class Filled(NamedTuple):
    """The stamp of a finished file, the bytes that came from each source, and how well it went."""

    stamp: Stamp
    received: Counter[Address]
    reached: Reached | None


class Filling:
    """Fills the part file of one job, and gives it its name.

    What somebody else writes to it meanwhile is fetched anew, over connections of its own.
    """

    def __init__(
        self,
        context: DownloadContext,
        pools: tuple[SourcePool, SourcePool],
        library: Library,
        job: Job,
        holding: Holding,
        checkpointer: Checkpointer | None = None,
        first: Callable[[], Awaitable[None]] = lambda: succeed(None),
    ) -> None:
        """``pools`` are connections to begin with, and others, which are its own.

        ``checkpointer`` keeps the record of it, if it is to go on after a crash. ``first`` is
        done each time before anything is asked of sources.
        """
        assert holding.part is not None
        self._context = context
        self._pool, self._fresh = pools
        self._job = job
        self._holding = holding
        self._part = holding.part
        self._checkpointer = checkpointer
        self._first = first
        self._mending = Mending(
            context.reactor, context.announcer, library, job, holding, checkpointer
        )

    async def fill(self, location: ReplyFileLocation) -> Filled:
        """Fetch all that is missing, and finish; ``location`` is where that is.

        Raises `DownloadFailed`, `AlreadyExists` and `StorageProblem`, and the job's reason once
        that is cancelled.
        """
        received: Counter[Address] = Counter()
        ends = 0
        while ends < MOST_ENDS:
            if self._part.touched:
                await self._mending.mend()
            await self._first()
            download = await self._fetch(location)
            received.update(download.received)
            if (stamp := await self._finish()) is not None:
                return Filled(stamp, received, download.reached)
            ends += self._holding.chunks.whole
        raise StorageProblem(
            f"Somebody else keeps writing to {self._part.path}, and would spoil "
            f"{self._job.target}; end that, and download it again."
        )

    async def _fetch(self, location: ReplyFileLocation) -> Download:
        """Fetch what is missing; a download that has ended, also because the file was touched."""
        download = Download(
            self._context, self._pool, self._holding, self._checkpointer, self._job.meter
        )
        self._job.download = download
        self._mending.watch(download)
        download.start(location)
        try:
            await download.finished
        except CancelledError:
            self._job.check()
            if not self._part.touched:
                raise
            # Sources take what was broken off for under way still, on the same connection.
            await self._fresh.close()
            self._pool = self._fresh
        return download

    def _finish(self) -> Deferred[Stamp | None]:
        """Give it its owner and its name, unless it is touched: then there is no stamp."""
        job = self._job
        job.download, job.phase = None, "syncing the file and giving it its name"
        return in_thread(self._context.reactor, _finished, self._part, job)


def _finished(part: PartFile, job: Job) -> Stamp | None:
    """Blocks; what cannot be given stays this process's user's."""
    if job.owner is not None:
        job.kept = not part.give(job.owner)
    return part.finish(job.target, job.overwrite)
