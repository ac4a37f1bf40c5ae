"""One download: from the tracker's word to a part file in which every chunk is verified.

Each chunk is a chain: ask a source, check what came, keep it, or reroute. The
picker says what to ask of whom; the heartbeat looks after what no event tells:
stale locations, rested sources, and a wait that was long enough.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import Address, parse_address
from p2pfs.chunks import ChunkSet, HashList
from p2pfs.errors import (
    DownloadFailed,
    InvalidAddress,
    InvalidFileInfo,
    P2pfsError,
    Refused,
    SourceFailed,
    StorageProblem,
)
from p2pfs.messages import ReplyFileLocation
from p2pfs.peer.library import Holding
from p2pfs.peer.picker import Picker
from p2pfs.peer.rate_limit import RateLimit
from p2pfs.peer.rate_meter import RateMeter
from p2pfs.peer.recorder import DownloadRecorder
from p2pfs.peer.settings import Patience
from p2pfs.peer.sink import ChunkSink
from p2pfs.peer.source import SourceConnection, WrongChunk
from p2pfs.peer.sources import ReadySource, Source, SourcePool
from p2pfs.peer.uplink import Uplink

HEARTBEAT = 0.2
"""Seconds between looks at what no event tells."""

EARLIEST_REFRESH = 1.0
"""Seconds between questions to the tracker when sources just failed."""


@dataclass(frozen=True)
class Surroundings:
    """What every download of a peer works with."""

    reactor: Any
    random: Random
    patience: Patience
    max_sources: int
    limit: RateLimit
    uplink: Uplink


class Download:
    """Fetches the missing chunks of a holding into its part file.

    ``sources`` are those known now, ``received`` counts the verified bytes that
    came from each. ``finished`` fires when every chunk is there, or fails with
    `DownloadFailed` or `StorageProblem`, or with CancelledError after `cancel`; and
    it does so only after the last write to the part file has ended.
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
        self._pool = pool
        self._holding = holding
        self._part = holding.part
        self._picker = Picker(holding.chunks, around.random)
        self._needs_hash_list = (
            holding.info.root is not None
            and holding.info.totalchunknum > 1
            and holding.hashes.root != holding.info.root
        )
        self._asking_hash_list = False
        self._locating = False
        self._begun = self._next_refresh = around.reactor.seconds()
        self._last_progress = around.reactor.seconds()
        self._chains: set[Deferred[None]] = set()
        self._heart = LoopingCall(self._beat)
        self._heart.clock = around.reactor
        self._outcome: Failure | None = None
        self._stopping = False
        self.sources: dict[Address, Source] = {}
        self.received: dict[Address, int] = {}
        self._meter = RateMeter()
        self.finished: Deferred[None] = Deferred()

    def start(self, location: ReplyFileLocation) -> None:
        """Begin, with the tracker's first word on where the chunks are."""
        if self._recorder is not None:
            self._recorder.has_room = self._fill
            self._recorder.broken = self._crashed
        self._heart.start(HEARTBEAT, now=False).addErrback(self._crashed)
        self._located(location)

    def cancel(self) -> None:
        """Stop; ``finished`` then fails with CancelledError."""
        self._stop(Failure(CancelledError()))

    @property
    def connected_sources(self) -> int:
        """How many sources there is a connection to."""
        return sum(source.connected for source in self.sources.values())

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
                source.deny(1 << chunknum, str(failure.value), self._reactor.seconds())
                self._tell_picker(source)
            else:
                self._blame(failure, source, connection)

        return sink.settled().addCallback(settled)

    def _blame(self, failure: Failure, source: Source, connection: SourceConnection) -> None:
        """Draw the consequences of a failure; those that are nobody's fault go on."""
        if failure.check(CancelledError) and self._stopping:
            return
        failure.trap(SourceFailed)
        error = str(failure.value)
        if failure.check(WrongChunk):
            self.log.warn("Banned for {name}: {error}", name=self._holding.name, error=error)
            source.ban(error)
            self._picker.forget(str(source.address))
        else:
            self._lost(source, connection, error)

    # The hash list

    def _ask_hash_list(self) -> None:
        now = self._reactor.seconds()
        able = [s for s in self.sources.values() if s.connected and now >= s.no_hash_list_until]
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

    # Sources

    def _located(self, location: ReplyFileLocation) -> None:
        """Take over what the tracker says, except about sources that are just at work."""
        # Often at first, when others begin too and soon have something to give.
        now = self._reactor.seconds()
        self._next_refresh = now + min(self._patience.refresh, max(HEARTBEAT, now - self._begun))
        named: dict[Address, int] = {}
        if location.fileinfo == self._holding.info:
            for text, bitfield in location.chunkinfo.items():
                if text != self._around.uplink.address:
                    try:
                        chunks = ChunkSet.from_bitfield(self._holding.info.totalchunknum, bitfield)
                        named[parse_address(text)] = chunks.bits
                    except (InvalidAddress, InvalidFileInfo):
                        continue  # a malformed entry names no source
        for address, source in list(self.sources.items()):
            if address not in named and not source.connected and not source.banned:
                del self.sources[address]
                self._picker.forget(str(address))
        for address, bits in named.items():
            source = self.sources.setdefault(address, Source(address))
            source.chunks = bits
            self._tell_picker(source)
        self._connect_sources()
        self._fill()

    def _refresh(self) -> None:
        self._locating = True
        located = self._around.uplink.locate(self._holding.name)
        located.addCallback(self._refreshed).addErrback(self._not_refreshed)
        located.addErrback(self._crashed)

    def _refreshed(self, location: ReplyFileLocation) -> None:
        self._locating = False
        if not self._stopping:
            self._located(location)

    def _not_refreshed(self, failure: Failure) -> None:
        # No tracker, or nobody listed there: what is known of the sources still holds.
        self._locating = False
        failure.trap(P2pfsError)
        self._next_refresh = self._reactor.seconds() + self._patience.refresh

    def _connect_sources(self) -> None:
        now = self._reactor.seconds()
        used = sum(s.connected or s.connecting for s in self.sources.values())
        candidates = [
            s
            for s in self.sources.values()
            if s.may_connect(now) and self._picker.wants_from(s.usable_chunks)
        ]
        self._around.random.shuffle(candidates)
        for source in candidates[: max(0, self._around.max_sources - used)]:
            source.connecting = True
            attempt = self._pool.get(source.address)
            attempt.addCallbacks(self._ready, self._not_ready, (source,), {}, (source,))
            attempt.addErrback(self._crashed)

    def _ready(self, ready: ReadySource, source: Source) -> None:
        source.connecting = False
        if self._stopping or source.banned:
            return
        source.connection = ready.connection
        self._tell_picker(source)
        self._picker.set_ready(str(source.address), ready.round_trip)
        lost = "it closed the connection"
        ended = ready.connection.ended()
        ended.addCallback(lambda _: self._lost(source, ready.connection, lost))
        ended.addErrback(self._crashed)
        self._fill()

    def _not_ready(self, failure: Failure, source: Source) -> None:
        source.connecting = False
        if self._stopping and failure.check(CancelledError):
            return
        failure.trap(SourceFailed)
        source.failed(str(failure.value), self._reactor.seconds(), self._patience)
        self._hurry_refresh()

    def _lost(self, source: Source, connection: SourceConnection, error: str) -> None:
        """A connection is of no use any more; requests on it fail by themselves."""
        if source.connection is connection and not self._stopping:
            source.failed(error, self._reactor.seconds(), self._patience)
            self._picker.set_away(str(source.address))
            self._hurry_refresh()

    def _hurry_refresh(self) -> None:
        """Locations have proved stale: ask for new ones soon."""
        soon = self._reactor.seconds() + min(EARLIEST_REFRESH, self._patience.refresh)
        self._next_refresh = min(self._next_refresh, soon)

    def _tell_picker(self, source: Source) -> None:
        if not source.banned:
            self._picker.set_chunks(str(source.address), source.usable_chunks)

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
                self._fetch(self.sources[parse_address(name)], chunknum)

    @property
    def _waits_for_disk(self) -> bool:
        return self._recorder is not None and self._recorder.syncing

    def _may_ask(self) -> bool:
        """False while too much is written that is not on record yet."""
        under_way = self._picker.in_flight * self._holding.info.chunksize
        return self._recorder is None or self._recorder.room(under_way)

    def _beat(self) -> None:
        now = self._reactor.seconds()
        for source in self.sources.values():
            if source.denied and now >= source.denied_until:
                source.denied = 0
                self._tell_picker(source)
        if now >= self._next_refresh and not self._locating:
            self._refresh()
        self._connect_sources()
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
        errors = [source.last_error for source in self.sources.values() if source.last_error]
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
