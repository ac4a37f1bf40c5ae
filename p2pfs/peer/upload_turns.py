"""Whose turn it is to be sent a chunk, and which one: a few at a time. Pure.

A chunk can be passed on only when it is there whole, so a peer that sends to all who
ask at the same time holds a crowd up. This one has a few *lanes*. Each is taken
by a chunk that was offered to a receiver, until the receiver says that it has it. A
chunk is offered that was offered least often, and that most others want: so a source
gives everything away once before it repeats itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from p2pfs.peer.bit_columns import count, most, random_bit

LANES = 5
"""Chunks under way at a time: fewer leave the line idle when a receiver is busy otherwise."""

LATE = 3.0
"""After so many times the usual time, a lane is not counted: its receiver is the bottleneck."""

SOONEST_LATE = 1.0
"""Seconds after which that may be at the soonest."""

LONGEST_WAIT = 15.0
"""Seconds after which it is a receiver's turn in any case: well below what it waits for a source.

No lane counts after that time either while nothing is known of the usual time.
"""

MOST_WISHES = 64
"""Files of which one receiver may want something."""

R = TypeVar("R", bound=Hashable)

_SMOOTHING = 0.3
"""Weight of the latest chunk in the usual time."""


@dataclass(eq=False)
class Wish(Generic[R]):
    """What one receiver wants of one file: chunks (bits), ``room`` of them at a time."""

    receiver: R
    filename: str
    root: str | None
    since: float
    """Since when it waits, in seconds."""
    chunks: int = 0
    room: int = 0


@dataclass
class _Lane(Generic[R]):
    """One chunk that was offered."""

    receiver: R
    began: float
    asked: bool = False
    """True once the receiver has asked for it."""


class UploadTurns(Generic[R]):
    """All that receivers want, and what was offered to them. Times are in seconds."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._wishes: dict[tuple[R, str], Wish[R]] = {}
        self._lanes: dict[tuple[R, str, int], _Lane[R]] = {}
        # For each file: bits of the chunks offered once at least, twice at least, and so on.
        self._offered: dict[str, list[int]] = {}
        self._usual: float | None = None

    # What happens

    def want(
        self,
        receiver: R,
        filename: str,
        root: str | None,
        chunks: int,
        room: int,
        now: float,
    ) -> bool:
        """A receiver wants these chunks (bits) of a file; this replaces what it wanted before.

        False when it wants something of too many files.
        """
        key = receiver, filename
        if not chunks or room < 1:
            if self._wishes.pop(key, None) is not None:
                self._forget_offers_of(filename)
            return True
        wish = self._wishes.get(key)
        if wish is None:
            if sum(holder == receiver for holder, _ in self._wishes) >= MOST_WISHES:
                return False
            wish = self._wishes[key] = Wish(receiver, filename, root, now)
        for holder, name, chunknum in self._lanes:
            if holder == receiver and name == filename:
                chunks &= ~(1 << chunknum)
        wish.root, wish.chunks, wish.room = root, chunks, room
        return True

    def asked(self, receiver: R, filename: str, chunknum: int) -> None:
        """A receiver asks for a chunk, perhaps for one that was offered."""
        lane = self._lanes.get((receiver, filename, chunknum))
        if lane is not None:
            lane.asked = True

    def has(self, receiver: R, filename: str, chunknum: int, now: float) -> bool:
        """A receiver says that it has a chunk, or does not want it; True if that frees a lane."""
        wish = self._wishes.get((receiver, filename))
        if wish is not None and 0 <= chunknum < wish.chunks.bit_length():
            wish.chunks &= ~(1 << chunknum)
        lane = self._lanes.pop((receiver, filename, chunknum), None)
        if lane is not None and lane.asked:
            took = now - lane.began
            usual = took if self._usual is None else self._usual
            self._usual = usual + _SMOOTHING * (took - usual)
        return lane is not None

    def failed(self, receiver: R, filename: str, chunknum: int) -> None:
        """A chunk could not be sent."""
        self._lanes.pop((receiver, filename, chunknum), None)

    def forget(self, receiver: R) -> None:
        """A receiver is gone."""
        for key in [key for key in self._wishes if key[0] == receiver]:
            del self._wishes[key]
            self._forget_offers_of(key[1])
        for taken in [taken for taken in self._lanes if taken[0] == receiver]:
            del self._lanes[taken]

    def _forget_offers_of(self, filename: str) -> None:
        if all(name != filename for _, name in self._wishes):
            self._offered.pop(filename, None)

    @property
    def idle(self) -> bool:
        """True while nobody wants anything."""
        return not self._wishes

    # Whose turn it is

    def next(self, held: Callable[[Wish[R]], int], now: float) -> tuple[Wish[R], int] | None:
        """The next offer, now made: to whom, and of which chunk. None if there is none to make.

        ``held`` tells which chunks (bits) there are of a wish's file.
        """
        busy: dict[R, int] = {}
        running = 0
        for lane in self._lanes.values():
            busy[lane.receiver] = busy.get(lane.receiver, 0) + 1
            running += not self._is_late(lane, now)
        full = running >= LANES
        waiting: list[tuple[Wish[R], int]] = []
        for wish in self._wishes.values():
            if full and now - wish.since <= LONGEST_WAIT and len(busy) > 1:
                continue
            chunks = wish.chunks & held(wish)
            if not chunks:
                wish.since = now  # it does not wait for its turn
            elif busy.get(wish.receiver, 0) < wish.room:
                waiting.append((wish, chunks))
        if len({wish.receiver for wish, _ in waiting} | busy.keys()) > 1:
            waiting = [
                (wish, chunks)
                for wish, chunks in waiting
                if wish.receiver not in busy and (not full or now - wish.since > LONGEST_WAIT)
            ]
        return self._choose(waiting, now) if waiting else None

    def _is_late(self, lane: _Lane[R], now: float) -> bool:
        patience = LONGEST_WAIT if self._usual is None else LATE * self._usual
        return now - lane.began > max(SOONEST_LATE, patience)

    def _choose(self, waiting: list[tuple[Wish[R], int]], now: float) -> tuple[Wish[R], int]:
        name = self._random.choice(waiting)[0].filename
        of_file = [(wish, chunks) for wish, chunks in waiting if wish.filename == name]
        candidates = 0
        for _, chunks in of_file:
            candidates |= chunks
        candidates = self._least_offered(name, candidates)
        wanted = count(wish.chunks for wish in self._wishes.values() if wish.filename == name)
        chunknum = random_bit(most(candidates, wanted), self._random)
        able = [wish for wish, chunks in of_file if chunks >> chunknum & 1]
        # Of two, who lacks more. Were it the one of all, all sources would turn to the same.
        some = self._random.sample(able, min(2, len(able)))
        wish = max(some, key=lambda wish: wish.chunks.bit_count())
        self._note_offer(wish, chunknum, now)
        return wish, chunknum

    def _least_offered(self, name: str, candidates: int) -> int:
        for offered in self._offered.get(name, ()):
            fresh = candidates & ~offered
            if fresh:
                return fresh
        return candidates

    def _note_offer(self, wish: Wish[R], chunknum: int, now: float) -> None:
        bit = 1 << chunknum
        wish.chunks &= ~bit
        wish.since = now
        levels = self._offered.setdefault(wish.filename, [])
        for number, offered in enumerate(levels):
            if not offered & bit:
                levels[number] |= bit
                break
        else:
            levels.append(bit)
        self._lanes[wish.receiver, wish.filename, chunknum] = _Lane(wish.receiver, now)
