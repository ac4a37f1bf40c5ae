"""Whom a download can ask: locations kept fresh, and connections to those that have something."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import Address, parse_full_name
from p2pfs.chunks import ChunkSet
from p2pfs.errors import InvalidAddress, InvalidFileInfo, P2pfsError, SourceFailed
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.explanation import SourceFacts, seconds_text
from p2pfs.peer.downloading.trials import Trials
from p2pfs.peer.library import Holding
from p2pfs.peer.policy import Picker, Trial, share_out
from p2pfs.peer.rates import Pace
from p2pfs.peer.sources import OutOfReach, ReadySource, Source, SourceConnection, SourcePool
from p2pfs.printable import printable
from p2pfs.wire import QUIET
from p2pfs.wire.messages import ReplyFileLocation

HEARTBEAT = 0.2
"""Seconds between looks at what no event tells."""

REFRESH_GROWTH = 3
"""At first, each pause between questions to the tracker is this many times the one before."""

RELAXED = 5
"""The pauses are this many times as long while sources deliver."""

EARLIEST_REFRESH = 1.0
"""Seconds between questions to the tracker when sources just failed, or are too few."""

KEPT_SHARE = 4
"""Of this many connections, one is not for newcomers."""

KNOWN_PER_CONNECTION = 4
"""Sources that are remembered from selections of holders, for each connection there may be."""


class SourceSet:
    """The sources of one download, and what its picker is told of them.

    To be called with `look_after` every `HEARTBEAT`, until `stop`.
    """

    log = Logger()

    def __init__(
        self,
        context: DownloadContext,
        pool: SourcePool,
        holding: Holding,
        picker: Picker[Source],
        changed: Callable[[], None],
        crashed: Callable[[Failure], None],
    ) -> None:
        """``changed`` is called when there may be more to ask, ``crashed`` upon a defect."""
        self._context = context
        self._reactor = context.reactor
        self._patience = context.patience
        self._pool = pool
        self._holding = holding
        self._picker = picker
        self._changed = changed
        self._crashed = crashed
        self.trials = Trials(context, picker)
        self._sources: dict[Address, Source] = {}
        self._locating = False
        self._begun = self._next_refresh = self._asked_at = context.reactor.seconds()
        self.pace = Pace(context.incoming.bandwidth, self._begun)
        self._stopped = False
        # The ends of connections that are waited for.
        self._ends: dict[Deferred[None], None] = {}

    # What the download asks

    @property
    def connected(self) -> list[Source]:
        """The sources there is a connection to."""
        return [source for source in self._sources.values() if source.connected]

    @property
    def flowed_at(self) -> float | None:
        """When a source last delivered at the least rate at least; None if none did."""
        times = [
            source.connection.flowed_at
            for source in self._sources.values()
            if source.connection is not None and source.trusted
        ]
        return max((at for at in times if at is not None), default=None)

    @property
    def answers(self) -> bool:
        """True unless none of the sources gives a sign of life."""
        return any(source.answers for source in self._sources.values())

    def helpers(self) -> set[Source]:
        """Those that could stand in for a slow source: proven, or not tried yet.

        Who failed must deliver a chunk first, so chunks are not passed to and fro.
        """
        return {
            source for source in self.connected if not source.failures or self._is_proven(source)
        }

    def _is_proven(self, source: Source) -> bool:
        view = self._picker.view(source)
        return view is not None and view.chunk_seconds is not None

    @property
    def may_connect(self) -> bool:
        """True while there may be further connections."""
        at_work = sum(source.at_work for source in self._sources.values())
        return at_work < self._context.max_sources

    def facts(self, now: float) -> list[SourceFacts]:
        """How it stands with every source."""
        return [self._facts(source, now) for source in self._sources.values()]

    def outlook(self, now: float) -> str:
        """What is to be expected of the tracker."""
        announcer = self._context.announcer
        if not announcer.reachable:
            at = announcer.retry_at
            again = f", tried again in {seconds_text(max(0.0, at - now))}" if at else ""
            return f"no tracker is reachable{again}"
        if self._locating:
            return "is asking the tracker who holds them"
        return f"asks the tracker in {seconds_text(max(0.0, self._next_refresh - now))}"

    # What the download tells

    def located(self, location: ReplyFileLocation) -> None:
        """Take over what the tracker says, except about sources that are just at work."""
        # Often at first, when others begin too and soon have something to give.
        now = self._reactor.seconds()
        pause = max(HEARTBEAT, (REFRESH_GROWTH - 1) * (now - self._begun))
        self._next_refresh = now + min(RELAXED * self._patience.refresh, pause)
        self.pace.located(location, now)
        named, proven = self._named_in(location), set(location.proven)
        for address, bits in named.items():
            source = self._sources.setdefault(address, Source(address))
            source.chunks, source.named_at = bits, now
            source.vouched_for = str(address) in proven
            self._tell_picker(source)
        self._forget(named, None if location.holders is None else self._most_known)
        if location.holders is not None and len(named) < location.holders:
            self._want_more(now)
        self._connect()
        self._changed()

    def look_after(self, now: float) -> None:
        """See to what has become due: denials to forget, locations to ask for, rests that end."""
        for source in self._sources.values():
            if source.denied and now >= source.denied_until:
                source.denied = 0
                self._tell_picker(source)
        for source in self.connected:
            self._picker.set_standing(source, self.trials.standing(source, now))
        if not self._delivered_lately(now):
            usual = self._asked_at + self._patience.refresh
            self._next_refresh = min(self._next_refresh, usual)
        if now >= self._next_refresh and not self._locating:
            self._refresh()
        self._connect()

    def denied(self, source: Source, chunknum: int, error: str) -> None:
        """A source says that it does not have a chunk."""
        source.deny(1 << chunknum, error, self._reactor.seconds())
        self._tell_picker(source)

    def denied_all(self, source: Source, error: str) -> None:
        """A source says that it offers nothing of this file."""
        source.deny(
            ChunkSet.full(self._holding.info.totalchunknum).bits, error, self._reactor.seconds()
        )
        self._tell_picker(source)

    def dismiss(self, source: Source, now: float) -> None:
        """End its trial: others are asked first, and then this one again."""
        reason = "it made room for others"
        if self.trials.in_vain(source, now):
            reason = "it brought nothing while it was on trial, others are tried first"
            self._context.experience.set_back(source.address, now)
        connection, attempt = source.connection, source.attempt
        source.dismissed(f"{source.address}: {reason}", now, self._patience)
        self._picker.set_away(source)
        if attempt is not None:
            attempt.cancel()
        if connection is not None:
            connection.give_up(reason)

    def ban(self, source: Source, error: str) -> None:
        """A source sent something wrong: do not ask it for this file again."""
        if not source.banned:  # several chunks in flight may be wrong
            name = printable(self._holding.name)
            self.log.warn("Banned for {name}: {error}", name=name, error=error)
        source.ban(error, self._reactor.seconds())
        self._context.experience.was_wrong(source.address, self._reactor.seconds())
        self._picker.forget(source)

    def lost(self, source: Source, connection: SourceConnection, error: str) -> None:
        """A connection is of no use any more; requests on it fail by themselves."""
        if source.connection is connection and not self._stopped:
            source.answered = connection.unanswered < QUIET
            self._failed(source, error)
            self._picker.set_away(source)

    def _failed(self, source: Source, error: str) -> None:
        now = self._reactor.seconds()
        source.failed(error, now, self._patience)
        self._context.experience.set_back(source.address, now)
        self._hurry_refresh()

    def stop(self) -> None:
        """Take no notice of anything any more."""
        self._stopped = True
        for end in list(self._ends):
            end.cancel()

    def forgive(self) -> None:
        """This process did not run for a while: no source is to be blamed for that."""
        for source in self.connected:
            assert source.connection is not None
            source.connection.forgive()
            source.trial.forgive(self._reactor.seconds(), source.connection.brought)

    def absolve(self) -> None:
        """Nobody could be reached for a while: what failed meanwhile is to be tried again."""
        for source in self._sources.values():
            if not source.answered:
                source.failures, source.rests_until = 0, 0.0
        self._hurry_refresh()

    # Locations

    def _delivered_lately(self, now: float) -> bool:
        last = max((source.last_delivery for source in self._sources.values()), default=0.0)
        return now - max(last, self.flowed_at or 0.0) < self._patience.refresh

    @property
    def _most_known(self) -> int:
        return KNOWN_PER_CONNECTION * self._context.max_sources

    def _forget(self, named: dict[Address, int], most: int | None) -> None:
        """Forget sources that the tracker did not name: all, or those beyond ``most``.

        Those at work are kept, and so are those banned, lest they be asked again;
        but in a selection even these only as long as there are not too many.
        """
        unnamed = [
            source
            for address, source in self._sources.items()
            if address not in named and not source.at_work
        ]
        if most is None:
            goners = [source for source in unnamed if not source.banned]
        else:
            unnamed.sort(key=self._worth_remembering)
            goners = unnamed[: max(0, len(self._sources) - most)]
        for source in goners:
            del self._sources[source.address]
            self._picker.forget(source)

    def _worth_remembering(self, source: Source) -> tuple[bool, bool, float]:
        failed = source.failures or self._context.experience.setbacks(source.address)
        return source.banned, not failed, source.named_at

    def _want_more(self, now: float) -> None:
        """Not all holders were named: ask again soon if those known are too few to be busy with."""
        if not self._picker.missing().bits:
            return
        usable = sum(self._is_promising(source, now) for source in self._sources.values())
        if usable < self._context.max_sources:
            self._hurry_refresh()

    def _is_promising(self, source: Source, now: float) -> bool:
        """Whether it is at work, or could be, and it is not so that it was tried in vain."""
        if source.at_work:
            return self._delivered_lately(now) or not self.trials.in_vain(source, now)
        if not source.may_connect(now) or not self._picker.wants_from(source.usable_chunks):
            return False
        return not self._context.experience.setbacks(source.address)

    def _named_in(self, location: ReplyFileLocation) -> dict[Address, int]:
        """The chunks (as bits) of each holder but this very peer."""
        named: dict[Address, int] = {}
        if location.fileinfo != self._holding.info:
            return named  # another content has taken the name
        total = self._holding.info.totalchunknum
        for text, bitfield in (*location.chunkinfo.items(), *location.waiting.items()):
            if text != self._context.announcer.address:
                try:
                    named[parse_full_name(text)] = ChunkSet.from_bitfield(total, bitfield).bits
                except (InvalidAddress, InvalidFileInfo):
                    continue  # a malformed entry names no source
        return named

    def _refresh(self) -> None:
        self._locating = True
        self._asked_at = self._reactor.seconds()
        located = self._context.announcer.locate(self._holding.name)
        located.addCallback(self._refreshed).addErrback(self._not_refreshed)
        located.addErrback(self._crashed)

    def _refreshed(self, location: ReplyFileLocation) -> None:
        self._locating = False
        if not self._stopped:
            self.located(location)

    def _not_refreshed(self, failure: Failure) -> None:
        # No tracker, or nobody listed there: what is known of the sources still holds.
        self._locating = False
        failure.trap(P2pfsError)
        self._next_refresh = self._reactor.seconds() + self._patience.refresh

    def _hurry_refresh(self) -> None:
        """Locations are stale, or too few: ask for new ones soon."""
        soon = self._reactor.seconds() + min(EARLIEST_REFRESH, self._patience.refresh)
        self._next_refresh = min(self._next_refresh, soon)

    # Connections

    def _connect(self) -> None:
        """Open connections to sources that have something, as many as may be.

        One that was not tried yet is welcome even when all it has is in flight: it may
        stand in for a slow one. So is a newcomer, that has nothing yet, while this download
        has little more: they will have something for one another. But some connections
        are kept for those that have something.
        """
        now = self._reactor.seconds()
        idle = [source for source in self._sources.values() if source.may_connect(now)]
        unfinished = self._picker.unfinished
        useful = [
            source
            for source in idle
            if self._picker.wants_from(source.usable_chunks)
            or (not source.failures and source.usable_chunks & unfinished)
        ]
        room = self._context.max_sources - sum(source.at_work for source in self._sources.values())
        newcomers: list[Source] = []
        if self._may_get_acquainted():
            newcomers = [source for source in idle if not source.chunks and not source.failures]
            self._context.random.shuffle(newcomers)
            spared = self._context.max_sources // KEPT_SHARE + len(useful)
            newcomers = newcomers[: max(0, room - spared)]
        if useful:
            self._connect_to_useful(useful, now)
        for source in newcomers:
            self._connect_to(source, now)

    def _connect_to_useful(self, useful: list[Source], now: float) -> None:
        """Give them places, as far as there are any, or some are used worse."""
        self._context.random.shuffle(useful)
        placed = [source for source in self._sources.values() if source.at_work]
        gets, loses = share_out(
            [self.trials.claim(source) for source in useful],
            [self.trials.claim(source, now) for source in placed],
            self._context.max_sources,
        )
        for address in loses:
            self.dismiss(self._sources[address], now)
        for address in gets:
            self._connect_to(self._sources[address], now)

    def _connect_to(self, source: Source, now: float) -> None:
        source.attempt_at = now
        source.attempt = attempt = self._pool.get(source.address)
        attempt.addCallbacks(self._ready, self._not_ready, (source,), {}, (source,))
        attempt.addErrback(self._crashed)

    def _may_get_acquainted(self) -> bool:
        """True while at least half of the file is missing."""
        return 2 * self._holding.chunks.bits.bit_count() <= self._holding.info.totalchunknum

    def _ready(self, ready: ReadySource, source: Source) -> None:
        source.attempt = None
        if self._stopped or source.banned:
            return
        source.connection, source.brought_then = ready.connection, 0
        source.trial = Trial()
        self._tell_picker(source)
        self._picker.set_ready(
            source,
            ready.round_trip,
            ready.connection.takes_turns,
            self._context.experience.credit(source.address),
            source.host,
        )
        self._picker.set_standing(source, self.trials.standing(source, self._reactor.seconds()))
        closed = "it closed the connection"
        end = ready.connection.ended()
        self._ends[end] = None
        end.addCallback(lambda _: self.lost(source, ready.connection, closed))
        end.addErrback(lambda failure: failure.trap(CancelledError)).addErrback(self._crashed)
        end.addCallback(lambda _: self._ends.pop(end))
        self._changed()

    def _not_ready(self, failure: Failure, source: Source) -> None:
        source.attempt = None
        if failure.check(CancelledError):
            return  # it was dismissed, or the pool is closed
        failure.trap(SourceFailed)
        source.answered = failure.check(OutOfReach) is None
        self._failed(source, str(failure.value))

    def _tell_picker(self, source: Source) -> None:
        if not source.banned:
            self._picker.set_chunks(source, source.usable_chunks)

    # How things stand

    def _facts(self, source: Source, now: float) -> SourceFacts:
        left = source.denied_until - now
        if source.banned:
            state = "banned"
        elif source.connected:
            state = "connected"
        elif source.connecting:
            state = "connecting"
        elif now < source.rests_until:
            state, left = "resting", source.rests_until - now
        else:
            state = "idle"
        view = self._picker.view(source)
        connection = source.connection
        return SourceFacts(
            str(source.address),
            source.chunks,
            state,
            source.denied,
            max(0.0, left),
            source.last_error,
            now - source.last_error_at,
            view.in_flight if view else 0,
            view.window if view else 0,
            connection.rate() if connection is not None else 0.0,
            view is not None and view.chooses,
        )
