"""One download: from the tracker's word to a part file in which every chunk is verified.

Each chunk is a chain: ask a source, check what came, keep it, or reroute. The
picker says what to ask of whom; the heartbeat looks after what no event tells:
stale locations, rested sources, and a wait that was long enough.
"""

from __future__ import annotations

import hashlib

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.chunks import HashList
from p2pfs.errors import (
    DownloadFailed,
    Refused,
    SourceFailed,
    StorageProblem,
)
from p2pfs.messages import ReplyFileLocation
from p2pfs.peer.library import Holding
from p2pfs.peer.picker import Picker
from p2pfs.peer.rate_meter import RateMeter
from p2pfs.peer.recorder import DownloadRecorder
from p2pfs.peer.sink import ChunkSink
from p2pfs.peer.source import SourceConnection, WrongChunk
from p2pfs.peer.sources import Source, SourcePool
from p2pfs.peer.sourcing import HEARTBEAT, Sourcing
from p2pfs.peer.surroundings import Surroundings


class Download:
    """Fetches the missing chunks of a holding into its part file.

    ``received`` counts the verified bytes that came from each source. ``finished``
    fires when every chunk is there, or fails with `DownloadFailed` or
    `StorageProblem`, or with CancelledError after `cancel`; and it does so only after
    the last write to the part file has ended.
    """

    log = Logger()

    def __init__(
        self,
        around: Surroundings,
        pool: SourcePool,
        holding: Holding,
        recorder: DownloadRecorder | None,
    ) -> None:
        """``recorder`` keeps the record of it, if it is to go on after a crash."""
        assert holding.part is not None
        self._recorder = recorder
        self._reactor = around.reactor
        self._patience = around.patience
        self._around = around
        self._holding = holding
        self._part = holding.part
        self._picker = Picker(holding.chunks, around.random)
        self._needs_hash_list = (
            holding.info.root is not None
            and holding.info.totalchunknum > 1
            and holding.hashes.root != holding.info.root
        )
        self._asking_hash_list = False
        self._sourcing = Sourcing(around, pool, holding, self._picker, self._fill, self._crashed)
        self._last_progress = around.reactor.seconds()
        self._chains: set[Deferred[None]] = set()
        self._heart = LoopingCall(self._beat)
        self._heart.clock = around.reactor
        self._outcome: Failure | None = None
        self._stopping = False
        self.received: dict[Address, int] = {}
        self._meter = RateMeter()
        self.finished: Deferred[None] = Deferred()

    def start(self, location: ReplyFileLocation) -> None:
        """Begin, with the tracker's first word on where the chunks are."""
        if self._recorder is not None:
            self._recorder.has_room = self._fill
            self._recorder.broken = self._crashed
        self._heart.start(HEARTBEAT, now=False).addErrback(self._crashed)
        self._sourcing.located(location)

    def cancel(self) -> None:
        """Stop; ``finished`` then fails with CancelledError."""
        self._stop(Failure(CancelledError()))

    @property
    def connected_sources(self) -> int:
        """How many sources there is a connection to."""
        return len(self._sourcing.connected)

    def rate(self, now: float) -> float:
        """Verified bytes a second, averaged over the last few seconds."""
        return self._meter.rate(now)

    @property
    def remark(self) -> str:
        """What a person would like to know now: how many sources, or what it waits for."""
        waited = self._reactor.seconds() - self._last_progress
        if self._picker.in_flight or waited < 1.0:
            count = self.connected_sources
            return f"{count} source{'' if count == 1 else 's'}"
        left = max(0, round(self._patience.no_source - waited))
        return f"waiting for a source of {self._lacking()} ({left} s left)"

    # The chain of a chunk

    def _fetch(self, source: Source, chunknum: int) -> None:
        """Ask ``source`` for a chunk, check it, keep it; or reroute."""
        connection = source.connection
        assert connection is not None
        info = self._holding.info
        sink = ChunkSink(self._reactor, self._part, info.offset(chunknum), info.length(chunknum))
        asked = self._reactor.seconds()
        self._track(
            connection.fetch(self._holding.name, info, chunknum, sink)
            .addCallback(self._check, sink, source, chunknum)
            .addCallback(self._keep, source, chunknum, asked)
            .addErrback(self._reroute, sink, source, connection, chunknum)
        )

    def _check(
        self, claimed: bytes, sink: ChunkSink, source: Source, chunknum: int
    ) -> Deferred[bytes]:
        """The chunk's digest once it is written; fails with `WrongChunk`."""

        def compare(digest: bytes) -> bytes:
            if digest != claimed or not self._is_right(chunknum, digest):
                raise WrongChunk(f"{source.address}: it sent a wrong chunk {chunknum}")
            return digest

        return sink.finish().addCallback(compare)

    def _is_right(self, chunknum: int, digest: bytes) -> bool:
        root = self._holding.info.root
        if root is None:
            return True  # the publisher gave nothing to check against but the sender's digest
        if self._holding.info.totalchunknum == 1:
            return hashlib.sha256(digest).hexdigest() == root
        return digest == self._holding.hashes[chunknum]

    def _keep(self, digest: bytes, source: Source, chunknum: int, asked: float) -> None:
        now = self._reactor.seconds()
        self._picker.succeeded(chunknum, now - max(asked, source.last_delivery))
        length = self._holding.info.length(chunknum)
        source.delivered(now)
        self.received[source.address] = self.received.get(source.address, 0) + length
        self._meter.count(length, now)
        self._last_progress = now
        self._holding.hashes[chunknum] = digest
        self._holding.chunks.add(chunknum)
        if self._recorder is not None:
            self._recorder.kept(chunknum)
        self._around.uplink.register_chunk(self._holding, chunknum)

    def _reroute(
        self,
        failure: Failure,
        sink: ChunkSink,
        source: Source,
        connection: SourceConnection,
        chunknum: int,
    ) -> Deferred[None]:
        """The chunk did not come: once nothing writes to its place any more, ask another."""

        def settled(_: None) -> None:
            self._picker.failed(chunknum)
            if failure.check(Refused):
                self._sourcing.denied(source, chunknum, str(failure.value))
            else:
                self._blame(failure, source, connection)

        return sink.settled().addCallback(settled)

    def _blame(self, failure: Failure, source: Source, connection: SourceConnection) -> None:
        """Draw the consequences of a failure; those that are nobody's fault go on."""
        if failure.check(CancelledError) and self._stopping:
            return
        failure.trap(SourceFailed)
        if failure.check(WrongChunk):
            self._sourcing.ban(source, str(failure.value))
        else:
            self._sourcing.lost(source, connection, str(failure.value))

    # The hash list

    def _ask_hash_list(self) -> None:
        now = self._reactor.seconds()
        able = [s for s in self._sourcing.connected if now >= s.no_hash_list_until]
        if self._asking_hash_list or not able:
            return
        source = self._around.random.choice(able)
        connection = source.connection
        assert connection is not None
        self._asking_hash_list = True
        self._track(
            connection.fetch_hash_list(self._holding.name, self._holding.info)
            .addCallback(self._hash_list_came)
            .addErrback(self._no_hash_list, source, connection)
        )

    def _hash_list_came(self, hashes: HashList) -> Deferred[None]:
        self._last_progress = self._reactor.seconds()
        self._holding.hashes = hashes
        recorded = self._recorder.hash_list_known() if self._recorder else succeed(None)
        return recorded.addCallback(self._hash_list_recorded)

    def _hash_list_recorded(self, _: None) -> None:
        self._asking_hash_list = self._needs_hash_list = False

    def _no_hash_list(self, failure: Failure, source: Source, connection: SourceConnection) -> None:
        self._asking_hash_list = False
        if failure.check(Refused):
            source.deny_hash_list(str(failure.value), self._reactor.seconds())
        else:
            self._blame(failure, source, connection)

    # Moving on

    def _track(self, chain: Deferred[None]) -> None:
        self._chains.add(chain)
        chain.addErrback(self._crashed).addCallback(self._chain_ended, chain)

    def _chain_ended(self, _: None, chain: Deferred[None]) -> None:
        self._chains.discard(chain)
        if self._stopping:
            self._finish_when_settled()
        else:
            self._fill()

    def _fill(self) -> None:
        """Make all requests that can be made now."""
        if self._stopping:
            return
        if self._picker.finished:
            self._stop(None)
        elif self._needs_hash_list:
            self._ask_hash_list()
        else:
            while self._may_ask() and (choice := self._picker.pick()) is not None:
                name, chunknum = choice
                self._fetch(self._sourcing[name], chunknum)

    @property
    def _waits_for_disk(self) -> bool:
        return self._recorder is not None and self._recorder.syncing

    def _may_ask(self) -> bool:
        """False while too much is written that is not on record yet."""
        under_way = self._picker.in_flight * self._holding.info.chunksize
        return self._recorder is None or self._recorder.room(under_way)

    def _beat(self) -> None:
        now = self._reactor.seconds()
        self._sourcing.look_after(now)
        if self._picker.in_flight or self._asking_hash_list or self._waits_for_disk:
            self._last_progress = now
        elif now - self._last_progress >= self._patience.no_source:
            self._stop(Failure(self._starved()))
            return
        self._fill()

    def _lacking(self) -> str:
        return "the hash list" if self._needs_hash_list else f"chunks {self._picker.missing()}"

    def _starved(self) -> DownloadFailed:
        lacking = self._lacking()
        if len(lacking) > 200:
            lacking = lacking[:200].rsplit(",", 1)[0] + " and more"
        errors = self._sourcing.errors
        last = f" (last errors: {'; '.join(errors[:3])})" if errors else ""
        kept = f"what came is kept in {self._part.path}, " if self._holding.chunks.bits else ""
        return DownloadFailed(
            f"No source of {lacking} of '{self._holding.name}' turned up within "
            f"{self._patience.no_source:g} s{last}; {kept}download it again to go on."
        )

    # The end

    def _crashed(self, failure: Failure) -> None:
        """Nothing is left to try for what failed here: the disk, or a defect of ours."""
        if failure.check(StorageProblem) is None:
            self.log.failure("A download failed unexpectedly.", failure=failure)
        self._stop(failure)

    def _stop(self, outcome: Failure | None) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._outcome = outcome
        self._sourcing.stop()
        if self._heart.running:
            self._heart.stop()
        for chain in list(self._chains):
            chain.cancel()
        self._finish_when_settled()

    def _finish_when_settled(self) -> None:
        if not self._chains and not self.finished.called:
            if self._outcome is None:
                self.finished.callback(None)
            else:
                self.finished.errback(self._outcome)
