"""Which chunk next, from whom: rarest first, ties at random, the quickest source of those free.

Sources that never delivered get what the proven ones have no room for: one chunk each, and a
chunk that was lost with one of them goes to a proven one.

Pure logic: no clock, no connections. The arithmetic is done on whole bitfields
(integers whose bit *i* is chunk *i*), so that even a file of 65,536 chunks with
many sources costs microseconds a choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import Generic, TypeVar

from p2pfs.chunks import ChunkSet
from p2pfs.peer.policy.availability import count, fewest, random_bit

MIN_WINDOW = 2
"""Requests in flight to a source that has delivered: one being sent, one waiting, so that it is
never idle. But never more than one beyond what it has delivered."""
MAX_WINDOW = 16
"""Requests in flight to the quickest source."""
_WINDOW_SECONDS = 0.1
"""Time beyond the round trip that the requests in flight to a source should fill."""
_SMOOTHING = 0.3
"""Weight of the latest chunk in a source's average time per chunk."""

S = TypeVar("S", bound=Hashable)


class Standing(IntEnum):
    """Who has what was lost with a source on trial: the least of those that hold it."""

    PROVEN = 0
    """It delivers."""
    FRESH = 1
    """Nothing speaks against it; it chooses itself, so what is left to it is held up by nobody."""
    FRESH_TO_ASK = 2
    """Nothing speaks against it."""
    DOUBTFUL = 3
    """It brought nothing lately, or another of its host."""


@dataclass
class PickerSource:
    """What the picker knows of a source: its chunks (as bits), and how quick it is."""

    chunks: int = 0
    ready: bool = False
    round_trip: float = 0.0
    in_flight: int = 0
    chunk_seconds: float | None = None
    chooses: bool = False
    """True when it chooses itself what to send of what is wanted."""
    credit: int = 0
    """Chunks that it delivered, to this download or to another."""
    host: str = ""
    standing: Standing = Standing.PROVEN

    @property
    def proven(self) -> bool:
        """True once it delivered a chunk."""
        return self.credit > 0

    @property
    def window(self) -> int:
        """How many requests may be in flight to it."""
        if self.chunk_seconds is None:
            return min(MIN_WINDOW, 1 + self.credit)
        fill = (self.round_trip + _WINDOW_SECONDS) / max(self.chunk_seconds, 1e-6)
        return min(1 + self.credit, max(MIN_WINDOW, min(MAX_WINDOW, 1 + int(fill))))

    @property
    def cost(self) -> float:
        """Seconds until a chunk asked for now would be here, as far as known."""
        return self.round_trip + (self.in_flight + 1) * (self.chunk_seconds or 0.0)


class Picker(Generic[S]):
    """Chooses the next requests of one download. A source is whatever its caller knows it by.

    Every chunk is missing, in flight, or done. A chunk is in flight to one
    source at a time. Other sources may be busy with it beside that one; it makes no
    difference to the chunk, until one of them has brought it.
    """

    def __init__(self, done: ChunkSet, random: Random) -> None:
        self._random = random
        self._wanted = done.missing.bits
        self._in_flight: dict[int, PickerSource] = {}
        self._beside: dict[tuple[S, int], PickerSource] = {}
        self._sources: dict[S, PickerSource] = {}
        self._planes: list[int] | None = None
        # Chunks (bits) that were lost with a source that is not proven.
        self._lost_on_trial = 0

    # What is known of sources

    def set_chunks(self, source: S, chunks: int) -> None:
        """Note which chunks a source holds (replacing what was known), connected or not."""
        view = self._sources.setdefault(source, PickerSource())
        if view.chunks != chunks:
            view.chunks = chunks
            self._planes = None

    def set_ready(
        self,
        source: S,
        round_trip: float,
        chooses: bool = False,
        credit: int = 0,
        host: str = "",
    ) -> None:
        """A connection to the source stands; its round trip takes that many seconds.

        One that ``chooses`` is not picked: what it begins to send is to be taken with `take`.
        ``credit`` is how many chunks it delivered to others of this peer's downloads.
        """
        view = self._sources[source]
        view.ready, view.round_trip, view.chooses = True, round_trip, chooses
        view.credit, view.host = credit, host
        view.standing = Standing.PROVEN if credit else Standing.FRESH

    def set_standing(self, source: S, standing: Standing) -> None:
        """Note what speaks for a source that is connected."""
        self._sources[source].standing = standing

    def set_away(self, source: S) -> None:
        """There is no connection to the source (any more); what it holds is still known."""
        view = self._sources.get(source)
        if view is not None:
            view.ready = False
            view.chunk_seconds = None

    def forget(self, source: S) -> None:
        """Choose that source no more."""
        if self._sources.pop(source, None) is not None:
            self._planes = None

    # Choosing

    def pick(self, impatient: bool = False) -> tuple[S, int] | None:
        """The next request ``(source, chunknum)``, now in flight; None when there is none to make.

        Of the chunks that some source with room in its window holds, one of the
        rarest among all known holders; of those sources, the one with the least cost,
        a proven one first. Sources that choose themselves are picked only when ``impatient``.
        """
        free = [
            (source, view, chunks)
            for source, view in self._sources.items()
            if view.ready
            and (impatient or not view.chooses)
            and view.in_flight < view.window
            and (chunks := view.chunks & self.wanted_of(view))
        ]
        if not free:
            return None
        reachable = 0
        for _, _, chunks in free:
            reachable |= chunks
        chunknum = random_bit(self._rarest(reachable), self._random)
        able = [(source, view) for source, view, chunks in free if chunks >> chunknum & 1]
        proven = [item for item in able if item[1].proven]
        if proven:
            source, view = min(proven, key=lambda item: item[1].cost)
        else:
            # Hosts alike, whatever their ports.
            tried = Counter(view.host for view in self._in_flight.values() if not view.proven)
            source, view = min(able, key=lambda item: (tried[item[1].host], item[1].cost))
        self._begin(view, chunknum)
        return source, chunknum

    def take(self, source: S, chunknum: int) -> bool:
        """A source begins to send a chunk of its choice: in flight if it is missing.

        False when it is of no use: it is in flight, or done.
        """
        view = self._sources.get(source)
        if view is None:
            return False
        if not self.wanted_of(view) >> chunknum & 1:
            return False
        self._begin(view, chunknum)
        return True

    def ask_beside(self, source: S, chunknum: int) -> None:
        """A source is busy with a chunk, wherever else that is in flight."""
        view = self._beside[source, chunknum] = self._sources[source]
        view.in_flight += 1

    def end_beside(self, source: S, chunknum: int) -> None:
        """It is not busy with it any more."""
        self._beside.pop((source, chunknum)).in_flight -= 1

    def bring(self, source: S, chunknum: int) -> bool:
        """A chunk has come from a source that was asked beside: in flight until it is done.

        False when it is not missing.
        """
        if not self._wanted >> chunknum & 1:
            return False
        self._begin(self._sources.get(source) or PickerSource(), chunknum)
        return True

    def succeeded(self, chunknum: int, seconds: float) -> None:
        """A chunk in flight is done; the source was busy with it for that long."""
        view = self._landed(chunknum)
        view.credit += 1
        view.standing = Standing.PROVEN
        before = view.chunk_seconds
        view.chunk_seconds = seconds if before is None else before + _SMOOTHING * (seconds - before)

    def failed(self, chunknum: int) -> None:
        """A chunk in flight did not come: it is wanted again."""
        view = self._landed(chunknum)
        self._wanted |= 1 << chunknum
        if view.proven:
            return
        self._lost_on_trial |= 1 << chunknum

    def seconds_elsewhere(
        self, chunknums: Sequence[int], helpers: Collection[S], unproven: float
    ) -> float | None:
        """Seconds in which other sources would have these chunks, in flight at one source.

        Only the ``helpers`` with room in their windows count; one whose speed is not
        known is thought to need ``unproven`` seconds. None if they do not hold them all.
        """
        own = self._in_flight[chunknums[0]]
        able = [
            view
            for source, view in self._sources.items()
            if source in helpers and view is not own and view.ready and view.in_flight < view.window
        ]
        longest = 0.0
        for chunknum in chunknums:
            seconds = [
                unproven
                if view.chunk_seconds is None
                else view.round_trip + (view.in_flight + len(chunknums)) * view.chunk_seconds
                for view in able
                if view.chunks >> chunknum & 1
            ]
            if not seconds:
                return None
            longest = max(longest, min(seconds))
        return longest

    def wanted_of(self, view: PickerSource) -> int:
        """The missing chunks (bits) that a source may have, whether it holds them or not.

        What was lost with a source on trial is for those of the best standing that have room,
        or deliver.
        """
        wanted = self._wanted
        if view.proven or not wanted & self._lost_on_trial:
            return wanted
        for other in self._sources.values():
            if (
                other.ready
                and other.standing < view.standing
                and (other.in_flight < other.window or other.standing is Standing.PROVEN)
            ):
                wanted &= ~(other.chunks & self._lost_on_trial)
        return wanted

    def stand_ins(self, chunknum: int, able: Collection[S]) -> int:
        """For how many chunks like this, in flight elsewhere, sources have room, and no other use.

        Of the ``able`` ones, and only as long as they hold nothing that is missing.
        """
        own = self._in_flight[chunknum]
        return sum(
            view.window - view.in_flight
            for source, view in self._sources.items()
            if source in able
            and view is not own
            and view.ready
            and view.in_flight < view.window
            and view.chunks >> chunknum & 1
            and not view.chunks & self._wanted
        )

    def _begin(self, view: PickerSource, chunknum: int) -> None:
        view.in_flight += 1
        self._wanted &= ~(1 << chunknum)
        self._in_flight[chunknum] = view

    def _landed(self, chunknum: int) -> PickerSource:
        view = self._in_flight.pop(chunknum)
        view.in_flight -= 1
        return view

    # How things stand

    @property
    def finished(self) -> bool:
        """True when every chunk is done."""
        return not self._wanted and not self._in_flight

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._in_flight)

    def view(self, source: S) -> PickerSource | None:
        """What is known of a source, to be looked at only."""
        return self._sources.get(source)

    @property
    def unfinished(self) -> int:
        """The chunks (bits) that are not done."""
        bits = self._wanted
        for chunknum in self._in_flight:
            bits |= 1 << chunknum
        return bits

    def wants_from(self, chunks: int) -> bool:
        """True when a source of these chunks (bits) holds one that is missing."""
        return bool(chunks & self._wanted)

    @property
    def missing(self) -> int:
        """The chunks (bits) that are neither done nor in flight."""
        return self._wanted

    # Inside

    def _rarest(self, candidates: int) -> int:
        """Those of the candidates (bits, not 0) that the fewest known sources hold."""
        if self._planes is None:
            self._planes = count([view.chunks for view in self._sources.values()])
        return fewest(candidates, self._planes)
