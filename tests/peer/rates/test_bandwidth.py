"""How fast a line was seen, and what counts for that."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2pfs.peer.rates.bandwidth import GLIMPSE, MEMORY, WINDOW, Bandwidth
from p2pfs.peer.rates.rate_limit import RateLimit

CHUNK = 1000


def line(limit: int | None = None) -> Bandwidth:
    """A line that has carried nothing."""
    return Bandwidth(RateLimit(limit))


def carry(line: Bandwidth, seconds: float, slots: int = 1, start: float = 100.0) -> float:
    """Let it carry so many chunks at a time, which share it; the rate is 10 kB/s."""
    took = slots / 10
    for turn in range(round(seconds / took)):
        for _ in range(slots):
            line.count(CHUNK, start + turn * took, start + (turn + 1) * took)
    return start + seconds


@pytest.mark.parametrize("slots", [1, 3, 10])
def test_a_busy_line_is_measured(slots: int) -> None:
    """However many chunks come at the same time."""
    measured = line()
    carry(measured, 8, slots)
    assert measured.highest == pytest.approx(10 * CHUNK, rel=0.06)


def test_what_was_not_busy_for_long_is_not_known() -> None:
    """A short burst says nothing of a line, nor does a chunk now and then."""
    burst, trickle = line(), line()
    assert burst.highest is None
    carry(burst, 0.9 * WINDOW)
    assert burst.highest is None
    for number in range(100):
        trickle.count(CHUNK, 10.0 * number, 10.0 * number + 0.5)
    assert trickle.highest is None


def test_a_glimpse_is_an_estimate_until_more_is_known() -> None:
    """Of any line that is busy; the rate over a longer time counts as soon as there is one."""
    measured = line()
    now = carry(measured, 2 * GLIMPSE)
    assert measured.highest is None
    assert measured.estimate == pytest.approx(10 * CHUNK, rel=0.2)
    for _ in range(round(8 * WINDOW)):
        measured.count(CHUNK, now, now + 0.5)
        now += 0.5
    # Half a second of it was the quick beginning.
    assert measured.highest == pytest.approx(4 * CHUNK, rel=0.1)
    assert measured.estimate == measured.highest


def test_a_chunk_without_duration_counts() -> None:
    """As in a simulation, or on a very quick line."""
    measured = line()
    for number in range(800):
        measured.count(CHUNK, number / 100, number / 100)
    assert measured.highest == pytest.approx(100 * CHUNK, rel=0.05)


def test_a_buffer_is_not_the_line() -> None:
    """Chunks that were handed over together count for the time until they had come."""
    measured = line()
    for second in range(10):
        for number in range(10):
            measured.count(CHUNK, float(second), second + (number + 1) / 10)
    assert measured.highest == pytest.approx(10 * CHUNK, rel=0.2)


def test_the_highest_rate_counts_and_is_forgotten_in_time() -> None:
    """A line that has become slower is taken for what it is some time later."""
    measured = line()
    now = carry(measured, 8)
    for _ in range(2):
        assert measured.highest == pytest.approx(10 * CHUNK, rel=0.06)
        for _ in range(round(MEMORY / 2)):
            measured.count(2 * CHUNK, now, now + 2)
            now += 2
    assert measured.highest == pytest.approx(CHUNK, rel=0.06)
    # It may be that something kept the line slow.
    assert measured.estimate == pytest.approx(10 * CHUNK, rel=0.06)


def test_a_limit_counts_at_once() -> None:
    """What is set is known, and need not be measured."""
    limit = RateLimit(None)
    measured = Bandwidth(limit)
    carry(measured, 2 * GLIMPSE)
    limit.rate = 5000
    assert measured.estimate == 5000
    carry(measured, 8)
    assert measured.highest == 5000


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100), st.integers(0, 1 << 30)), max_size=30)
)
@example([(0.0, 2.0, 1), (0.0, 5e-324, 4)])
def test_it_is_never_more_than_all_that_came(chunks: list[tuple[float, float, int]]) -> None:
    """Whatever comes, in whatever time: what is counted is bounded, and so is the rate."""
    measured, now = line(), 0.0
    for pause, took, length in chunks:
        now += pause
        measured.count(length, now - took, now)
    total = sum(length for _, _, length in chunks)
    assert (measured.highest or 0) <= total / WINDOW + 1
    assert len(measured._grains) == 1200
