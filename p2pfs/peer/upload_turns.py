"""Whose turn it is to be sent a chunk, and which one: a few at a time. Pure.

A chunk can be passed on only when it is there whole, so a peer that sends to all who
ask at the same time holds a crowd up. This one has a few *lanes*, each to another
receiver. A chunk takes one from being offered until the receiver says that it has it.
A chunk is offered that was offered least often, and that most others want: so a source
gives everything away once before it repeats itself. A receiver that has enough on its
way says so, and then others are offered something.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from p2pfs.peer.bit_columns import count, most, random_bit
from p2pfs.peer.lanes import Lanes

LANES = 3
"""Receivers at a time: fewer leave the line idle while one of them makes up its mind."""

MOST_LANES = 2 * LANES
"""Receivers at a time, with those to whom all of a chunk has been sent, but who lack the end."""

DEPTH = 2
"""Chunks at most under way to one of several receivers: the one that is coming, and the next."""

AT_ONCE = 4
"""A receiver that is alone is offered something again when one in so many of its places is free."""

MOST_WISHES = 64
"""Files of which one receiver may want something."""

R = TypeVar("R", bound=Hashable)


@dataclass(eq=False)
class Wish(Generic[R]):
    """What one receiver wants of one file: chunks (bits), ``room`` of them at a time."""

    receiver: R
    filename: str
    root: str | None
    chunks: int = 0
    room: int = 0
    busy: bool = False
    """True while enough others send to it."""


@dataclass(frozen=True)
class Turn(Generic[R]):
    """An offer to be made: it is this wish's turn, for this chunk."""

    wish: Wish[R]
    chunknum: int
    spare: bool
    """True when the line has nothing else to do."""


_Chance = tuple[Wish[R], int]
"""A wish whose turn it may be, and the chunks (bits) of which it may be offered one."""


class UploadTurns(Generic[R]):
    """All that receivers want, and what was offered to them. Times are in seconds."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._wishes: dict[tuple[R, str], Wish[R]] = {}
        # From the offer until the receiver has the chunk, even when all of it has been sent.
        self._lanes: Lanes[R, tuple[str, int]] = Lanes()
        # Whether the last call of `next` made an offer.
        self._offering = False
        # For each file: bits of the chunks offered once at least, twice at least, and so on.
        self._offered: dict[str, list[int]] = {}

    # What happens

    def want(self, receiver: R, filename: str, root: str | None, chunks: int, room: int) -> bool:
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
            wish = self._wishes[key] = Wish(receiver, filename, root)
        for holder, (name, chunknum) in self._lanes:
            if holder == receiver and name == filename:
                chunks &= ~(1 << chunknum)
        wish.root, wish.chunks, wish.room = root, chunks, room
        return True

    def asked(self, receiver: R, filename: str, chunknum: int) -> None:
        """A receiver asks for a chunk, perhaps for one that was offered."""
        self._lanes.at_work(receiver, (filename, chunknum))

    def sent(self, receiver: R, filename: str, chunknum: int) -> bool:
        """All of a chunk is out of this peer's hands; False if that makes no difference."""
        return self._lanes.sent(receiver, (filename, chunknum))

    def has(self, receiver: R, filename: str, chunknum: int, now: float) -> bool:
        """A receiver says that it has a chunk, or does not want it; True if that frees a lane."""
        wish = self._wishes.get((receiver, filename))
        if wish is not None and 0 <= chunknum < wish.chunks.bit_length():
            wish.chunks &= ~(1 << chunknum)
        freed = self._lanes.leave(receiver, (filename, chunknum), now)
        if freed and wish is not None:
            wish.busy = False
        return freed

    def busy(self, receiver: R, filename: str, chunknum: int) -> bool:
        """A receiver has no room for a chunk that was offered; True if that frees a lane."""
        if not self._lanes.drop(receiver, (filename, chunknum)):
            return False
        wish = self._wishes.get((receiver, filename))
        if wish is not None:
            wish.chunks |= 1 << chunknum
            wish.busy = True
        self._take_back_offer(filename, 1 << chunknum)
        return True

    def ready(self, receiver: R, filename: str) -> bool:
        """A receiver that was busy has room again; False if it was not."""
        wish = self._wishes.get((receiver, filename))
        if wish is None or not wish.busy:
            return False
        wish.busy = False
        return True

    def failed(self, receiver: R, filename: str, chunknum: int) -> None:
        """A chunk could not be sent."""
        self._lanes.drop(receiver, (filename, chunknum))

    def forget(self, receiver: R) -> None:
        """A receiver is gone."""
        for key in [key for key in self._wishes if key[0] == receiver]:
            del self._wishes[key]
            self._forget_offers_of(key[1])
        self._lanes.drop_all(receiver)

    def _forget_offers_of(self, filename: str) -> None:
        if all(name != filename for _, name in self._wishes):
            self._offered.pop(filename, None)

    @property
    def idle(self) -> bool:
        """True while nobody wants anything."""
        return not self._wishes

    @property
    def several(self) -> bool:
        """True while more than one receiver wants something."""
        receivers = iter(self._wishes)
        first, _ = next(receivers, (None, None))
        return any(receiver != first for receiver, _ in receivers)

    # Whose turn it is

    def next(self, held: Callable[[Wish[R]], int], now: float) -> Turn[R] | None:
        """The next offer, now made; None if there is none to make.

        ``held`` tells which chunks (bits) there are of a wish's file.
        """
        goes_on, self._offering = self._offering, False
        taken = self._lanes.ends
        if len(taken) > 1 and self._is_full(now):
            return None
        fresh: list[_Chance[R]] = []
        further: list[_Chance[R]] = []
        for wish in self._wishes.values():
            under_way = self._lanes.count(wish.receiver)
            if under_way < wish.room and (chunks := wish.chunks & held(wish)):
                (further if under_way else fresh).append((wish, chunks))
        if not fresh and len(taken) <= 1:
            # Nobody else is there: offers go out several at a time, which costs both sides less.
            chances = [
                (wish, chunks)
                for wish, chunks in further
                if goes_on or wish.room - self._lanes.count(wish.receiver) >= wish.room // AT_ONCE
            ]
        else:
            unsent = {end for end, chunk in self._lanes if not self._lanes.is_sent(end, chunk)}
            chances = _willing(fresh) + [
                (wish, chunks)
                for wish, chunks in _willing(further)
                if self._lanes.count(wish.receiver) < DEPTH and wish.receiver not in unsent
            ]
            if not chances and not taken:
                chances = fresh
        if not chances:
            return None
        self._offering = True
        wish, chunknum = self._choose(chances)
        spare = taken <= {wish.receiver}
        self._note_offer(wish, chunknum, now)
        return Turn(wish, chunknum, spare)

    def _is_full(self, now: float) -> bool:
        """Whether enough receivers are being sent something, or have been but lack the end."""
        in_time = self._lanes.in_time(now)
        if len({receiver for receiver, _ in in_time}) >= MOST_LANES:
            return True
        served = {
            receiver for receiver, chunk in in_time if not self._lanes.is_sent(receiver, chunk)
        }
        return len(served) >= LANES

    def next_look(self, now: float) -> float | None:
        """Seconds until it may be somebody's turn although nothing happens; None if never."""
        return self._lanes.next_late(now)

    def _choose(self, chances: list[_Chance[R]]) -> tuple[Wish[R], int]:
        name = self._random.choice(chances)[0].filename
        of_file = [(wish, chunks) for wish, chunks in chances if wish.filename == name]
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
        levels = self._offered.setdefault(wish.filename, [])
        for number, offered in enumerate(levels):
            if not offered & bit:
                levels[number] |= bit
                break
        else:
            levels.append(bit)
        self._lanes.take(wish.receiver, (wish.filename, chunknum), now)

    def _take_back_offer(self, filename: str, bit: int) -> None:
        for number, offered in reversed(list(enumerate(self._offered.get(filename, ())))):
            if offered & bit:
                self._offered[filename][number] &= ~bit
                return


def _willing(chances: list[_Chance[R]]) -> list[_Chance[R]]:
    """Those whose receivers have room."""
    return [chance for chance in chances if not chance[0].busy]
