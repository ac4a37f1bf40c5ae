"""What a download tells the sources that take turns, and what it makes of their offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.interfaces import IDelayedCall

from p2pfs.chunks import ChunkSet
from p2pfs.peer.downloading.chunk_chains import ChunkChains
from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.running import RunningDownload
from p2pfs.peer.downloading.side_trials import SideTrials
from p2pfs.peer.downloading.source_set import SourceSet
from p2pfs.peer.library import Holding
from p2pfs.peer.policy import Picker, PickerSource
from p2pfs.peer.sources import Answer, Source, SourceConnection

AHEAD = 1
"""Offers beyond a source's window, once it has sent something: an offer waits for the payload that
is going out."""

LONGEST_HELD = 0.4
"""Seconds for which an offer waits until the disk has caught up: a source waits for 0.5 s."""


@dataclass
class _Told:
    """What one source believes: the chunks (bits) wanted, and how many at a time."""

    chunks: int
    room: int
    busy: bool = False
    """True when it was told that there is no room now."""


class WantListSender:
    """What the sources of one download that take turns were told.

    Nothing is in flight before such a source has offered it and is asked for it, so a source
    that is busy with others holds up no chunk that another could send.
    """

    def __init__(
        self,
        context: DownloadContext,
        holding: Holding,
        picker: Picker[Source],
        source_set: SourceSet,
        sides: SideTrials,
        chains: ChunkChains,
        download: RunningDownload,
    ) -> None:
        """``chains`` fetch what is offered, as far as ``download`` may ask for more."""
        self._context = context
        self._holding = holding
        self._picker = picker
        self._source_set = source_set
        self._sides = sides
        self._chains = chains
        self._download = download
        self._told: dict[SourceConnection, _Told] = {}
        # Offers of those that have nothing else to send, which wait for the disk.
        self._held: dict[tuple[SourceConnection, int], Source] = {}
        self._longest_held: IDelayedCall | None = None

    def tell(self) -> None:
        """Tell all that do not know it what is wanted, and one that was put off to go on.

        What was offered while the disk was behind is answered first.
        """
        self._answer_held(self._download.may_ask)
        now = self._context.reactor.seconds()
        beside = self._sides.chunks(now)
        with_room = self._sides.with_room(now) if beside else 0
        for source in self._source_set.connected:
            connection, view = source.connection, self._picker.view(source)
            if connection is not None and view is not None and view.ready and view.chooses:
                wanted = self._picker.wanted_of(view)
                if beside and self._sides.is_fit(source, view):
                    # Who was told of one before may still offer it, for all we know.
                    told = self._told.get(connection)
                    wanted |= with_room | (beside & told.chunks if told else 0)
                wanted &= ~source.denied
                if self._picker.missing or beside:
                    self._tell(source, connection, view, wanted)
                self._try_out(source, connection, wanted, now)
        if self._picker.missing:
            self._invite()

    def _try_out(
        self, source: Source, connection: SourceConnection, wanted: int, now: float
    ) -> None:
        """It is on trial while it could offer something."""
        told = self._told.get(connection)
        if told is not None and not told.busy and wanted & source.chunks:
            source.trial.begin(now, connection.brought)
        else:
            source.trial.suspend()

    def _tell(
        self, source: Source, connection: SourceConnection, view: PickerSource, wanted: int
    ) -> None:
        told, room = self._told.get(connection), view.window
        if view.chunk_seconds is not None:
            room += AHEAD
        # What is new has time while one on trial is busy: it may offer all of it in any case.
        has_time = view.in_flight and not view.proven
        if told is not None and told.room == room and (has_time or not wanted & ~told.chunks):
            self._tell_less(connection, told, told.chunks & ~wanted)
            return
        if told is None:
            self._forget_closed()
        self._told[connection] = _Told(wanted, room, told is not None and told.busy)
        info = self._holding.info
        connection.want(
            self._holding.name,
            info,
            ChunkSet(info.totalchunknum, wanted),
            room,
            partial(self._offered, source, connection),
            partial(self._refused, source, connection),
        )

    def _tell_less(self, connection: SourceConnection, told: _Told, gone: int) -> None:
        told.chunks &= ~gone
        while gone:
            connection.have(self._holding.name, gone.bit_length() - 1)
            gone ^= 1 << gone.bit_length() - 1

    def _invite(self) -> None:
        """Let one of those that were put off make an offer, if there is room."""
        put_off = [(connection, told) for connection, told in self._told.items() if told.busy]
        if put_off and self._context.incoming.intake.has_room(self._context.reactor.seconds()):
            connection, told = self._context.random.choice(put_off)
            told.busy = False
            connection.ready(self._holding.name)

    def kept(self, connection: SourceConnection, chunknum: int) -> None:
        """A chunk is here: who sent it in its turn may go on to the next."""
        told = self._told.get(connection)
        if told is not None:
            told.busy = False
            connection.have(self._holding.name, chunknum)

    def probe(self) -> None:
        """Make sure that those who owe nothing but offers are still there."""
        for connection in self._told:
            connection.probe()

    def stop(self) -> None:
        """Want nothing any more."""
        self._held.clear()
        self._stop_holding()
        for connection in self._told:
            connection.want_nothing(self._holding.name, self._holding.info)
        self._told.clear()

    def _offered(
        self, source: Source, connection: SourceConnection, chunknum: int, spare: bool
    ) -> Answer:
        answer = self._take(source, connection, chunknum, spare)
        if answer is Answer.LATER:
            self._held[connection, chunknum] = source
            if self._longest_held is None:
                self._longest_held = self._context.reactor.callLater(LONGEST_HELD, self._held_over)
        elif answer is Answer.TAKEN:
            self.tell()
        return answer

    def _answer_held(self, may_go_on: Callable[[], bool]) -> None:
        while self._held and may_go_on():
            connection, chunknum = first = next(iter(self._held))
            source = self._held.pop(first)
            answer = self._take(source, connection, chunknum, spare=True)
            if answer is Answer.LATER:
                answer = Answer.DECLINED
            connection.answer(self._holding.name, chunknum, answer)
        if not self._held:
            self._stop_holding()

    def _held_over(self) -> None:
        """The disk takes long: whoever offered something may have others to send to."""
        self._longest_held = None
        self._answer_held(lambda: True)

    def _stop_holding(self) -> None:
        if self._longest_held is not None:
            self._longest_held.cancel()
            self._longest_held = None

    def _take(
        self, source: Source, connection: SourceConnection, chunknum: int, spare: bool
    ) -> Answer:
        """Ask for what a source offers, if it is wanted; what it is told."""
        told = self._told.get(connection)
        if told is None or not 0 <= chunknum < self._holding.info.totalchunknum:
            return Answer.DECLINED
        # It will not offer it again unless it is told anew.
        bit = 1 << chunknum
        told.chunks &= ~bit
        view = self._picker.view(source)
        if view is None or source.connection is not connection:
            return Answer.DECLINED
        if source.denied & bit or view.in_flight >= told.room:
            return Answer.DECLINED
        now = self._context.reactor.seconds()
        wanted = bool(self._picker.missing & bit)
        if wanted and not spare and not self._context.incoming.intake.has_room(now, connection):
            told.chunks |= bit
            told.busy = True
            return Answer.BUSY
        if not self._download.may_ask():
            waits = spare and len(self._held) < told.room
            return Answer.LATER if waits else Answer.DECLINED
        if not self._picker.take(source, chunknum):
            beside = self._sides.take(source, chunknum)
            return Answer.TAKEN if beside else Answer.DECLINED
        self._chains.fetch(source, chunknum)
        return Answer.TAKEN

    def _refused(self, source: Source, connection: SourceConnection, error: str) -> None:
        self._told.pop(connection, None)
        if source.connection is connection:
            self._source_set.denied_all(source, error)

    def _forget_closed(self) -> None:
        for connection in [each for each in self._told if each.closed]:
            del self._told[connection]
