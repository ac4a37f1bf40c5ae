"""How a crowd gets on: the bounds, and what is made of what peers say. Time is a number."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.crowd.bounds import equal_links, unequal_links
from p2pfs.chunks import FileInfo
from p2pfs.tracker.crowd import ABSENT_SECONDS, SILENT_SECONDS, Crowd, CrowdFigures

CHUNK = 1000


def info(chunks: int) -> FileInfo:
    """A file of so many chunks."""
    return FileInfo(chunks * CHUNK, chunks, CHUNK)


def crowd(chunks: int, source: int, ups: Sequence[int | None], downs: int = 10**9) -> Crowd:
    """A crowd that begins at time 0; with None, a peer says nothing of its line."""
    made = Crowd(info(chunks), 0.0)
    made.told("source", chunks * CHUNK, source, None, 0.0)
    for number in range(len(ups)):
        made.asked(f"p{number}", 0, 0.0)
    for number, up in enumerate(ups):
        made.told(f"p{number}", 0, up, downs, 0.0)
    return made


def fetch(crowd: Crowd, peers: int, seconds: float, begin: float = 0.0) -> float:
    """Let all peers have the file evenly, chunk by chunk, in so many seconds."""
    total = crowd.info.totalchunknum
    for chunk in range(1, total + 1):
        now = begin + seconds * chunk / total
        for number in range(peers):
            if chunk < total:
                crowd.asked(f"p{number}", (chunk - 1) * CHUNK, now)
            crowd.told(f"p{number}", chunk * CHUNK, None, None, now)
    return begin + seconds


@pytest.mark.parametrize(("peers", "chunks"), [(1, 1), (1, 64), (3, 1), (4, 1), (12, 64), (50, 8)])
def test_the_bound_of_equal_links(peers: int, chunks: int) -> None:
    """It is that of Mundinger, Weber and Weiss."""
    bound = equal_links(chunks * CHUNK, chunks, peers, 500.0)
    rate = crowd(chunks, 500, [500] * peers).rate_for("p0")
    assert rate is not None
    assert chunks * CHUNK / rate == pytest.approx(bound)


@pytest.mark.parametrize(
    ("source", "ups"), [(100, [900, 900]), (1000, [10, 20, 30]), (500, [0, 100, 5000, 7])]
)
def test_the_bound_of_unequal_links(source: int, ups: list[int]) -> None:
    """With many chunks it is that of Kumar and Ross: the source's line, or all together."""
    size = 60_000 * CHUNK
    rate = crowd(60_000, source, ups).rate_for("p1")
    assert rate is not None
    assert size / rate == pytest.approx(unequal_links(size, source, ups, [1e9]), rel=1e-4)


def test_who_takes_longer_than_possible_is_told_how_much() -> None:
    """The time of the slowest counts, from when it asked first."""
    made = crowd(64, 500, [500] * 12)
    bound = equal_links(64 * CHUNK, 64, 12, 500.0)
    end = fetch(made, 12, 1.5 * bound)
    figures = made.figures(end)
    assert figures is not None
    assert (figures.present, figures.finished, figures.portion) == (0, 12, None)
    assert figures.ratio == pytest.approx(1.5, rel=0.03)


def test_those_under_way_are_told_their_portion() -> None:
    """Over the last seconds, not from the beginning."""
    made = crowd(1000, 500, [500] * 4)
    for tick in range(1, 61):
        done = 2 * min(tick, 30) + max(0, tick - 30)  # half as quick in the second half
        for number in range(4):
            now = tick + number / 4
            made.told(f"p{number}", done * CHUNK // 4, None, None, now)
            made.asked(f"p{number}", 0, now)
        figures = made.figures(tick + 0.9)
        assert figures is not None
        if tick == 30:
            assert figures.portion == pytest.approx(1.0, rel=0.1)
    assert figures.portion == pytest.approx(0.5, rel=0.1)


def test_a_crowd_that_stands_still_is_told_so() -> None:
    """Nothing of what is possible is a portion too."""
    made = crowd(1000, 500, [500] * 4)
    for tick in range(30):
        for number in range(4):
            made.asked(f"p{number}", 0, float(tick))
    assert made.figures(30.0) == CrowdFigures(4, 0, None, 0.0)


def test_what_takes_no_time_is_not_measured() -> None:
    """A file that a line carries in no time, but took some for other reasons."""
    made = crowd(10, 100 * CHUNK, [100 * CHUNK] * 2)
    end = fetch(made, 2, 10.0)
    assert made.figures(end) == CrowdFigures(0, 2, None, None)


def test_a_slow_line_of_its_own_is_no_fault_of_the_crowd() -> None:
    """Who takes in less than the others is measured by that."""
    made = crowd(100, 1000, [1000], downs=100)
    end = fetch(made, 1, 1000.0)
    assert made.figures(end) == CrowdFigures(0, 1, pytest.approx(1.0), None)


def test_what_nobody_knows_is_not_guessed() -> None:
    """Without the source's rate, or a downloader's, there is no figure, until it had its time."""
    made = Crowd(info(10), 0.0)
    for number in range(4):
        made.asked(f"p{number}", 0, 0.0)
    assert made.rate_for("p0") is None
    made.told("source", 10 * CHUNK, 300, None, 1.0)
    assert made.rate_for("p0") is None  # the source alone would be 75 for each
    for number in range(3):
        made.told(f"p{number}", 0, 300, None, 1.0)
    # Whatever the last one sends, the source's line is the limit.
    assert made.rate_for("p3") == pytest.approx(300 / 1.2)
    made.told("p1", 0, 40, None, 2.0)
    assert made.rate_for("p0") is None
    assert made.figures(3.0) == CrowdFigures(4, 0, None, None)
    made.asked("p0", 0, SILENT_SECONDS)
    assert made.rate_for("p0") == pytest.approx(235 / 1.2)  # nobody can reach the last, it seems
    made.asked("p4", 0, SILENT_SECONDS)
    made.asked("p4", 0, 2 * SILENT_SECONDS)
    assert made.rate_for("p0") is None  # but that two of five cannot be reached is a guess


def test_what_was_reached_is_possible() -> None:
    """However little is known of the lines: sources that were never busy, peers that lie."""
    made = crowd(1000, 10, [10, 10])
    for tick in range(1, 200):
        for number in range(2):
            made.told(f"p{number}", tick * CHUNK, None, None, tick / 10)
            made.asked(f"p{number}", 0, tick / 10)
        assert (made.rate_for("p0") or 0) <= 10.001 * CHUNK
    assert made.rate_for("p0") == pytest.approx(10 * CHUNK, rel=0.1)


def test_those_that_are_done_count_until_all_are() -> None:
    """Who began with others does not have more to hope for because these were quicker."""
    made = crowd(1000, 100, [100] * 4)
    rate = made.rate_for("p3")
    for number in range(3):
        made.told(f"p{number}", CHUNK, None, None, 1.0)
        made.told(f"p{number}", 1000 * CHUNK, None, None, 2.0)
    assert made.rate_for("p3") == rate
    assert made.rate_for("p0") is None


def test_a_download_that_goes_on_counts_from_there() -> None:
    """What was there before is neither fetched nor waited for."""
    made = crowd(100, 100, [100])
    made.asked("p0", 0, 20.0)
    made.told("p0", 50 * CHUNK, None, None, 20.0)
    for chunk in range(51, 101):
        now = 20.0 + (chunk - 50) * 20
        made.asked("p0", (chunk - 1) * CHUNK, now)
        made.told("p0", chunk * CHUNK, None, None, now)
    assert made.figures(1020.0) == CrowdFigures(0, 1, pytest.approx(2.0), None)


def test_who_comes_late_has_more_sources() -> None:
    """Those who have got it send it on, so more is possible."""
    made = crowd(100, 100, [100] * 3, downs=300)
    end = fetch(made, 3, 1100.0)
    made.asked("late", 0, end)
    made.told("late", 0, None, 300, end)
    assert made.rate_for("late") == 400
    assert made.present == 1


def test_a_crowd_begins_when_the_last_one_is_over() -> None:
    """How that went is shown until then; who gave up does not count."""
    made = crowd(10, 500, [500, 500])
    end = fetch(made, 1, 22.0)
    figures = made.figures(end)
    assert figures is not None
    assert (figures.present, figures.finished) == (1, 1)
    assert figures.ratio == pytest.approx(2.0, rel=0.1)  # the other could have had it too
    over = made.figures(end + ABSENT_SECONDS)
    assert over is not None
    assert (over.present, over.finished) == (0, 1)
    made.asked("p2", 0, end + 100)
    assert made.figures(end + 101) == CrowdFigures(1, 0, None, None)
    made.gone("p2", end + 102)
    assert made.figures(end + 102) is None


def test_who_leaves_takes_its_line_along() -> None:
    """A source and a downloader."""
    made = crowd(1000, 100, [10, 10, 10])
    made.told("other", 1000 * CHUNK, 200, None, 0.0)
    before = made.rate_for("p0")
    made.gone("p1", 0.0)
    made.gone("other", 0.0)
    assert made.rate_for("p0") == crowd(1000, 100, [10, 10]).rate_for("p0") != before
    made.gone("source", 0.0)
    assert made.rate_for("p0") is None
    assert len(made) == 2


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["asked", "told", "gone"]),
        st.sampled_from("abcd"),
        st.integers(0, 4),
        st.none() | st.integers(1, 1 << 50),
        st.floats(0, 40),
    ),
    max_size=60,
)


@given(EVENTS)
def test_any_history_leaves_sums_that_are_right(
    events: list[tuple[str, str, int, int | None, float]],
) -> None:
    """And figures that are numbers, or none."""
    made, now = Crowd(info(4), 0.0), 0.0
    held = dict.fromkeys("abcd", 0)
    for what, peer, chunks, rate, pause in events:
        now += pause
        if what == "asked" and held[peer] < 4:
            made.asked(peer, held[peer] * CHUNK, now)
        elif what == "told":
            held[peer] = max(held[peer], chunks)
            made.told(peer, held[peer] * CHUNK, rate, rate, now)
        elif what == "gone":
            held[peer] = 0
            made.gone(peer, now)
        members = made._downloaders.values()
        assert made._downloaders_up == sum(member.up or 0 for member in members)
        assert made._sources_up == sum(made._sources.values())
        assert made._finishers_up == sum(made._sources[peer] for peer in made._finishers)
        assert made._downloaders_down == sum(member.down or 0 for member in members)
        unmeasured = {p for p, m in made._downloaders.items() if m.down is None}
        assert made._unmeasured.keys() == unmeasured
        assert made._silent.keys() == {p for p, m in made._downloaders.items() if m.up is None}
        assert not made._silent.keys() & made._sources.keys()
        figures = made.figures(now)
        if figures is not None:
            for figure in (figures.ratio, figures.portion):
                assert figure is None or 0 <= figure < 1e30
    assert len(made) <= 4
