"""The rate over the last few seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.peer.rates.rate_meter import SPAN, RateMeter


def test_nothing_counted_is_no_rate() -> None:
    """A meter that has seen nothing, or nothing lately, says 0."""
    meter = RateMeter()
    assert meter.rate(100.0) == 0
    meter.count(1000, 100.0)
    assert meter.rate(100.0 + SPAN + 0.1) == 0


def test_a_young_meter_divides_by_its_age() -> None:
    """The rate is right from the start, and not absurd in the first instant."""
    meter = RateMeter()
    meter.count(1000, 10.0)
    assert meter.rate(10.0) == 10_000
    meter.count(1000, 11.0)
    assert meter.rate(12.0) == pytest.approx(1000)


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
        recent = sum(length for when, length in counts if when >= now - SPAN)
        assert meter.rate(now) == recent / max(min(SPAN, now - counts[0][0]), 0.1)


def test_many_small_counts_are_added_up() -> None:
    """What is remembered is bounded by time, not by how many pieces came."""
    meter = RateMeter()
    for piece in range(100_000):
        meter.count(10, piece / 10_000)
    assert len(meter._counts) <= 201
    assert meter.rate(10.0) == pytest.approx(100_000, rel=0.02)
