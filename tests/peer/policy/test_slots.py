"""What is under way: whose it is, and from when on it is not to be waited for."""

from __future__ import annotations

import pytest

from p2pfs.peer.policy.slots import LATE, LONGEST, ROUNDING, SOONEST_LATE, Slots


def slots_after(seconds: float) -> Slots[str, int]:
    """Slots over which one chunk has gone, in that time from 0."""
    slots: Slots[str, int] = Slots()
    slots.take("a", 1, 0.0)
    slots.at_work("a", 1)
    assert slots.leave("a", 1, seconds)
    return slots


def test_an_end_counts_as_long_as_it_has_a_slot() -> None:
    """Otherwise a sender would wait for a receiver to which nothing is under way."""
    slots: Slots[str, int] = Slots()
    for end, chunk in (("a", 1), ("a", 2), ("b", 1), ("c", 3)):
        slots.take(end, chunk, 0.0)
    assert (slots.count("a"), slots.count("b"), slots.count("d")) == (2, 1, 0)
    assert slots.leave("a", 1, 1.0)
    assert not slots.leave("a", 1, 1.0), "it is not there any more"
    assert slots.drop("b", 1)
    assert not slots.drop("b", 1)
    slots.drop_all("c")
    assert set(slots.ends) == {"a"}
    assert list(slots) == [("a", 2)]


def test_what_is_taken_again_begins_anew() -> None:
    """It counts once, and is late as if it had not been there before."""
    slots: Slots[str, int] = Slots()
    slots.take("a", 1, 0.0)
    slots.take("b", 2, 1.0)
    slots.take("a", 1, 2.0)
    assert slots.count("a") == 1
    assert slots.next_late(2.0) == 1.0 + LONGEST - 2.0 + ROUNDING, "b's is the next one"


def test_a_slot_is_late_after_a_multiple_of_the_usual_time() -> None:
    """And before anything is known, after a long time."""
    slots = slots_after(2.0)
    slots.take("a", 2, 10.0)
    slots.take("b", 3, 12.0)
    assert slots.in_time(10.0 + LATE * 2.0 - 0.1) == [("a", 2), ("b", 3)]
    assert slots.in_time(10.0 + LATE * 2.0) == [("b", 3)]
    assert slots.next_late(10.0 + LATE * 2.0) == 2.0 + ROUNDING
    assert slots.next_late(12.0 + LATE * 2.0) is None
    unknown: Slots[str, int] = Slots()
    unknown.take("a", 1, 0.0)
    assert unknown.next_late(0.0) == LONGEST + ROUNDING


def test_no_slot_is_late_at_once() -> None:
    """A quick line must not give a receiver up that pauses for a moment."""
    slots = slots_after(0.001)
    slots.take("a", 2, 1.0)
    assert slots.in_time(1.0 + SOONEST_LATE - 0.01) == [("a", 2)]


def test_what_was_never_at_work_says_nothing_of_the_usual_time() -> None:
    """An offer that is declined at once is no quick chunk."""
    slots: Slots[str, int] = Slots()
    slots.take("a", 1, 0.0)
    slots.leave("a", 1, 0.01)
    slots.take("a", 2, 1.0)
    assert slots.next_late(1.0) == LONGEST + ROUNDING


def test_what_has_expired_never_counts_again() -> None:
    """It is told once, and only what is in time is looked at from then on."""
    slots: Slots[str, int] = Slots(lapse=0.5)
    slots.take("a", 1, 0.0)
    slots.take("b", 2, 0.0)
    slots.at_work("b", 2)
    assert slots.expire(0.4) == []
    assert slots.expire(0.5) == [("a", 1)]
    assert slots.expire(0.6) == []
    assert slots.in_time(0.6) == [("b", 2)]
    assert slots.count("a") == 1, "it may be asked for still"
    slots.at_work("a", 1)
    assert slots.leave("a", 1, 100.0)
    assert slots.next_late(0.6) == pytest.approx(LONGEST - 0.6 + ROUNDING), "that says nothing"


def test_while_nothing_is_known_patience_becomes_shorter() -> None:
    """Ends that take a chunk and never have it hold up the first of those that do, but not long."""
    slots: Slots[str, int] = Slots(lapse=0.5)
    now, waits = 0.0, []
    for number in range(6):
        slots.take("a", number, now)
        slots.at_work("a", number)
        wait = slots.next_late(now)
        assert wait is not None
        waits.append(wait - ROUNDING)
        now += wait
        assert slots.expire(now) == [("a", number)]
    assert waits == pytest.approx([LONGEST / 2**number for number in range(4)] + [SOONEST_LATE] * 2)


def test_an_end_is_not_waited_for_much_longer_than_it_took_to_send() -> None:
    """What is left for it to do takes less than that."""
    slots: Slots[str, int] = Slots(lapse=0.5)
    slots.take("a", 1, 0.0)
    slots.at_work("a", 1)
    slots.sent("a", 1, 0.6)
    assert slots.next_late(0.6) == pytest.approx(LATE * 0.6 + ROUNDING)


def test_one_that_was_late_makes_nobody_patient() -> None:
    """A few that read slowly would otherwise keep slots from others for ever longer."""
    slots = slots_after(2.0)
    slots.take("a", 2, 10.0)
    slots.at_work("a", 2)
    slots.leave("a", 2, 1000.0)
    slots.take("a", 3, 1000.0)
    wait = slots.next_late(1000.0)
    assert wait is not None
    assert wait < LATE * LATE * 2.0
