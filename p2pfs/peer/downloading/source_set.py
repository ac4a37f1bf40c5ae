"""Whom a download can ask: locations kept fresh, and connections to those that have something."""

from __future__ import annotations

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet
from p2pfs.peer.downloading.connector import Connector
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.explanation import SourceFacts
from p2pfs.peer.downloading.facts import source_facts
from p2pfs.peer.downloading.locator import Locator
from p2pfs.peer.downloading.running import RunningDownload
from p2pfs.peer.downloading.trials import Trials
from p2pfs.peer.library import Holding
from p2pfs.peer.policy import Picker, share_out
from p2pfs.peer.rates import Pace
from p2pfs.peer.sources import Source, SourcePool
from p2pfs.wire.messages import ReplyFileLocation

KEPT_PART = 4
"""Of this many connections, one is not for newcomers."""

KNOWN_PER_CONNECTION = 4
"""Sources that are remembered from selections of holders, for each connection there may be."""


class SourceSet:
    """The sources of one download, and what its picker is told of them.

    To be called with `look_after` every `HEARTBEAT`, until `stop`.
    """

    def __init__(
        self,
        context: DownloadContext,
        pool: SourcePool,
        holding: Holding,
        picker: Picker[Source],
        download: RunningDownload,
    ) -> None:
        """``download`` is told when there may be more to ask for."""
        self._context = context
        self._pool = pool
        self._reactor = context.reactor
        self._patience = context.patience
        self._holding = holding
        self._picker = picker
        self._download = download
        self.trials = Trials(context, picker)
        self.replaced = False
        """Whether the tracker lists another content under the name by now."""
        self._sources: dict[Address, Source] = {}
        self._locator = Locator(context, holding)
        self.pace = Pace(context.incoming.bandwidth, context.reactor.seconds())
        self.connector = Connector(
            context, pool, holding.name, picker, self.trials, self._locator, download
        )

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

    def can_complete(self, missing: int) -> bool:
        """Whether those at work have all of these chunks, as far as is known."""
        for source in self._sources.values():
            if source.at_work:
                missing &= ~source.usable_chunks
        return not missing

    @property
    def may_connect(self) -> bool:
        """True while there may be further connections."""
        return self._at_work < self._context.max_sources

    @property
    def _at_work(self) -> int:
        return sum(source.at_work for source in self._sources.values())

    def facts(self, now: float) -> list[SourceFacts]:
        """How it stands with every source."""
        return [
            source_facts(source, self._picker.view(source), now)
            for source in self._sources.values()
        ]

    def outlook(self, now: float) -> str:
        """What is to be expected of the tracker."""
        return self._locator.outlook(now)

    # What the download tells

    def located(self, location: ReplyFileLocation) -> None:
        """Take over what the tracker says, except about sources that are just at work."""
        now = self._reactor.seconds()
        self._locator.heard(now)
        self.replaced = location.fileinfo != self._holding.info
        if not self.replaced:
            self.pace.located(location, now)
        named, proven = self._locator.named_in(location), set(location.proven)
        self._pool.learn(self._locator.members_in(location))
        for address, bits in named.items():
            source = self._sources.setdefault(address, Source(address))
            source.chunks, source.named_at = bits, now
            source.vouched_for = str(address) in proven
            self.connector.tell_picker(source)
        self._forget(named, None if location.holders is None else self._most_known)
        if location.holders is not None and len(named) < location.holders:
            self._want_more(now)
        self._connect()
        self._download.go_on()

    def look_after(self, now: float) -> None:
        """See to what has become due: denials to forget, locations to ask for, rests that end."""
        for source in self._sources.values():
            if source.denied and now >= source.denied_until:
                source.denied = 0
                self.connector.tell_picker(source)
        for source in self.connected:
            self._picker.set_standing(source, self.trials.standing(source, now))
        if self._locator.is_due(now, self._delivered_lately(now)):
            located = self._locator.ask().addCallback(self._refreshed)
            located.addErrback(self._download.crashed)
        self._connect()

    def denied(self, source: Source, chunknum: int, error: str) -> None:
        """A source says that it does not have a chunk."""
        source.deny(1 << chunknum, error, self._reactor.seconds())
        self.connector.tell_picker(source)

    def denied_all(self, source: Source, error: str) -> None:
        """A source says that it offers nothing of this file."""
        source.deny(
            ChunkSet.full(self._holding.info.totalchunknum).bits, error, self._reactor.seconds()
        )
        self.connector.tell_picker(source)

    def stop(self) -> None:
        """Take no notice of anything any more."""
        self.connector.stop()

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
        self._locator.hurry()

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
        if not self._picker.missing:
            return
        usable = sum(self._is_promising(source, now) for source in self._sources.values())
        if usable < self._context.max_sources:
            self._locator.hurry()

    def _is_promising(self, source: Source, now: float) -> bool:
        """Whether it is at work, or could be, and it is not so that it was tried in vain."""
        if source.at_work:
            return self._delivered_lately(now) or not self.trials.in_vain(source, now)
        if not source.may_connect(now) or not self._picker.wants_from(source.usable_chunks):
            return False
        return not self._context.experience.setbacks(source.address)

    def _refreshed(self, location: ReplyFileLocation | None) -> None:
        if location is not None and not self.connector.stopped:
            self.located(location)

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
        room = self._context.max_sources - self._at_work
        newcomers: list[Source] = []
        if self._may_get_acquainted():
            newcomers = [source for source in idle if not source.chunks and not source.failures]
            self._context.random.shuffle(newcomers)
            spared = self._context.max_sources // KEPT_PART + len(useful)
            newcomers = newcomers[: max(0, room - spared)]
        if useful:
            self._connect_to_useful(useful, now)
        for source in newcomers:
            self.connector.connect(source, now)

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
            self.connector.dismiss(self._sources[address], now)
        for address in gets:
            self.connector.connect(self._sources[address], now)

    def _may_get_acquainted(self) -> bool:
        """True while at least half of the file is missing."""
        return 2 * self._holding.chunks.bits.bit_count() <= self._holding.info.totalchunknum
