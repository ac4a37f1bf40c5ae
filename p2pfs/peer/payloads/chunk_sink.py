"""Where the bytes of one chunk go as they arrive: into a digest and onto the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from p2pfs.hashing import Hasher
from p2pfs.peer.storage import PartFile
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread
from p2pfs.waiters import Waiters

JOB_SIZE = 1 << 20
"""Bytes handed to a thread at a time; smaller jobs cost more in hand-overs than they gain."""

HIGH_WATER = 2 << 20
"""Bytes waiting for the disk at which the network is asked to pause."""


class Sink(Protocol):
    """Takes the bytes of one chunk."""

    length: int

    def attach(self, paused: Callable[[], None], resumed: Callable[[], None]) -> None:
        """Say whom to tell when to pause and when to resume sending."""

    def write(self, data: bytes) -> None:
        """Take the next bytes of the chunk; never more than its length in all."""


class ChunkSink:
    """Hashes and writes one chunk in a thread while more of it comes in.

    One job runs at a time. Whoever writes is asked to pause when too much waits,
    and told to resume when there is room again.
    """

    def __init__(
        self,
        reactor: ThreadedReactor,
        part: PartFile,
        offset: int,
        length: int,
        hasher: Hasher,
        job_size: int = JOB_SIZE,
        came: Callable[[int], None] = lambda count: None,
    ) -> None:
        """A sink for ``length`` bytes that belong ``offset`` bytes into the part file.

        ``hasher`` makes the digest of them.
        A job begins when ``job_size`` bytes wait, or the rest of the chunk does. ``came`` is
        told how many bytes come, each time.
        """
        self._job_size = job_size
        self._came = came
        self._reactor = reactor
        self._part = part
        self._offset = offset
        self.length = length
        self._missing = length
        self._digest = hasher
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._congested = False
        self._paused: Callable[[], None] = _nothing
        self._resumed: Callable[[], None] = _nothing
        self._busy = False
        # What a thread that takes and the reactor tell each other.
        self._lock = Lock()
        self._taking = self._closed = False
        self._failure: Failure | None = None
        self._idle: Waiters[None] = Waiters()

    def attach(self, paused: Callable[[], None], resumed: Callable[[], None]) -> None:
        """Say whom to tell when to pause and when to resume sending."""
        self._paused, self._resumed = paused, resumed

    def write(self, data: bytes) -> None:
        """Take the next bytes of the chunk; never more than its length in all."""
        self.arrived(len(data))
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if not self._busy and self._worth_a_job:
            self._start_job()
        elif self._waiting_bytes >= HIGH_WATER and not self._congested:
            self._congested = True
            self._paused()

    @property
    def missing(self) -> float:
        """The part of the chunk, 0 to 1, that has to come."""
        return self._missing / self.length

    @property
    def _worth_a_job(self) -> bool:
        enough = self._job_size if self._missing else 1
        return self._waiting_bytes >= enough

    def settled(self) -> Deferred[None]:
        """Fires when nothing is being written any more, nor will be."""
        with self._lock:
            self._closed = True
            taking = self._taking
        return self._idle.wait() if self._busy or taking else succeed(None)

    def finish(self) -> Deferred[bytes]:
        """Fires with the digest of what was written, or fails with `StorageProblem`."""
        return self.settled().addCallback(self._result)

    # What somebody else receives in a thread

    def lend(self) -> list[bytes] | None:
        """What was written and waits, for who calls `take` from now on; None if a job is under way.

        After that, `write` is for who takes no more.
        """
        if self._busy:
            return None
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return waiting

    def take(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Hash and write the next bytes now, in this thread; not once it is `settled`.

        In the reactor, `arrived` has to be told of those that were not written.
        """
        with self._lock:
            if self._closed or self._failure is not None:
                return
            self._taking = True
        try:
            self._work(pieces)
        except Exception:  # `finish` raises it, as that of a job
            self._failure = Failure()
        with self._lock:
            self._taking = False
            awaited = self._closed
        if awaited:
            self._reactor.callFromThread(self._idle.fire, None)

    def arrived(self, count: int) -> None:
        """So many bytes more have come."""
        self._missing -= count
        self._came(count)

    def fail(self, failure: Failure) -> None:
        """Write no more; that is why."""
        self._failure = failure

    # Inside

    def _result(self, _: None) -> bytes:
        if self._failure is not None:
            self._failure.raiseException()
        return self._digest.digest()

    def _start_job(self) -> None:
        pieces, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._busy = True
        job = in_thread(self._reactor, self._work, pieces)
        job.addErrback(self.fail).addCallback(self._job_done)

    def _work(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Runs in a thread, one at a time."""
        for piece in pieces:
            self._digest.update(piece)
        self._part.write(self._offset, pieces)
        self._offset += sum(map(len, pieces))

    def _job_done(self, _: None) -> None:
        self._busy = False
        if self._failure is not None:
            self._waiting.clear()
            self._waiting_bytes = 0
        elif self._worth_a_job:
            self._start_job()
        if self._congested:
            self._congested = False
            self._resumed()
        if not self._busy:
            self._idle.fire(None)


def _nothing() -> None:
    """Nobody is to be told."""
