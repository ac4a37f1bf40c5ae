"""The rate over the last few seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.peer.rates.rate_meter import LEAST_AGE, SPAN, RateMeter, seconds_left, whole


def test_nothing_counted_is_no_rate() -> None:
    """What is not known is not said; what has come to a stop is known."""
    meter = RateMeter()
    assert meter.rate(100.0) is None
    meter.count(1000, 100.0)
    meter.count(1000, 102.0)
    assert not meter.is_idle(102.0 + SPAN)
    assert meter.rate(102.0 + SPAN + 0.1) == 0
    assert meter.is_idle(102.0 + SPAN + 0.1)


def test_a_young_meter_says_nothing() -> None:
    """What came at its first moment took nobody knows how long, and a burst is no rate."""
    meter = RateMeter()
    meter.count(50_000_000, 10.0)
    meter.count(50_000_000, 10.01)
    assert not meter.is_idle(10.0)
    meter.count(500, 10.1)
    assert meter.rate(10.0 + LEAST_AGE - 0.01) is None
    meter.count(500, 11.0)
    assert meter.rate(12.0) == 500


def test_what_was_there_before_is_no_gain() -> None:
    """Something that goes on at 40 % is as fast as what comes from then on."""
    meter = RateMeter()
    for second in range(4):
        meter.reach(400 + 10 * second, 50.0 + second)
    assert meter.rate(53.0) == 10
    meter.reach(0, 53.5)  # it began anew
    meter.reach(20, 54.0)
    assert meter.rate(54.0) == pytest.approx(50 / 4)


def test_a_whole_counts_what_its_parts_do() -> None:
    """Together they are as fast as all of them."""
    whole = RateMeter()
    one, other = RateMeter(whole), RateMeter(whole)
    for second in range(3):
        one.count(100, second)
        other.count(50, second + 0.5)
    assert (one.rate(2.5), other.rate(2.5)) == (200 / 2.5, 100 / 2)
    assert whole.rate(2.5) == (50 + 100 + 50 + 100 + 50) / 2.5


def test_only_the_last_seconds_count() -> None:
    """A burst long ago does not show."""
    meter = RateMeter()
    meter.count(1_000_000, 0.0)
    meter.count(500, 20.0)
    assert meter.rate(20.0) == 500 / SPAN


@given(st.lists(st.tuples(st.floats(0.06, 4), st.integers(0, 1000)), min_size=1, max_size=50))
def test_the_rate_is_the_recent_bytes_over_the_span(steps: list[tuple[float, int]]) -> None:
    """It agrees with adding up by hand, whenever it is asked."""
    meter, now, counts = RateMeter(), 50.0, []
    for pause, length in steps:
        now += pause
        meter.count(length, now)
        counts.append((now, length))
        recent = sum(length for when, length in counts[1:] if when >= now - SPAN)
        age = now - counts[0][0]
        assert meter.rate(now) == (None if age < LEAST_AGE else recent / min(SPAN, age))


def test_many_small_counts_are_added_up() -> None:
    """What is remembered is bounded by time, not by how many pieces came."""
    meter = RateMeter()
    for piece in range(100_000):
        meter.count(10, piece / 10_000)
    assert len(meter._counts) <= 201
    assert meter.rate(10.0) == pytest.approx(100_000, rel=0.02)


def test_the_time_left_is_known_with_the_rate() -> None:
    """And not where nothing comes."""
    assert seconds_left(600, 10.0) == 60
    assert seconds_left(600, 0.0) is None
    assert seconds_left(600, None) is None


def test_a_rate_is_told_in_whole_bytes() -> None:
    """If it is known."""
    assert (whole(5.7), whole(0.0), whole(None)) == (6, 0, None)
