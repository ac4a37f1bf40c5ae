"""Chunks under way on one side of the line, and which of them are to be waited for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Set
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
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


class _Stage(Enum):
    """How far a slot had come by the time that it expired, or has."""

    AGREED = auto()
    WORKING = auto()
    """From here on, the time it takes says something."""
    SENT = auto()


@dataclass(eq=False)
class _Slot:
    began: float
    waits_since: float
    stage: _Stage = _Stage.AGREED
    at_work: bool = False
    sent_at: float | None = None


class Slots(Generic[E, C]):
    """Slots by their ends, the other peers, and the chunks that go over them.

    Times are in seconds, of one clock that never goes back. Chunks share a line by slots, a few
    at a time: each is there, and can be passed on, sooner than when all share it, and the line is
    not idle when one of them has to wait.

    What is late is asked several times for each chunk. So slots are looked at only when one has
    begun long enough ago; on a quick line that is now and then.
    """

    def __init__(self, lapse: float | None = None) -> None:
        """What is not at work after ``lapse`` seconds is late; None: it has as long as others.

        It has as long as others, too, while something is at work for its end: the word on it
        may come behind that.
        """
        self._lapse = lapse
        self._soonest = SOONEST_LATE if lapse is None else min(lapse, SOONEST_LATE)
        self._slots: dict[E, dict[C, _Slot]] = {}
        # Those that have not expired; of each end in the order in which they began.
        self._unexpired: dict[E, dict[C, _Slot]] = {}
        # How many of these are beyond being agreed on.
        self._busy: Counter[E] = Counter()
        # Whatever happens: none of these is sooner late, nor any that begins later.
        self._none_late_before = -inf
        self._usual: float | None = None
        self._unknown = LONGEST

    # What happens

    def take(self, end: E, chunk: C, now: float) -> None:
        """Begin with a chunk, on a slot of its own."""
        if chunk in self._slots.get(end, ()):
            self.drop(end, chunk)
        slot = _Slot(now, now)
        for slots in self._slots, self._unexpired:
            slots.setdefault(end, {})[chunk] = slot

    def at_work(self, end: E, chunk: C) -> None:
        """It is really under way, if it is on a slot, so the time it takes says something."""
        slot = self._slot(end, chunk)
        if slot is not None:
            slot.at_work = True
            if slot.stage is _Stage.AGREED and chunk in self._unexpired.get(end, ()):
                slot.stage = _Stage.WORKING
                self._busy[end] += 1

    def sent(self, end: E, chunk: C, now: float) -> bool:
        """All of it is out of this side's hands; False if it is on no slot."""
        slot = self._slot(end, chunk)
        if slot is not None:
            slot.sent_at = now
            if slot.stage is _Stage.WORKING:
                slot.stage = _Stage.SENT
        return slot is not None

    def leave(self, end: E, chunk: C, now: float) -> bool:
        """It has come to its end; False if it was on no slot."""
        slot = self._clear(end, chunk)
        self._wait_anew(end, now)
        if slot is not None and slot.stage is not _Stage.AGREED:
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
        late = self._late(now)
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
        slots = self._unexpired.get(end, {})
        slot = slots.pop(chunk, None)
        if slot is None:
            return
        if not slots:
            del self._unexpired[end]
        if slot.stage is not _Stage.AGREED:
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
        return [(end, chunk) for end, slots in self._in_time(now).items() for chunk in slots]

    def ends_in_time(self, now: float) -> list[tuple[E, bool]]:
        """The ends with a slot in time, and whether something is to be sent still on one such."""
        # What began last is the least likely to be sent.
        return [
            (end, any(slot.sent_at is None for slot in reversed(slots.values())))
            for end, slots in self._in_time(now).items()
        ]

    def progress_due(self, end: E, chunk: C, now: float) -> float:
        """The part of a chunk under way, 0 to 1, that must be there for it not to be late.

        None of it in the usual time, and one second at least.
        """
        grace = max(SOONEST_LATE, self._usual or 0.0)
        return max(0.0, (now - self._slots[end][chunk].began - grace) / self._patience)

    def next_late(self, now: float) -> float | None:
        """Seconds until something is late, if nothing happens before; None if never."""
        soonest = inf
        for end, slots in self._unexpired.items():
            for slot in slots.values():
                if self._earliest(end, slot) >= soonest:
                    break
                deadline = self._deadline(end, slot)
                if now < deadline < soonest:
                    soonest = deadline
        # A little later, lest a clock's rounding sets a timer without end.
        return None if soonest == inf else soonest - now + ROUNDING

    def _in_time(self, now: float) -> dict[E, dict[C, _Slot]]:
        """Of each end with a slot that is not late all such, to be looked at only."""
        late = self._late(now)
        if not late:
            return self._unexpired
        in_time: dict[E, dict[C, _Slot]] = {}
        for end, slots in self._unexpired.items():
            for chunk, slot in slots.items():
                if (end, chunk) not in late:
                    in_time.setdefault(end, {})[chunk] = slot
        return in_time

    def _late(self, now: float) -> list[tuple[E, C]]:
        """What is late and has not expired."""
        if now < self._none_late_before:
            return []
        late, oldest = [], now
        for end, slots in self._unexpired.items():
            for chunk, slot in slots.items():
                oldest = min(oldest, slot.began)
                if self._deadline(end, slot) <= now:
                    late.append((end, chunk))
        self._none_late_before = oldest + self._soonest
        return late

    def _earliest(self, end: E, slot: _Slot) -> float:
        """Before that, none is late of a slot and those of its end behind it, as things stand."""
        if end in self._busy:
            return slot.began + SOONEST_LATE
        return slot.waits_since + (SOONEST_LATE if self._lapse is None else self._lapse)

    def _deadline(self, end: E, slot: _Slot) -> float:
        """When a slot that has not expired is late, if nothing happens before."""
        usual = self._patience
        if slot.stage is _Stage.AGREED and end not in self._busy:
            return slot.waits_since + (usual if self._lapse is None else self._lapse)
        deadline = slot.began + usual
        if slot.stage is _Stage.SENT and slot.sent_at is not None:
            # What remains for its end to do is less than this side had to.
            patience = max(SOONEST_LATE, LATE * (slot.sent_at - slot.began))
            deadline = min(deadline, slot.sent_at + patience)
        return deadline

    @property
    def _patience(self) -> float:
        return self._unknown if self._usual is None else max(SOONEST_LATE, LATE * self._usual)
