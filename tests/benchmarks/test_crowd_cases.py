"""The cases of crowds: what is to happen does happen, and those that should finish do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from benchmarks.crowd.cases import CASES, SITES, case_named
from benchmarks.crowd.outcome import Outcome
from benchmarks.crowd.plan import Crowd, Plan
from benchmarks.crowd.simulated import simulate
from benchmarks.problems import BenchmarkFailed

CROWD = Crowd(10, 30, 256 << 10, rate=2e6, latency=0.001, scale=64)


def plan_of(name: str, crowd: Crowd = CROWD, seed: int = 1) -> Plan:
    """The plan of a case."""
    return case_named(name).plan(crowd, Random(seed))


def shares(outcome: Outcome) -> list[float]:
    """What each peer had in the end."""
    return [curve[-1][1] for curve in outcome.curves]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_plan_is_drawn_from_its_seed(case: object) -> None:
    """The same seed gives the same crowd, as many as were asked for; somebody is measured."""
    name = case.name  # type: ignore[attr-defined]
    plan = plan_of(name)
    assert plan == plan_of(name)
    assert len(plan.guests) == 10
    assert 0 < plan.measured <= 10
    assert plan.crowd.chunks % plan.files == 0
    # Nobody can have it before a copy has passed the widest link there is.
    assert plan.bound >= CROWD.size / max(guest.down for guest in plan.guests)


def test_links_are_drawn_unequal() -> None:
    """From a quarter to two and a half of the rate up, and never narrower down."""
    plan = plan_of("unequal", replace(CROWD, peers=200))
    ups = [guest.up for guest in plan.guests]
    assert 0.25 * CROWD.rate <= min(ups) < 0.4 * CROWD.rate
    assert 2.3 * CROWD.rate < max(ups) <= 2.5 * CROWD.rate
    assert all(guest.down >= guest.up for guest in plan.guests)
    assert plan_of("unequal", seed=2).guests != plan_of("unequal").guests
    # All links together decide, not a single one: the case is about keeping them busy.
    assert plan.bound == pytest.approx(200 * CROWD.size / (plan.source_up + sum(ups)))


def test_unequal_links_are_used(tmp_path: Path) -> None:
    """Peers with narrow up links have the file nearly as early as the others, as others help."""
    outcome = simulate(plan_of("unequal"), tmp_path, 1)
    assert len(outcome.ends) == 10
    assert 1.0 <= outcome.ratio(outcome.ends[-1]) < 2.5


def test_they_come_one_by_one(tmp_path: Path) -> None:
    """Nobody has anything before it asks, all soon have something then, and own times count."""
    plan = plan_of("arrivals")
    begins = [guest.begins for guest in plan.guests]
    assert 0 < min(begins) < max(begins) <= CROWD.copy_time
    assert plan.bound == max(begins) + CROWD.copy_time
    outcome = simulate(plan, tmp_path, 1)
    for begin, curve in zip(begins, outcome.curves, strict=True):
        first = next(time for time, share in curve if share)
        assert begin < first < begin + CROWD.copy_time / 2
    assert len(outcome.own_times) == 10
    assert outcome.own_times == sorted(outcome.own_times)
    assert outcome.own_times[0] >= CROWD.copy_time
    assert sum(outcome.own_times) == pytest.approx(sum(outcome.ends) - sum(begins))
    assert "last own time" in outcome.report


def test_the_source_leaves_and_all_finish(tmp_path: Path) -> None:
    """What it sent by then is all that they ever get of it."""
    outcome = simulate(plan_of("source-leaves"), tmp_path, 1)
    [(at, what)] = outcome.events
    assert "the source's power failed" in what
    assert at < outcome.ends[0]
    assert 1.1 <= outcome.copies_of_source < 1.2
    assert shares(outcome) == [1.0] * 10


def test_the_slow_do_not_count_but_are_there(tmp_path: Path) -> None:
    """Those with a tenth of the rate are not waited for, and the others are compared with.

    The other crowd is as large as the rest of this one.
    """
    plan = plan_of("slow-tenth")
    slow = [guest for guest in plan.guests if not guest.measured]
    assert [(guest.up, guest.down) for guest in slow] == [(2e5, 2e5)]
    assert plan.without is not None
    assert len(plan.without.guests) == 9
    assert all(guest.up == guest.down == 2e6 for guest in plan.without.guests)
    outcome = simulate(plan, tmp_path, 1)
    assert len(outcome.ends) == 9
    assert sorted(shares(outcome))[0] < 0.5
    assert sorted(shares(outcome))[1:] == [1.0] * 9
    assert outcome.without is not None
    assert outcome.without >= plan.without.bound
    assert "without the slow ones" in outcome.report
    assert list(tmp_path.glob("tmp*")) == []  # the files of the other crowd make room


def test_the_dying_die_and_the_rest_finish(tmp_path: Path) -> None:
    """A killed peer gets no further, and holds nobody up for long."""
    plan = plan_of("dying-tenth", replace(CROWD, peers=20, chunks=20))
    outcome = simulate(plan, tmp_path, 1)
    assert [what.split(" with ")[0] for _, what in outcome.events] == ["a peer was killed"] * 2
    assert len(outcome.ends) == 18
    dead = [
        share
        for guest, share in zip(plan.guests, shares(outcome), strict=True)
        if guest.dies_at is not None
    ]
    assert len(dead) == 2
    assert all(0.5 <= share < 0.6 for share in dead)


def test_those_who_give_up_go_on_serving(tmp_path: Path) -> None:
    """Who cancelled gets nothing more, and still sends what it has to who comes later.

    The source sent it half a copy, and does not send another whole one.
    """
    plan = plan_of("never-finish", replace(CROWD, peers=2))
    stopped = [guest.stops_at is not None for guest in plan.guests].index(True)
    guests = [replace(guest, begins=0.0 if guest.stops_at else 4.0) for guest in plan.guests]
    outcome = simulate(replace(plan, guests=tuple(guests)), tmp_path, 1)
    [(at, what)] = outcome.events
    assert "a peer cancelled" in what
    assert at < 4.0
    assert 0.5 <= shares(outcome)[stopped] < 0.6
    assert shares(outcome)[1 - stopped] == 1.0
    assert outcome.copies_of_source < 1.3


def test_a_fast_source_is_used(tmp_path: Path) -> None:
    """It sends more than a copy, since that makes all quicker."""
    plan = plan_of("fast-source")
    assert plan.source_up == 10 * CROWD.rate
    assert CROWD.copy_time <= plan.bound <= plan_of("all-at-once").bound
    outcome = simulate(plan, tmp_path, 1)
    assert outcome.copies_of_source > 1.3
    assert 1.0 <= outcome.ratio(outcome.ends[-1]) < 1.4


def test_sites_are_apart(tmp_path: Path) -> None:
    """Peers are at all sites, which are as far from each other as back; distance costs time."""
    plan = plan_of("sites")
    assert {guest.site for guest in plan.guests} == set(range(len(SITES)))
    assert all(SITES[a][b] == SITES[b][a] for a in range(4) for b in range(4))
    assert {0.005, 0.2} <= {seconds for row in SITES for seconds in row}
    apart = simulate(plan, tmp_path, 1)
    together = simulate(replace(plan, distances=((0.0,) * 4,) * 4), tmp_path / "together", 1)
    assert len(apart.ends) == 10
    assert apart.ends[-1] > together.ends[-1] + 0.4


def test_ten_files_are_wanted_at_once(tmp_path: Path) -> None:
    """They are as large as the one file of other cases, and each peer gets them all."""
    plan = plan_of("ten-files", replace(CROWD, peers=3))
    outcome = simulate(plan, tmp_path, 1)
    assert len(outcome.ends) == 3
    assert shares(outcome) == [1.0] * 3
    for number in range(3):
        files = sorted((tmp_path / f"p{number}" / "file").iterdir())
        assert [path.name for path in files] == [str(n) for n in range(10)]
        assert sum(path.stat().st_size for path in files) == CROWD.size / CROWD.scale
    assert plan_of("ten-files", replace(CROWD, chunks=64)).crowd.chunks == 70


def test_a_failure_is_told(tmp_path: Path) -> None:
    """When somebody cannot have it, the benchmark says so, and does not wait for ever."""
    plan = replace(plan_of("source-leaves", replace(CROWD, peers=1)), source_leaves_after=0.5)
    with pytest.raises(BenchmarkFailed, match="did not get it"):
        simulate(plan, tmp_path, 1)


def test_it_is_the_same_at_another_scale(tmp_path: Path) -> None:
    """What small chunks stand for takes the same time, with as much said about them."""
    crowd = replace(CROWD, peers=6, chunk_size=128 << 10)
    true_size, scaled = (
        simulate(plan_of("all-at-once", replace(crowd, scale=scale)), tmp_path / str(scale), 1)
        for scale in (1, 32)
    )
    assert scaled.ends[-1] == pytest.approx(true_size.ends[-1], rel=0.05)
    assert scaled.copies_of_source == pytest.approx(true_size.copies_of_source, rel=0.1)
    assert scaled.control == pytest.approx(true_size.control, rel=0.1)
