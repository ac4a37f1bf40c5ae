"""What a running download does when somebody else wrote to its part file."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import Cancelled, P2pfsError
from p2pfs.peer.announcing import Announcer
from p2pfs.peer.downloading.download import Download
from p2pfs.peer.downloading.job import Job
from p2pfs.peer.library import Checkpointer, Holding, Library
from p2pfs.peer.storage import right_chunks_of
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread

AT_LEAST_BETWEEN = 30.0
"""Seconds after a check in which a download is not interrupted for another: that one waits for
its end, so whoever writes again and again does not have everything read all the time."""


class Mending:
    """Has the chunks of one download checked, and those that are wrong fetched again.

    A touched part file is not served from, so a download is interrupted for it.
    """

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        announcer: Announcer,
        library: Library,
        job: Job,
        holding: Holding,
        checkpointer: Checkpointer | None,
    ) -> None:
        """``checkpointer`` keeps the record of the download, if there is one."""
        assert holding.part is not None
        self._reactor = reactor
        self._announcer = announcer
        self._library = library
        self._job = job
        self._holding = holding
        self._part = holding.part
        self._checkpointer = checkpointer
        self._checked_at: float | None = None

    def watch(self, download: Download) -> None:
        """Cancel a download as soon as somebody else is seen to have written to its file."""

        def touched() -> None:
            at, now = self._checked_at, self._reactor.seconds()
            if at is None or now - at >= AT_LEAST_BETWEEN:
                download.cancel()

        self._part.when_touched = lambda: self._reactor.callFromThread(touched)

    async def mend(self) -> None:
        """Read all chunks that are held, and hold only those that are right.

        Nothing may be writing to the part file. Raises `StorageProblem`, and the job's
        reason once that is cancelled.
        """
        holding, part = self._holding, self._part
        self._job.phase = "checking what is there, as somebody else wrote to it"
        if self._checkpointer is not None:
            await self._checkpointer.stop()
        changes = await in_thread(self._reactor, part.repair)
        held = holding.chunks
        try:
            right = await in_thread(
                self._reactor,
                right_chunks_of,
                part,
                holding.info,
                holding.hashes,
                held.copy(),
                self._job.stop,
            )
        except Cancelled:
            self._job.check()
            raise
        holding.mended(right)
        part.vouch(changes)
        self._checked_at = self._reactor.seconds()
        wrong = len(held) - len(right)
        self.log.warn(
            "Somebody else wrote to {path}: of its {held} chunks, {wrong} were wrong.",
            path=part.path,
            held=len(held),
            wrong=wrong,
        )
        if self._checkpointer is not None:
            if wrong:
                self._announcer.withdraw(holding).addCallback(self._announce).addErrback(_lost)
            await self._checkpointer.begin_anew()

    def _announce(self, _: None) -> Deferred[None]:
        held = self._library.get(self._holding.name) is self._holding
        return self._announcer.announce(self._holding) if held else succeed(None)


def _lost(failure: Failure) -> None:
    """Without a tracker; joining one announces everything."""
    failure.trap(P2pfsError)
