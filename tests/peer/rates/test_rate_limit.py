"""The rate limit's arithmetic."""

from __future__ import annotations

import pytest

from p2pfs.errors import UsageProblem
from p2pfs.peer.rates.rate_limit import RateLimit, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [("2048", 2048), ("500K", 500 << 10), ("10m", 10 << 20), ("1.5G", 3 << 29), ("none", None)],
)
def test_rates_are_read(text: str, rate: int | None) -> None:
    """Units of 1024, in either case."""
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "x", "10X", "1e", "nan", "inf", "-5M", "10", "1023", "1e300", "2000000G"]
)
def test_nonsense_is_refused(text: str) -> None:
    """What is no rate, and what is too low or too high to be useful."""
    with pytest.raises(UsageProblem):
        parse_rate(text)


def test_the_average_is_kept_by_all_together() -> None:
    """Whoever spends waits for what all have spent."""
    limit = RateLimit(1000)
    assert limit.spend(100, 50.0) == pytest.approx(0.0)
    assert limit.spend(500, 50.0) == pytest.approx(0.5)
    assert limit.spend(500, 50.0) == pytest.approx(1.0)
    assert limit.spend(100, 51.0) == pytest.approx(0.1)


def test_idle_time_is_not_saved_up() -> None:
    """After a pause there is a short burst, and no more."""
    limit = RateLimit(1000)
    limit.spend(1000, 0.0)
    assert limit.spend(1000, 1000.0) == pytest.approx(0.9)


def test_a_change_counts_at_once() -> None:
    """None lifts the limit, and what was owed is forgotten."""
    limit = RateLimit(1000)
    limit.spend(100_000, 0.0)
    limit.rate = None
    assert limit.spend(100, 1.0) == 0.0
    limit.rate = 1000
    assert limit.spend(100, 1.0) == pytest.approx(0.1)


def test_portions_are_small_when_slow() -> None:
    """A tenth of a second at a time, so that something always moves."""
    assert RateLimit(None).portion(1 << 20) == 1 << 20
    assert RateLimit(10_000).portion(1 << 20) == 1000
    assert RateLimit(1 << 30).portion(1 << 20) == 1 << 20
