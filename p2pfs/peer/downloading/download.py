"""One download: from the tracker's word to a part file in which every chunk is verified.

Each chunk is a chain (`chunk_chains`). The picker says what to ask of whom; the heartbeat
looks after what no event tells: stale locations, rested sources, and a wait that was long
enough.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.errors import DownloadFailed, StorageProblem
from p2pfs.peer.downloading.chunk_chains import ChunkChains
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.explanation import (
    Explanation,
    Facts,
    chunks_text,
    explain,
    short_chunks_text,
    summary,
)
from p2pfs.peer.downloading.facts import asked_facts, trouble_facts
from p2pfs.peer.downloading.hash_list_fetch import HashListFetch
from p2pfs.peer.downloading.in_flight import Asked, InFlight
from p2pfs.peer.downloading.progress import ProgressClock
from p2pfs.peer.downloading.reach import CUT_OFF, Reach
from p2pfs.peer.downloading.running import HEARTBEAT
from p2pfs.peer.downloading.side_trials import SideTrials
from p2pfs.peer.downloading.source_set import SourceSet
from p2pfs.peer.downloading.stand_ins import StandIns
from p2pfs.peer.downloading.want_list_sender import WantListSender
from p2pfs.peer.library import Checkpointer, Holding
from p2pfs.peer.policy import Picker
from p2pfs.peer.rates import Pace, RateMeter, Reached
from p2pfs.peer.sources import Source, SourcePool
from p2pfs.wire.messages import ReplyFileLocation

IMPATIENT = 15.0
"""Seconds without progress after which sources that take turns are asked without an offer.

Who serves a crowd that nobody helps it with has no turn for each in less than that.
"""


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
        context: DownloadContext,
        pool: SourcePool,
        holding: Holding,
        checkpointer: Checkpointer | None,
        meter: RateMeter,
    ) -> None:
        """``checkpointer`` keeps the record of it, if it is to go on after a crash.

        ``meter`` counts what comes.
        """
        assert holding.part is not None
        self._checkpointer = checkpointer
        self._reactor = context.reactor
        self._patience = context.patience
        self._context = context
        self._holding = holding
        self._part = holding.part
        self._picker: Picker[Source] = Picker(holding.chunks, context.random)
        self._in_flight = InFlight()
        self._source_set = SourceSet(context, pool, holding, self._picker, self)
        self._chains = ChunkChains(
            context, holding, self._picker, self._in_flight, self._source_set, self
        )
        self._sides = SideTrials(
            context,
            holding,
            self._picker,
            self._in_flight,
            self._source_set,
            self._chains,
            self,
        )
        self._want_lists = WantListSender(
            context,
            holding,
            self._picker,
            self._source_set,
            self._sides,
            self._chains,
            self,
        )
        self._stand_ins = StandIns(
            self._picker, self._in_flight, self._source_set, context.patience.silence
        )
        self._hash_list = HashListFetch(context, self._source_set, holding, checkpointer)
        self._progress = ProgressClock(context.reactor.seconds(), HEARTBEAT)
        self._reach = Reach(context, self._source_set)
        # In the order in which they began: a set's would differ from run to run.
        self._under_way: dict[Deferred[None], None] = {}
        self._heart = LoopingCall(self._beat)
        self._heart.clock = context.reactor
        self._outcome: Failure | None = None
        self._stopping = False
        self.last_state: Explanation | None = None
        """How it stood when it failed."""
        self.received: dict[Address, int] = {}
        self._meter = meter
        self.finished: Deferred[None] = Deferred()

    def start(self, location: ReplyFileLocation) -> None:
        """Begin, with the tracker's first word on where the chunks are."""
        if self._checkpointer is not None:
            self._checkpointer.serve(self)
        self._heart.start(HEARTBEAT, now=False).addErrback(self.crashed)
        self._source_set.located(location)

    def cancel(self) -> None:
        """Stop; ``finished`` then fails with CancelledError."""
        self._stop(Failure(CancelledError()))

    @property
    def connected_sources(self) -> int:
        """How many sources there is a connection to."""
        return len(self._source_set.connected)

    @property
    def pace(self) -> Pace:
        """What is possible for it."""
        return self._source_set.pace

    @property
    def reached(self) -> Reached | None:
        """How well it went so far, for what it fetched."""
        return self.pace.reached(sum(self.received.values()), self._reactor.seconds())

    @property
    def state(self) -> str:
        """What it does now, in words that stay the same as long as it does that."""
        if self._stopping:
            # It waits for nothing but its own last writes.
            return "all chunks are there" if self._outcome is None else "stopping"
        if self._reach.cut_off:
            return CUT_OFF
        if not self._is_waiting:
            return "downloading"
        return f"waiting for a source{' of the hash list' if self._hash_list.needed else ''}"

    @property
    def detail(self) -> str:
        """The numbers to its state: how many sources, or which chunks it waits for."""
        if self._stopping or self._reach.cut_off:
            return ""
        if not self._is_waiting:
            count = self.connected_sources
            return f"{count} source{'' if count == 1 else 's'}"
        left = max(0, round(self._patience.no_source - self._waited))
        many = short_chunks_text(self._holding.info.totalchunknum, self._picker.unfinished)
        return f"{'' if self._hash_list.needed else f'for {many}, '}gives up in {left} s"

    @property
    def _waited(self) -> float:
        return self._progress.waited(self._reactor.seconds())

    @property
    def _is_waiting(self) -> bool:
        # Whether a source that was asked delivers is known after a time of patience.
        usual = self._patience.silence if self._picker.in_flight else 0.0
        return self._waited >= usual + 1.0

    # What its parts ask of it, and tell it

    def may_ask(self) -> bool:
        """False while too much is written that is not on record yet."""
        under_way = self._picker.in_flight * self._holding.info.chunksize
        return self._checkpointer is None or self._checkpointer.room(under_way)

    def follow(self, chain: Deferred[None]) -> None:
        """See a request to its end; then make those that can be made."""
        self._under_way[chain] = None
        chain.addErrback(self.crashed).addCallback(self._chain_ended, chain)

    def _chain_ended(self, _: None, chain: Deferred[None]) -> None:
        self._under_way.pop(chain, None)
        if self._stopping:
            self._finish_when_settled()
        else:
            self.go_on()

    def go_on(self) -> None:
        """Make all requests that can be made now."""
        if self._stopping:
            return
        if self._picker.finished:
            self._stop(None)
        elif self._hash_list.needed:
            while (asking := self._hash_list.ask()) is not None:
                self.follow(asking)
        else:
            impatient = self._is_impatient
            while self.may_ask() and (choice := self._picker.pick(impatient)) is not None:
                self._chains.fetch(*choice)
            self._sides.ask(impatient)
            # What is offered while there is no room waits for a moment, or is wanted again later.
            if self.may_ask():
                self._want_lists.tell()

    def came(self, count: int) -> None:
        """Bytes of chunks have come: it is seen how fast it goes before a chunk is whole."""
        self._meter.count(count, self._reactor.seconds())

    def kept(self, asked: Asked, chunknum: int) -> None:
        """A chunk is here, and right: tell all who have to know."""
        now, source = self._reactor.seconds(), asked.source
        length = self._holding.info.length(chunknum)
        self.received[source.address] = self.received.get(source.address, 0) + length
        self._progress.progressed(now)
        self._want_lists.kept(asked.connection, chunknum)
        self._sides.kept(chunknum)
        if self._checkpointer is not None:
            self._checkpointer.kept(chunknum)
        self._context.announcer.register_chunk(self._holding, chunknum, source.address)
        self._context.gained()

    def missed(self, chunknum: int) -> None:
        """A chunk did not come, and nothing writes to its place any more."""
        self._sides.bring(chunknum)

    def crashed(self, failure: Failure) -> None:
        """Nothing is left to try for what failed here: the disk, or a defect of ours."""
        if self._stopping and failure.check(CancelledError):
            return  # it was waiting for the record, or for the disk, when everything was stopped
        if failure.check(StorageProblem) is None:
            self.log.failure("A download failed unexpectedly.", failure=failure)
        self._stop(failure)

    # Moving on

    @property
    def _is_impatient(self) -> bool:
        """True when nothing has come for long: all sources may be busy with others."""
        idle = not self._picker.in_flight
        return idle and self._waited >= IMPATIENT

    @property
    def _waits_for_disk(self) -> bool:
        return self._checkpointer is not None and self._checkpointer.syncing

    def _beat(self) -> None:
        now = self._reactor.seconds()
        if self._progress.beat(now, self._reach.look(now)):
            self._source_set.forgive()
        self._note_progress(now)
        self._sides.look(now)
        self._source_set.look_after(now)
        if self._progress.waited(now) >= self._patience.no_source:
            self._stop(Failure(self._starved()))
            return
        if self._source_set.replaced and not self._source_set.can_complete(self._picker.unfinished):
            self._stop(Failure(self._replaced()))
            return
        self._want_lists.probe()
        self.go_on()
        for let_go in (self._stand_ins.end_trials, self._stand_ins.for_stragglers):
            if not self._stopping and self.may_ask():
                let_go(now)

    def _note_progress(self, now: float) -> None:
        """Besides whole chunks: bytes that keep coming, and what this side is to be waited for."""
        for at in (self._source_set.flowed_at, self._hash_list.came_at):
            if at is not None:
                self._progress.progressed(at)
        if self._in_flight.ours_to_finish or self._waits_for_disk or self._hash_list.recording:
            self._progress.progressed(now)

    # Why it is where it is

    def explain(self) -> Explanation:
        """What is missing, and why."""
        return explain(self._facts())

    def _facts(self) -> Facts:
        now = self._reactor.seconds()
        return Facts(
            total=self._holding.info.totalchunknum,
            missing=self._picker.unfinished,
            sources=self._source_set.facts(now),
            asked=asked_facts(self._in_flight, now),
            troubles=trouble_facts(self._in_flight, now),
            waited=self._progress.waited(now),
            patience=self._patience.no_source,
            needs_hash_list=self._hash_list.needed,
            hash_list_asked=self._hash_list.asked(now),
            waits_for_disk=self._waits_for_disk or not self.may_ask(),
            may_connect=self._source_set.may_connect,
            tracker=self._source_set.outlook(now),
            cut_off=self._reach.cut_off,
        )

    def _lacking(self) -> str:
        if self._hash_list.needed:
            return "the hash list"
        return f"chunks {chunks_text(self._holding.info.totalchunknum, self._picker.unfinished)}"

    def _starved(self) -> DownloadFailed:
        kept = f"what came is kept in {self._part.path}, " if self._holding.chunks.bits else ""
        return DownloadFailed(
            f"No source of {self._lacking()} of '{self._holding.name}' delivered within "
            f"{self._patience.no_source:g} s ({summary(self._facts())}); {kept}download it again "
            f"to go on, 'why {self._holding.name}' says more."
        )

    def _replaced(self) -> DownloadFailed:
        """Others come to another content by now, and those that it knows are not enough."""
        until = f"what came of the old one is kept in {self._part.path} until then"
        return DownloadFailed(
            f"The content of '{self._holding.name}' was replaced by another while it was "
            "downloaded; download it again to get the new one"
            + (f", {until}." if self._holding.chunks.bits else ".")
        )

    # The end

    def _stop(self, outcome: Failure | None) -> None:
        if self._stopping:
            return
        if outcome is not None:
            self.last_state = self.explain()
        self._stopping = True
        self._outcome = outcome
        self._source_set.stop()
        self._want_lists.stop()
        self._sides.stop()
        if self._heart.running:
            self._heart.stop()
        for chain in list(self._under_way):
            chain.cancel()
        self._finish_when_settled()

    def _finish_when_settled(self) -> None:
        if not self._under_way and not self.finished.called:
            if self._outcome is None:
                self.finished.callback(None)
            else:
                self.finished.errback(self._outcome)
