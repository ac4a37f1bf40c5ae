"""How long a download has come no further."""

from __future__ import annotations

import pytest

from p2pfs.peer.downloading.progress import ProgressClock


def beats(clock: ProgressClock, begin: float, end: float) -> float:
    """Beat four times a second."""
    while begin < end:
        begin += 0.25
        assert not clock.beat(begin)
    return begin


@pytest.mark.parametrize("jump", [1000.0, -1000.0])
def test_time_in_which_we_did_not_run_does_not_count(jump: float) -> None:
    """A stop of the process, a sleep of the machine, a clock that is set, forward or back."""
    clock = ProgressClock(0.0, 0.25)
    now = beats(clock, 0.0, 10.0) + jump
    assert clock.beat(now)
    now = beats(clock, now, now + 5.0)
    assert clock.waited(now) == pytest.approx(15.0, abs=0.3)


def test_a_late_beat_is_no_gap() -> None:
    """A busy reactor is late now and then; the wait goes on."""
    clock = ProgressClock(0.0, 0.25)
    assert not clock.beat(1.0)
    assert clock.waited(1.0) == 1.0


def test_progress_ends_the_wait() -> None:
    """And never begins it earlier."""
    clock = ProgressClock(0.0, 0.25)
    clock.progressed(8.0)
    clock.progressed(3.0)
    assert clock.waited(10.0) == 2.0
    assert clock.waited(7.0) == 0.0


def test_time_in_which_nobody_could_be_reached_does_not_count() -> None:
    """It is the network that is waited for; before and after it is a source."""
    clock = ProgressClock(0.0, 0.25)
    now = beats(clock, 0.0, 10.0)
    for _ in range(400):
        now += 0.25
        assert not clock.beat(now, cut_off=True)
    now = beats(clock, now, now + 5.0)
    assert clock.waited(now) == pytest.approx(15.0, abs=0.3)
