"""The benchmark of a flash crowd: what is possible, what a simulated crowd takes, its picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from random import Random

import pytest

from benchmarks.crowd.bounds import equal_links, fast_source, unequal_links
from benchmarks.crowd.cases import case_named
from benchmarks.crowd.outcome import Outcome
from benchmarks.crowd.picture import picture
from benchmarks.crowd.plan import Crowd
from benchmarks.crowd.simulated import simulate

MIB = 1 << 20


def simulated(crowd: Crowd, directory: Path) -> Outcome:
    """What becomes of a crowd that begins at once."""
    return simulate(case_named("all-at-once").plan(crowd, Random(1)), directory, 1)


def test_one_peer_takes_one_copy() -> None:
    """A crowd of one has nobody to share with."""
    assert equal_links(10 * MIB, 10, 1, MIB) == 10.0


@pytest.mark.parametrize(
    ("peers", "chunks", "slots"), [(2, 1, 2), (3, 1, 2), (4, 1, 3), (12, 64, 67)]
)
def test_the_bound_for_equal_links(peers: int, chunks: int, slots: int) -> None:
    """With one chunk the holders double each time; with many, that is only paid once."""
    assert equal_links(chunks * MIB, chunks, peers, MIB) == pytest.approx(slots)


def test_the_bound_for_unequal_links() -> None:
    """The slowest of three: the source's link, a peer's, and all of them together."""
    assert unequal_links(100, 1.0, [9.0, 9.0], [50.0, 50.0]) == 100.0
    assert unequal_links(100, 50.0, [9.0, 9.0], [50.0, 0.5]) == 200.0
    assert unequal_links(100, 10.0, [0.0, 0.0], [50.0, 50.0]) == 20.0


def test_the_bound_for_a_fast_source() -> None:
    """It is the time of a copy over a peer's link, and what is lost until all lines are busy."""
    # 10, 30 and 70 chunks have come after one, two and three slots; then 50 come in each.
    assert fast_source(64 * MIB, 64, 50, MIB, 10 * MIB) == pytest.approx(3 + (64 * 50 - 70) / 50)
    assert fast_source(64 * MIB, 64, 8, MIB, 10 * MIB) == pytest.approx(64)
    # With nothing special about the source it is no more than the bound for that.
    for peers in (1, 2, 7, 12, 100):
        bound = equal_links(64 * MIB, 64, peers, MIB)
        assert bound - 1 <= fast_source(64 * MIB, 64, peers, MIB, MIB) <= bound


def test_a_pair_takes_the_time_of_one_copy(tmp_path: Path) -> None:
    """Nothing but the links limits a simulated pair, so the ratio means something."""
    outcome = simulated(Crowd(1, 16, 256 << 10, 1e6, 0.001), tmp_path)
    assert 1.0 <= outcome.ratio(outcome.ends[-1]) < 1.1
    assert 1.0 <= outcome.copies_of_source < 1.05


def test_a_crowd_is_looked_at_from_beginning_to_end(tmp_path: Path) -> None:
    """Everybody's end is noted, nobody is quicker than possible, and curves only rise."""
    outcome = simulated(Crowd(4, 16, 64 << 10, 1e6, 0.001), tmp_path)
    assert len(outcome.ends) == len(outcome.curves) == 4
    assert outcome.ends == sorted(outcome.ends)
    assert outcome.ratio(outcome.ends[0]) >= 0.95  # the first may need fewer slots than the last
    for curve in outcome.curves:
        shares = [share for _, share in curve]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
    assert outcome.overhead >= 0  # what all have, somebody sent
    assert outcome.copies_of_source >= 1


def test_a_crowd_shares_the_work(tmp_path: Path) -> None:
    """The source sends little more than one copy, nobody gets a chunk twice, no line is idle long.

    Served all at the same time, with chunks asked for in advance, they take twice the bound.
    And what is said is little: chunks are registered many at a time.
    """
    outcome = simulated(Crowd(8, 96, 64 << 10, 0.4e6, 0.001), tmp_path)
    assert outcome.tracker_messages is not None
    assert outcome.tracker_messages < 0.2
    assert outcome.copies_of_source < 1.5
    assert outcome.overhead < 0.03
    assert outcome.ratio(outcome.ends[-1]) < 1.4


def test_the_picture_has_a_line_for_each_peer() -> None:
    """It is a drawing that a browser can read, with the bound in it."""
    svg = picture("a < b", [[(0.0, 0.0), (2.0, 1.0)], [(0.0, 0.0), (3.0, 1.0)]], 1.5, 3.0)
    root = ElementTree.fromstring(svg)
    assert len(root.findall("{*}polyline")) == 2
    assert "bound 1.5 s" in "".join(root.itertext())
