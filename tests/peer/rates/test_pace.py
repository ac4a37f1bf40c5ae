"""How a download gets on, beside what is possible."""

from __future__ import annotations

import pytest

from p2pfs.chunks import FileInfo
from p2pfs.peer.rates.bandwidth import Bandwidth
from p2pfs.peer.rates.pace import MOST_CROWD, Pace, Reached
from p2pfs.peer.rates.rate_limit import RateLimit
from p2pfs.wire.messages import MOST_RATE, ReplyFileLocation

INFO = FileInfo(1000, 10, 100)


def line(rate: int | None = None) -> Bandwidth:
    """A line over which so many bytes a second came, if any."""
    seen = Bandwidth(RateLimit())
    for number in range(0 if rate is None else 100):
        seen.count((rate or 0) // 10, number / 10, (number + 1) / 10)
    return seen


def said(rate: int | None, crowd: int | None = None) -> ReplyFileLocation:
    """What the tracker says."""
    return ReplyFileLocation("f", INFO, {}, None, crowd, rate)


def test_nothing_is_known_without_a_word_of_the_tracker() -> None:
    """An old tracker says nothing of crowds, nor does any before it knows the lines."""
    pace = Pace(line(100), 5.0)
    pace.located(said(None), 6.0)
    pace.located(said(None, 12), 7.0)
    assert pace.possible_beside(None) is None
    assert pace.reached(1000, 15.0) is None


def test_the_least_time_is_for_what_was_fetched() -> None:
    """A download that goes on with what was there takes no credit for it."""
    pace = Pace(line(), 5.0)
    pace.located(said(100, 12), 6.0)
    assert pace.possible_beside(None) == 100
    assert pace.reached(1000, 17.0) == Reached(1.2, 12)
    assert pace.reached(500, 17.0) == Reached(2.4, 12)
    assert pace.reached(0, 17.0) is None
    assert pace.reached(99, 17.0) is None  # a part of a second: its links do not matter


def test_what_is_possible_changes() -> None:
    """Its mean counts, and goes for the time in which it was not known too."""
    pace = Pace(line(), 0.0)
    pace.located(said(100, 4), 4.0)
    assert pace.reached(400, 5.0) is None  # too little of it is known
    pace.located(said(300, 9), 6.0)
    pace.located(said(None, 2), 8.0)
    assert pace.reached(2000, 10.0) == Reached(1.0, 9)


def test_more_than_the_own_line_takes_is_not_possible() -> None:
    """The crowd could give more."""
    pace = Pace(line(100), 0.0)
    pace.located(said(1000, 4), 0.0)
    assert pace.possible_beside(None) == 100
    reached = pace.reached(1000, 11.0)
    assert reached is not None
    assert reached.times == pytest.approx(1.1)


def test_nothing_is_faster_than_possible() -> None:
    """Who is shows that too little was known of the lines; rates are not that exact, though."""
    pace = Pace(line(), 0.0)
    pace.located(said(100, 4), 0.0)
    assert pace.possible_beside(None) == 100
    assert pace.possible_beside(109.0) == 100
    assert pace.possible_beside(145.0) is None
    assert pace.reached(1090, 10.0) == Reached(1.0, 4)
    assert pace.reached(5900, 10.0) is None


def test_a_limit_is_a_limit_before_anything_was_seen() -> None:
    """And that which there was at each time counts, when it is lifted later."""
    limit = RateLimit(100)
    pace = Pace(Bandwidth(limit), 0.0)
    pace.located(said(1000), 0.0)
    assert pace.possible_beside(None) == 100
    pace.located(said(1000), 9.0)
    limit.rate = None
    assert pace.possible_beside(None) == 1000
    assert pace.reached(1900, 10.0) == Reached(1.0, 1)


@pytest.mark.parametrize("rate", [0, -5, MOST_RATE + 1, 10**30])
def test_a_trackers_nonsense_is_ignored(rate: int) -> None:
    """A rate that is none, and a crowd that cannot be."""
    pace = Pace(line(), 0.0)
    pace.located(said(rate, 7), 1.0)
    for crowd in (-3, 0, MOST_CROWD + 1, 10**30):
        pace.located(said(rate, crowd), 2.0)
    assert pace.possible_beside(None) is None
    assert pace.reached(1000, 10.0) is None
    assert pace.crowd == 7


@pytest.mark.parametrize(
    ("reached", "text"),
    [
        (
            Reached(1.1449, 12),
            "fetched in 1.1 times the least possible time (12 peers fetched it at once)",
        ),
        (Reached(1.0, 1), "fetched in 1.0 times the least possible time"),
    ],
)
def test_it_is_told_in_words(reached: Reached, text: str) -> None:
    """One peer is no crowd."""
    assert str(reached) == text
