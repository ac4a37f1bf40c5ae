"""Which chunk next, from whom: rarest first, ties at random, the quickest source of those free.

Pure logic: no clock, no connections. The arithmetic is done on whole bitfields
(integers whose bit *i* is chunk *i*), so that even a file of 65,536 chunks with
many sources costs microseconds a choice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from p2pfs.chunks import ChunkSet
from p2pfs.peer.bit_columns import count, fewest, random_bit

MIN_WINDOW = 2
"""Requests in flight to every source: one being sent, one waiting, so that it is never idle."""
MAX_WINDOW = 16
"""Requests in flight to the quickest source."""
_WINDOW_SECONDS = 0.1
"""Time beyond the round trip that the requests in flight to a source should fill."""
_SMOOTHING = 0.3
"""Weight of the latest chunk in a source's average time per chunk."""


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

    @property
    def window(self) -> int:
        """How many requests may be in flight to it."""
        if self.chunk_seconds is None:
            return MIN_WINDOW
        fill = (self.round_trip + _WINDOW_SECONDS) / max(self.chunk_seconds, 1e-6)
        return max(MIN_WINDOW, min(MAX_WINDOW, 1 + int(fill)))

    @property
    def cost(self) -> float:
        """Seconds until a chunk asked for now would be here, as far as known."""
        return self.round_trip + (self.in_flight + 1) * (self.chunk_seconds or 0.0)


class Picker:
    """Chooses the next requests of one download.

    Every chunk is missing, in flight, or done. A chunk is in flight to one
    source at a time.
    """

    def __init__(self, done: ChunkSet, random: Random) -> None:
        self._random = random
        self._total = done.total
        self._wanted = done.missing.bits
        self._in_flight: dict[int, PickerSource] = {}
        self._sources: dict[str, PickerSource] = {}
        self._planes: list[int] | None = None

    # What is known of sources

    def set_chunks(self, source: str, chunks: int) -> None:
        """Note which chunks a source holds (replacing what was known), connected or not."""
        view = self._sources.setdefault(source, PickerSource())
        if view.chunks != chunks:
            view.chunks = chunks
            self._planes = None

    def set_ready(self, source: str, round_trip: float, chooses: bool = False) -> None:
        """A connection to the source stands; its round trip takes that many seconds.

        One that ``chooses`` is not picked: what it begins to send is to be taken with `take`.
        """
        view = self._sources[source]
        view.ready, view.round_trip, view.chooses = True, round_trip, chooses

    def set_away(self, source: str) -> None:
        """There is no connection to the source (any more); what it holds is still known."""
        view = self._sources.get(source)
        if view is not None:
            view.ready = False
            view.chunk_seconds = None

    def forget(self, source: str) -> None:
        """Choose that source no more."""
        if self._sources.pop(source, None) is not None:
            self._planes = None

    # Choosing

    def pick(self, impatient: bool = False) -> tuple[str, int] | None:
        """The next request ``(source, chunknum)``, now in flight; None when there is none to make.

        Of the chunks that some source with room in its window holds, one of the
        rarest among all known holders; of those sources, the one with the least cost.
        Sources that choose themselves are picked only when ``impatient``.
        """
        free = [
            (name, view)
            for name, view in self._sources.items()
            if view.ready
            and (impatient or not view.chooses)
            and view.in_flight < view.window
            and view.chunks & self._wanted
        ]
        if not free:
            return None
        reachable = 0
        for _, view in free:
            reachable |= view.chunks
        chunknum = random_bit(self._rarest(reachable & self._wanted), self._random)
        name, view = min(
            ((name, view) for name, view in free if view.chunks >> chunknum & 1),
            key=lambda item: item[1].cost,
        )
        self._begin(view, chunknum)
        return name, chunknum

    def take(self, source: str, chunknum: int) -> bool:
        """A source begins to send a chunk of its choice: in flight if it is missing.

        False when it is of no use: it is in flight, or done.
        """
        view = self._sources.get(source)
        if view is None or not self._wanted >> chunknum & 1:
            return False
        self._begin(view, chunknum)
        return True

    def succeeded(self, chunknum: int, seconds: float) -> None:
        """A chunk in flight is done; the source was busy with it for that long."""
        view = self._landed(chunknum)
        before = view.chunk_seconds
        view.chunk_seconds = seconds if before is None else before + _SMOOTHING * (seconds - before)

    def failed(self, chunknum: int) -> None:
        """A chunk in flight did not come: it is wanted again."""
        self._landed(chunknum)
        self._wanted |= 1 << chunknum

    def relief(
        self, chunknums: Sequence[int], helpers: Collection[str], unproven: float
    ) -> float | None:
        """Seconds in which other sources would have these chunks, in flight at one source.

        Only the ``helpers`` with room in their windows count; one whose speed is not
        known is thought to need ``unproven`` seconds. None if they do not hold them all.
        """
        own = self._in_flight[chunknums[0]]
        able = [
            view
            for name, view in self._sources.items()
            if name in helpers and view is not own and view.ready and view.in_flight < view.window
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

    def standing(self, source: str) -> PickerSource | None:
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

    def missing(self) -> ChunkSet:
        """The chunks that are neither done nor in flight."""
        return ChunkSet(self._total, self._wanted)

    # Inside

    def _rarest(self, candidates: int) -> int:
        """Those of the candidates (bits, not 0) that the fewest known sources hold."""
        if self._planes is None:
            self._planes = count([view.chunks for view in self._sources.values()])
        return fewest(candidates, self._planes)
