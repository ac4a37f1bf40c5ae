"""Chunks that nobody proven can give: asked of several sources beside each other.

As long as things go well, a chunk is in flight to one source. When it is held up by one that
never delivered, and only such could have it instead, others are asked for it too: of twice as
many each `DOUBLING`. What these send lies in memory, so only one source at a time writes to a
chunk's place in the file. The first one that is right is kept, and the others are given up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from p2pfs.errors import Refused
from p2pfs.peer.downloading.chunk_chains import ChunkChains
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.in_flight import Asked, InFlight
from p2pfs.peer.downloading.running import RunningDownload
from p2pfs.peer.downloading.source_set import SourceSet
from p2pfs.peer.library import Holding
from p2pfs.peer.payloads import MemorySink
from p2pfs.peer.policy import Picker, PickerSource, Trial
from p2pfs.peer.sources import Source, SourceConnection, WrongChunk

DOUBLING = 0.25
"""Seconds after which it is asked of a first one beside, then of 3, of 7, and so on."""

MOST = 32
"""Sources that are asked for a chunk at a time, not counting those that bring nothing."""

SOON = 5.0
"""Seconds in which a chunk is there soon, if it goes on as it did."""

ENOUGH = 2
"""Sources that have it here soon: no more are asked then."""

MOST_SENDING = 4
"""Sources that send some of it, however slowly: no more are asked while these share the line."""


@dataclass(eq=False)
class Side:
    """A chunk that is asked of a source beside others; ``received`` as in `Asked`."""

    source: Source
    connection: SourceConnection
    trial: Trial
    chunknum: int
    at: float
    length: int
    received: int
    sink: MemorySink = field(init=False)
    request: Deferred[bytes | None] = field(init=False)


class SideTrials:
    """The requests of one download that are made beside others, for a chunk in flight."""

    def __init__(
        self,
        context: DownloadContext,
        holding: Holding,
        picker: Picker[Source],
        in_flight: InFlight,
        source_set: SourceSet,
        chains: ChunkChains,
        download: RunningDownload,
    ) -> None:
        """``chains`` take over the right bytes of a chunk; ``download`` takes each request."""
        self._context = context
        self._holding = holding
        self._picker = picker
        self._in_flight = in_flight
        self._source_set = source_set
        self._chains = chains
        self._download = download
        self._since: float | None = None
        """Since when nothing came, and something is held up."""
        self._open: dict[int, dict[SourceConnection, Side]] = {}
        self._won: dict[int, Side] = {}

    # When

    def look(self, now: float) -> None:
        """See whether something is held up; to be called every heartbeat."""
        if self._since is None and any(
            self._source_set.trials.in_vain(asked.source, now)
            for _, asked in self._at_unproven(now)
        ):
            self._since = now

    def chunks(self, now: float) -> int:
        """The chunks (bits) that may be asked of sources beside the one that has been asked."""
        if self._since is None:
            return 0
        bits = 0
        for chunknum, _ in self._at_unproven(now):
            bits |= 1 << chunknum
        return bits

    def with_room(self, now: float) -> int:
        """Those of the `chunks` (bits) that may be asked of one more now."""
        bits = chunks = self.chunks(now)
        while chunks:
            chunknum = chunks.bit_length() - 1
            chunks ^= 1 << chunknum
            if not self._has_room(chunknum, now):
                bits ^= 1 << chunknum
        return bits

    def is_fit(self, source: Source, view: PickerSource) -> bool:
        """Whether a source may be asked: it has not delivered anything, and has nothing to do."""
        proven = view.proven or self._source_set.trials.is_proven(source)
        return view.ready and not view.in_flight and not proven

    def _at_unproven(self, now: float) -> list[tuple[int, Asked]]:
        """What is in flight at sources that never delivered, and at no other could be."""
        asked = [
            (chunknum, asked)
            for chunknum, asked in self._in_flight.chunks.items()
            if not asked.arrived
            and chunknum not in self._won
            and not self._source_set.trials.is_proven(asked.source)
        ]
        if not asked:
            return []
        others, trials = 0, self._source_set.trials
        for source in self._source_set.connected:
            if trials.is_proven(source) and not trials.in_vain(source, now):
                others |= source.usable_chunks
        return [(chunknum, each) for chunknum, each in asked if not others >> chunknum & 1]

    def _has_room(self, chunknum: int, now: float) -> bool:
        assert self._since is not None
        if self._holding.info.length(chunknum) > self._context.spare.most:
            return False
        asked: list[Asked | Side] = list(self._open.get(chunknum, {}).values())
        if chunknum in self._in_flight.chunks:
            asked.append(self._in_flight.chunks[chunknum])
        trials = self._source_set.trials
        asked = [each for each in asked if not trials.in_vain(each.source, now)]
        sending = [each for each in asked if each.trial.sends(each.connection.brought)]
        if sum(_is_quick(each, now) for each in sending) >= ENOUGH or len(sending) >= MOST_SENDING:
            return False
        doublings = min(16, int((now - self._since) / DOUBLING))
        return len(asked) < min(MOST, (1 << doublings) - 1)

    # Asking

    def ask(self, impatient: bool) -> None:
        """Ask as many as may be, of those that do not choose themselves unless ``impatient``."""
        now = self._context.reactor.seconds()
        chunks = self.with_room(now)
        if not chunks:
            return
        hosts = Counter(
            side.source.host for sides in self._open.values() for side in sides.values()
        )
        able = [source for source in self._source_set.connected if self._can(source, impatient)]
        self._context.random.shuffle(able)
        while chunks and (useful := [each for each in able if each.usable_chunks & chunks]):
            source = min(
                useful, key=lambda each: (self._source_set.trials.rank(each), hosts[each.host])
            )
            able.remove(source)
            hosts[source.host] += 1
            self._begin(source, self._least_asked(source.usable_chunks & chunks), now)
            chunks = self.with_room(now)

    def take(self, source: Source, chunknum: int) -> bool:
        """A source offers a chunk: ask for it, if it may be asked beside others."""
        now = self._context.reactor.seconds()
        view = self._picker.view(source)
        if view is None or not self.is_fit(source, view):
            return False
        if not self.with_room(now) >> chunknum & 1:
            return False
        self._begin(source, chunknum, now)
        return True

    def _can(self, source: Source, impatient: bool) -> bool:
        view = self._picker.view(source)
        if view is None or not self.is_fit(source, view):
            return False
        return impatient or not view.chooses

    def _least_asked(self, chunks: int) -> int:
        candidates = [n for n in range(chunks.bit_length()) if chunks >> n & 1]
        return min(candidates, key=lambda chunknum: len(self._open.get(chunknum, {})))

    def _begin(self, source: Source, chunknum: int, now: float) -> None:
        connection, info = source.connection, self._holding.info
        assert connection is not None
        length, brought = info.length(chunknum), connection.brought
        side = Side(source, connection, source.trial, chunknum, now, length, brought)
        side.sink = MemorySink(
            length, info.hasher(), self._context.spare, lambda: self.give_up(side)
        )
        side.trial.asked(length, now, brought)
        self._picker.ask_beside(source, chunknum)
        self._open.setdefault(chunknum, {})[connection] = side
        side.request = connection.fetch(self._holding.name, info, chunknum, side.sink)
        self._download.follow(
            side.request.addCallback(self._came, side).addErrback(self._failed, side)
        )

    # What becomes of it

    def _came(self, claimed: bytes | None, side: Side) -> None:
        digest = side.sink.digest
        if claimed not in (None, digest) or not self._chains.is_right(side.chunknum, digest):
            side.connection.found_wrong(self._holding.name, side.chunknum)
            raise WrongChunk(f"{side.source.address}: it sent a wrong chunk {side.chunknum}")
        self._end(side)
        now = self._context.reactor.seconds()
        side.trial.came(side.length, now, side.connection.brought)
        self._won[side.chunknum] = side
        self._give_up_all(side.chunknum)
        # Let go of the one before that holds it up; then nothing writes to its place.
        asked = self._in_flight.chunks.get(side.chunknum)
        if asked is None:
            self.bring(side.chunknum)
        elif not asked.arrived:
            self.give_up(asked)

    def _failed(self, failure: Failure, side: Side) -> None:
        self._end(side)
        side.sink.release()
        trial, now = side.trial, self._context.reactor.seconds()
        if failure.check(CancelledError):
            trial.came(side.length, now, side.connection.brought)  # another one was first
            return
        trial.refused(side.length, now, side.connection.brought)
        if failure.check(Refused):
            self._source_set.denied(side.source, side.chunknum, str(failure.value))
        else:
            self._source_set.connector.blame(failure, side.source, side.connection)

    def _end(self, side: Side) -> None:
        sides = self._open[side.chunknum]
        del sides[side.connection]
        if not sides:
            del self._open[side.chunknum]
        self._picker.end_beside(side.source, side.chunknum)

    def bring(self, chunknum: int) -> None:
        """Keep a chunk that has come in this way, if it has; nothing else writes to its place."""
        side = self._won.pop(chunknum, None)
        if side is None:
            return
        pieces = side.sink.pieces
        side.sink.release()
        if not self._picker.bring(side.source, chunknum):
            return
        sink, now = self._chains.sink(chunknum), self._context.reactor.seconds()
        request: Deferred[bytes | None] = succeed(side.sink.digest)
        self._in_flight.asked(
            chunknum, side.source, side.connection, side.length, request, now, side.at
        )
        for piece in pieces:
            sink.write(piece)
        self._chains.follow(chunknum, sink)

    def kept(self, chunknum: int) -> None:
        """A chunk is here: nothing is held up as far as one can tell, and others may stop."""
        self._since = None
        self._discard(chunknum)
        self._give_up_all(chunknum)

    def stop(self) -> None:
        """Keep nothing any more."""
        for chunknum in list(self._won):
            self._discard(chunknum)

    def give_up(self, asked: Asked | Side) -> None:
        """Have nothing more come of a request: who serves it alone, or in vain, is let go."""
        now, source = self._context.reactor.seconds(), asked.source
        alone = asked.connection.open_requests <= 1
        if source.connection is asked.connection and (
            alone or self._source_set.trials.in_vain(source, now)
        ):
            self._source_set.connector.dismiss(source, now)
        if not asked.request.called:  # else it ends by itself
            asked.request.cancel()

    def _discard(self, chunknum: int) -> None:
        side = self._won.pop(chunknum, None)
        if side is not None:
            side.sink.release()

    def _give_up_all(self, chunknum: int) -> None:
        for side in list(self._open.get(chunknum, {}).values()):
            self.give_up(side)


def _is_quick(asked: Asked | Side, now: float) -> bool:
    """Whether it will be there soon, if it goes on like this."""
    came = asked.connection.brought - asked.received
    return came * SOON >= asked.length * (now - asked.at)
