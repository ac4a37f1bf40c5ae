"""Chunks under way on one side of the line, and which of them are to be waited for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Set
from dataclasses import dataclass
from typing import Generic, TypeVar

LATE = 3.0
"""After that many times the usual time, a slot is late: its end is the bottleneck."""

SOONEST_LATE = 1.0
"""Seconds after which that may be at the soonest."""

LONGEST = 15.0
"""Seconds after which a slot is late while nothing is known of the usual time: half as many each
time that some have expired and none has come to its end."""

ROUNDING = 0.001
"""Seconds by which a timer may seem early."""

_SMOOTHING = 0.3
"""Weight of the latest chunk in the usual time."""

E = TypeVar("E", bound=Hashable)
C = TypeVar("C", bound=Hashable)


@dataclass(eq=False)
class _Slot:
    began: float
    waits_since: float
    at_work: bool = False
    sent_at: float | None = None
    timed: bool = False
    """True when the time it takes says something."""


class Slots(Generic[E, C]):
    """Slots by their ends, the other peers, and the chunks that go over them.

    Times are in seconds, of one clock. Chunks share a line by slots, a few at a time: each is
    there, and can be passed on, sooner than when all share it, and the line is not idle when
    one of them has to wait.
    """

    def __init__(self, lapse: float | None = None) -> None:
        """What is not at work after ``lapse`` seconds is late; None: it has as long as others.

        It has as long as others, too, while something is at work for its end: the word on it
        may come behind that.
        """
        self._lapse = lapse
        self._slots: dict[E, dict[C, _Slot]] = {}
        # Those that have not expired, about in the order in which they will.
        self._agreed: dict[tuple[E, C], _Slot] = {}
        self._working: dict[tuple[E, C], _Slot] = {}
        self._sent: dict[tuple[E, C], _Slot] = {}
        self._busy: Counter[E] = Counter()
        self._usual: float | None = None
        self._unknown = LONGEST

    # What happens

    def take(self, end: E, chunk: C, now: float) -> None:
        """Begin with a chunk, on a slot of its own."""
        self.drop(end, chunk)
        slot = self._agreed[end, chunk] = _Slot(now, now)
        self._slots.setdefault(end, {})[chunk] = slot

    def at_work(self, end: E, chunk: C) -> None:
        """It is really under way, if it is on a slot, so the time it takes says something."""
        slot = self._slot(end, chunk)
        if slot is not None:
            slot.at_work = True
            if self._agreed.pop((end, chunk), None) is not None:
                slot.timed = True
                self._working[end, chunk] = slot
                self._busy[end] += 1

    def sent(self, end: E, chunk: C, now: float) -> bool:
        """All of it is out of this side's hands; False if it is on no slot."""
        slot = self._slot(end, chunk)
        if slot is not None:
            slot.sent_at = now
            if self._working.pop((end, chunk), None) is not None:
                self._sent[end, chunk] = slot
        return slot is not None

    def leave(self, end: E, chunk: C, now: float) -> bool:
        """It has come to its end; False if it was on no slot."""
        slot = self._clear(end, chunk)
        self._wait_anew(end, now)
        if slot is not None and slot.timed:
            took = now - slot.began
            usual = took if self._usual is None else self._usual
            # One that was late says no more than that, lest its end make all others patient.
            self._usual = usual + _SMOOTHING * (min(took, LATE * usual) - usual)
        return slot is not None

    def drop(self, end: E, chunk: C) -> bool:
        """It came to nothing; False if it was on no slot."""
        return self._clear(end, chunk) is not None

    def drop_all(self, end: E) -> None:
        """An end is gone."""
        for chunk in self.chunks(end):
            self.drop(end, chunk)

    def expire(self, now: float) -> list[tuple[E, C]]:
        """What has become late since this was last asked; it never counts as in time again."""
        late = [key for key, left in self._left(now) if left <= 0]
        for end, chunk in late:
            self._take_off(end, chunk)
            self._wait_anew(end, now)
        if self._usual is None and any(self.is_at_work(*key) for key in late):
            self._unknown = max(SOONEST_LATE, self._unknown / 2)
        return late

    def _slot(self, end: E, chunk: C) -> _Slot | None:
        return self._slots.get(end, {}).get(chunk)

    def _clear(self, end: E, chunk: C) -> _Slot | None:
        slots = self._slots.get(end, {})
        slot = slots.pop(chunk, None)
        if slot is not None:
            self._take_off(end, chunk)
            if not slots:
                del self._slots[end]
        return slot

    def _take_off(self, end: E, chunk: C) -> None:
        key = end, chunk
        self._agreed.pop(key, None)
        if self._working.pop(key, None) or self._sent.pop(key, None):
            self._busy[end] -= 1
            if not self._busy[end]:
                del self._busy[end]

    def _wait_anew(self, end: E, now: float) -> None:
        """Something has come to its end: what was agreed on meanwhile waits for a word from now."""
        if end not in self._busy:
            for slot in self._slots.get(end, {}).values():
                slot.waits_since = now

    # How things stand

    def __iter__(self) -> Iterator[tuple[E, C]]:
        return ((end, chunk) for end, chunks in self._slots.items() for chunk in chunks)

    @property
    def ends(self) -> Set[E]:
        """The ends with a slot at least."""
        return self._slots.keys()

    def chunks(self, end: E) -> list[C]:
        """What is under way to or from an end, late or not."""
        return list(self._slots.get(end, ()))

    def count(self, end: E) -> int:
        """The slots of an end."""
        return len(self._slots.get(end, ()))

    def is_at_work(self, end: E, chunk: C) -> bool:
        """Whether it is on a slot, and really under way."""
        slot = self._slot(end, chunk)
        return slot is not None and slot.at_work

    def is_sent(self, end: E, chunk: C) -> bool:
        """Whether all of a chunk under way is out of this side's hands."""
        return self._slots[end][chunk].sent_at is not None

    def in_time(self, now: float) -> list[tuple[E, C]]:
        """What is under way and not late."""
        return [key for key, left in self._left(now) if left > 0]

    def progress_due(self, end: E, chunk: C, now: float) -> float:
        """The part of a chunk under way, 0 to 1, that must be there for it not to be late.

        None of it in the usual time, and one second at least.
        """
        grace = max(SOONEST_LATE, self._usual or 0.0)
        return max(0.0, (now - self._slots[end][chunk].began - grace) / self._patience)

    def next_late(self, now: float) -> float | None:
        """Seconds until something is late, if nothing happens before; None if never."""
        # A little later, lest a clock's rounding sets a timer without end.
        return min((left + ROUNDING for _, left in self._left(now) if left > 0), default=None)

    def _left(self, now: float) -> Iterator[tuple[tuple[E, C], float]]:
        """What has not expired, with the seconds until it is late."""
        usual = self._patience
        lapse = usual if self._lapse is None else self._lapse
        for key, slot in self._agreed.items():
            waits = key[0] not in self._busy
            yield key, (slot.waits_since + lapse if waits else slot.began + usual) - now
        for key, slot in self._working.items():
            yield key, slot.began + usual - now
        for key, slot in self._sent.items():
            # What remains for its end to do is less than this side had to.
            sent_at = slot.began if slot.sent_at is None else slot.sent_at
            patience = max(SOONEST_LATE, LATE * (sent_at - slot.began))
            yield key, min(slot.began + usual, sent_at + patience) - now

    @property
    def _patience(self) -> float:
        return self._unknown if self._usual is None else max(SOONEST_LATE, LATE * self._usual)
