"""Chunks that somebody found wrong: this peer looks at its own copy of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import Cancelled, StorageProblem
from p2pfs.peer.library import Holding
from p2pfs.peer.storage import ChunkReader, Disk, FileChanged, is_right
from p2pfs.reactor import ThreadedReactor
from p2pfs.tasks import end_of
from p2pfs.threads import in_thread

AGAIN_SECONDS = 60.0
"""From one look at a chunk to the next, whatever is said of it meanwhile."""

MOST_REMEMBERED = 1024
"""Chunks that were looked at in that time; then the oldest look is forgotten."""

MOST_WAITING = 64
"""Chunks that wait for a look; what is said of others meanwhile is not heard."""


class Doubts:
    """Looks at chunks that were found wrong, one at a time, and tells of those that are.

    A file can be changed with its size and time put back, so its stamp does not tell.
    """

    log = Logger()

    def __init__(
        self, reactor: ThreadedReactor, disk: Disk, wrong: Callable[[Holding, FileChanged], None]
    ) -> None:
        """``wrong`` is called with each holding that has a wrong chunk, and what is wrong."""
        self._reactor = reactor
        self._disk = disk
        self._wrong = wrong
        self._waiting: dict[tuple[str, int], Holding] = {}
        self._looked: dict[tuple[str, int], float] = {}
        self._looking: Deferred[None] | None = None
        self._stop = Event()

    def raise_for(self, holding: Holding, chunknum: int) -> None:
        """Somebody to whom a chunk was sent says that it is wrong."""
        chunk, now = (holding.name, chunknum), self._reactor.seconds()
        lately = now - self._looked.get(chunk, -AGAIN_SECONDS) < AGAIN_SECONDS
        if lately or len(self._waiting) >= MOST_WAITING or self._stop.is_set():
            return
        self._waiting[chunk] = holding
        if self._looking is None:
            self._looking = Deferred.fromCoroutine(self._look()).addErrback(self._defect)

    async def stop(self) -> None:
        """Look at nothing any more."""
        self._stop.set()
        await end_of(self._looking or succeed(None))

    async def _look(self) -> None:
        """Look at what waits, until nothing does."""
        while self._waiting and not self._stop.is_set():
            chunk = next(iter(self._waiting))
            holding = self._waiting.pop(chunk)
            self._looked.pop(chunk, None)
            self._looked[chunk] = self._reactor.seconds()
            if len(self._looked) > MOST_REMEMBERED:
                del self._looked[next(iter(self._looked))]
            try:
                await in_thread(self._reactor, self._check, holding, chunk[1])
            except FileChanged as error:
                self._wrong(holding, error)
            except (StorageProblem, Cancelled):
                pass  # who asks for it is told that it cannot be read
        self._looking = None

    def _check(self, holding: Holding, chunknum: int) -> None:
        """Raise `FileChanged` when a chunk is not what it should be; blocks."""
        part = holding.part
        if part is not None:
            reader = part.reader()
        else:
            reader = ChunkReader.open(self._disk, holding.path, holding.stamp)
        try:
            right = is_right(reader, holding.info, holding.hashes, chunknum, self._stop)
        finally:
            reader.close()
        if not right:
            if part is not None:
                part.distrust()  # its download has all of it checked
            raise FileChanged(
                f"{holding.path} was changed, though its size and time are what they were: its "
                f"chunk {chunknum} is wrong."
            )

    def _defect(self, failure: Failure) -> None:
        self._looking = None
        self.log.failure("Looking at a chunk failed.", failure=failure)
