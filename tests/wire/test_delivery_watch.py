"""Whether a side that owes answers delivers: the judgement, without a connection.

What follows from it for a connection is in `tests.wire.test_requests`.
"""

from __future__ import annotations

import pytest

from p2pfs.wire.delivery_watch import GAP, DeliveryWatch

PATIENCE = 8.0
RATE = 100.0


class Watched:
    """A watch that is asked whenever it wants to be, as a timer would."""

    def __init__(self, least_rate: float = RATE) -> None:
        self.watch = DeliveryWatch(PATIENCE, least_rate)
        self.now = 100.0
        self.watch.begin(self.now)
        self.due = self.now + self.watch.next_look(self.now)

    def pass_(self, seconds: float) -> str | None:
        """Let time pass; what is found wrong first, which ends it."""
        end = self.now + seconds
        while self.due <= end:
            self.now = self.due
            fault = self.watch.check(self.now)
            if fault is not None:
                return fault
            self.due = self.now + self.watch.next_look(self.now)
        self.now = end
        return None

    def hear(self, count: int) -> None:
        self.watch.heard(count, self.now)


def test_silence_is_found_when_patience_is_over() -> None:
    """Not sooner, and not much later."""
    watched = Watched()
    assert watched.pass_(PATIENCE - 0.1) is None
    assert watched.pass_(0.2) == "it was silent for 8 s"


def test_silence_counts_from_the_last_byte() -> None:
    """Whatever came before it."""
    watched = Watched()
    watched.pass_(6)
    watched.hear(10_000)
    assert watched.watch.silence(watched.now + 3) == 3
    assert watched.pass_(PATIENCE - 0.1) is None
    assert watched.pass_(0.2) == "it was silent for 8 s"


@pytest.mark.parametrize(("a_second", "is_enough"), [(RATE + 1, True), (RATE - 1, False)])
def test_who_drips_is_found_out_after_a_window(a_second: float, is_enough: bool) -> None:
    """Bytes alone are no answer: there have to be as many as it must send."""
    watched, fault = Watched(), None
    for _ in range(20):
        watched.hear(int(a_second))
        fault = watched.pass_(1)
        if fault is not None:
            break
    assert (fault is None) == is_enough
    assert (watched.watch.flowed_at is not None) == is_enough
    if fault is not None:
        assert fault == "it sent less than 100 bytes a second for 8 s"
        assert watched.now == 100 + PATIENCE


def test_an_answer_makes_up_for_few_bytes() -> None:
    """Who answers small requests in time is not slow."""
    watched = Watched()
    for _ in range(30):
        watched.hear(10)
        watched.watch.answered(watched.now)
        assert watched.pass_(PATIENCE / 2) is None


def test_only_silence_counts_without_a_rate() -> None:
    """A byte in time is enough then."""
    watched = Watched(least_rate=0.0)
    for _ in range(10):
        watched.hear(1)
        assert watched.pass_(PATIENCE - 1) is None
    assert watched.pass_(PATIENCE) == "it was silent for 8 s"


def test_time_in_which_this_side_does_not_read_does_not_count() -> None:
    """However long; and when it reads again, the other side has all its patience."""
    watched = Watched()
    watched.pass_(5)
    watched.watch.hold(watched.now)
    assert watched.pass_(1000) is None
    assert watched.watch.silence(watched.now) == 0.0
    watched.watch.release(watched.now)
    watched.hear(1)
    assert watched.pass_(2.9) is None
    fault = watched.pass_(2)  # but of its window 5 s were over, with next to nothing sent
    assert fault == "it sent less than 100 bytes a second for 8 s"


def test_a_look_that_comes_late_blames_nobody() -> None:
    """This process did not run; what came meanwhile it has not read yet."""
    watch = DeliveryWatch(PATIENCE, RATE)
    watch.begin(0.0)
    late = watch.next_look(0.0) + GAP + 0.1
    assert watch.check(late) is None
    assert watch.check(late + watch.next_look(late)) == "it was silent for 8 s"


def test_looks_have_an_end() -> None:
    """A clock's rounding does not make for one look after the other at the same moment."""
    watch = DeliveryWatch(PATIENCE)
    watch.begin(0.0)
    assert watch.next_look(PATIENCE) > 0
