"""What is late, found by looking at few slots, is what it is when all are looked at."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pfs.peer.policy.slots import LATE, ROUNDING, SOONEST_LATE, Slots

ENDS, CHUNKS = "ab", range(3)
MOMENTS = [0.0, 0.01, 0.3, 0.5, 0.7, 1.0, 4.0]


class Step(NamedTuple):
    """Something that happens so many seconds after the step before."""

    seconds: float
    what: str
    end: str
    chunk: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(MOMENTS),
        st.sampled_from(["take", "take", "at_work", "at_work", "sent", "leave", "drop", "expire"]),
        st.sampled_from(ENDS),
        st.sampled_from(CHUNKS),
    ),
    min_size=15,
    max_size=60,
)


class _Plain:
    """One slot, by what happened on it; ``waits_since`` is of use only while it is agreed on."""

    def __init__(self, now: float) -> None:
        self.began = self.waits_since = now
        self.working = self.sent = False
        self.sent_at: float | None = None


class PlainSlots:
    """Those that have not expired, all of them in one place."""

    def __init__(self, lapse: float | None) -> None:
        self.lapse = lapse
        self.slots: dict[tuple[str, int], _Plain] = {}

    def deadlines(self, patience: float) -> dict[tuple[str, int], float]:
        """When each is late, if that is how long one has in the usual case."""
        return {key: self._deadline(key[0], slot, patience) for key, slot in self.slots.items()}

    def is_busy(self, end: str) -> bool:
        return any(slot.working for (other, _), slot in self.slots.items() if other == end)

    def _deadline(self, end: str, slot: _Plain, patience: float) -> float:
        if not slot.working and not self.is_busy(end):
            return slot.waits_since + (patience if self.lapse is None else self.lapse)
        if not slot.sent:
            return slot.began + patience
        assert slot.sent_at is not None
        rest = max(SOONEST_LATE, LATE * (slot.sent_at - slot.began))
        return min(slot.began + patience, slot.sent_at + rest)

    def happens(self, step: Step, late: list[tuple[str, int]], now: float) -> None:
        """Do what a step does; ``late`` is what expires if that is what it is."""
        key = step.end, step.chunk
        slot = self.slots.get(key)
        match step.what:
            case "take":
                self.slots.pop(key, None)
                self.slots[key] = _Plain(now)
            case "at_work" if slot is not None:
                slot.working = True
            case "sent" if slot is not None:
                slot.sent_at, slot.sent = now, slot.working
            case "leave":
                self.slots.pop(key, None)
                self._wait_anew(step.end, now)
            case "drop":
                self.slots.pop(key, None)
            case "expire":
                for gone in late:
                    del self.slots[gone]
                for end, _ in late:
                    self._wait_anew(end, now)

    def _wait_anew(self, end: str, now: float) -> None:
        if not self.is_busy(end):
            for (other, _), slot in self.slots.items():
                if other == end:
                    slot.waits_since = now


@settings(max_examples=150)
@given(st.sampled_from([None, 0.0, 0.5, 2.0]), st.booleans(), STEPS)
def test_only_what_can_be_late_is_looked_at(
    lapse: float | None, is_known: bool, steps: list[Step]
) -> None:
    """And nothing that is late is left out, nor what will be the next to be."""
    slots: Slots[str, int] = Slots(lapse)
    if is_known:  # that the line is quick
        slots.take("other", 1, 0.0)
        slots.at_work("other", 1)
        slots.leave("other", 1, 0.0)
    plain = PlainSlots(lapse)
    now = 0.0
    for step in steps:
        now += step.seconds
        # How long the usual case takes is not what is tested here.
        deadlines = plain.deadlines(slots._patience)
        late = [key for key, deadline in deadlines.items() if deadline <= now]
        match step.what:
            case "take" | "sent" | "leave":
                getattr(slots, step.what)(step.end, step.chunk, now)
            case "at_work" | "drop":
                getattr(slots, step.what)(step.end, step.chunk)
            case "expire":
                assert sorted(slots.expire(now)) == sorted(late)
        plain.happens(step, late, now)
        _assert_same(slots, plain, now)


def _assert_same(slots: Slots[str, int], plain: PlainSlots, now: float) -> None:
    deadlines = plain.deadlines(slots._patience)
    in_time = [key for key, deadline in deadlines.items() if deadline > now]
    assert sorted(slots.in_time(now)) == sorted(in_time)
    ends: dict[str, bool] = {}
    for end, chunk in in_time:
        ends[end] = ends.get(end, False) or not slots.is_sent(end, chunk)
    assert dict(slots.ends_in_time(now)) == ends
    soonest = min((deadlines[key] - now for key in in_time), default=None)
    assert slots.next_late(now) == (None if soonest is None else soonest + ROUNDING)
