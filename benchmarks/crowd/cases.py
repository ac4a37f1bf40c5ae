"""What may be special about a crowd: each case is a plan, with the bound that applies to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from benchmarks.crowd.bounds import equal_links, fast_source, unequal_links
from benchmarks.crowd.plan import Crowd, Guest, Plan

SOURCE_STAYS_FOR = 1.1
"""Copies that leave a source before its power fails."""

SLOWNESS = 10
"""How many times slower a slow peer is, and how many times quicker a fast source."""

FILES = 10

SITES = (
    (0.0, 0.005, 0.040, 0.120),
    (0.005, 0.0, 0.045, 0.125),
    (0.040, 0.045, 0.0, 0.200),
    (0.120, 0.125, 0.200, 0.0),
)
"""Seconds from one to the other: two in one town, one a country away, one a continent away."""

LONG_WINDOW = 6 << 20
"""Bytes to which Linux lets a window grow by itself; a short one would limit distant sites."""


@dataclass(frozen=True)
class Case:
    """A kind of crowd."""

    name: str
    about: str
    plan: Callable[[Crowd, Random], Plan]
    """Draws the plan for a crowd; what is left to chance comes from the random numbers."""


def all_at_once(crowd: Crowd, random: Random) -> Plan:
    """Nothing special."""
    guests = (Guest(crowd.rate, crowd.rate),) * crowd.peers
    return _alike(crowd, guests, crowd.peers)


def arrivals(crowd: Crowd, random: Random) -> Plan:
    """The last to come needs a copy's time, and cannot have it sooner than from its own begin."""
    plan = all_at_once(crowd, random)
    begins = [random.uniform(0.0, crowd.copy_time) for _ in plan.guests]
    return replace(
        plan,
        guests=tuple(
            replace(guest, begins=at) for guest, at in zip(plan.guests, begins, strict=True)
        ),
        bound=max(plan.bound, max(begins) + crowd.copy_time),
        bound_is="the last one's begin and one copy over its link",
    )


def source_leaves(crowd: Crowd, random: Random) -> Plan:
    """A source that leaves can make nobody quicker, so the bound is that with all links."""
    return replace(all_at_once(crowd, random), source_leaves_after=SOURCE_STAYS_FOR)


def slow_tenth(crowd: Crowd, random: Random) -> Plan:
    """Measured are the others, and compared with themselves without the slow ones."""
    rate = crowd.rate / SLOWNESS
    guests, others = _with_tenth(crowd, random, up=rate, down=rate, measured=False)
    return replace(
        _alike(crowd, guests, others),
        without=all_at_once(replace(crowd, peers=others), random),
        without_what="the slow ones",
    )


def dying_tenth(crowd: Crowd, random: Random) -> Plan:
    """Measured are those that live on."""
    return _alike(crowd, *_with_tenth(crowd, random, dies_at=0.5, measured=False))


def never_finish(crowd: Crowd, random: Random) -> Plan:
    """Measured are the others."""
    return _alike(crowd, *_with_tenth(crowd, random, stops_at=0.5, measured=False))


def fast_source_case(crowd: Crowd, random: Random) -> Plan:
    """The peers' links are alike in both directions, as ever."""
    up = SLOWNESS * crowd.rate
    return replace(
        all_at_once(crowd, random),
        source_up=up,
        bound=fast_source(crowd.size, crowd.chunks, crowd.peers, crowd.rate, up),
        bound_is="the least, chunk by chunk, with so quick a source",
    )


def unequal(crowd: Crowd, random: Random) -> Plan:
    """Up links of a quarter to two and a half of the rate, down links beyond all of these.

    So no single down link decides, and the bound is reached only if every up link is busy.
    """
    most = 2.5 * crowd.rate
    guests = tuple(
        Guest(random.uniform(crowd.rate / 4, most), random.uniform(most, 2 * most))
        for _ in range(crowd.peers)
    )
    ups, downs = [guest.up for guest in guests], [guest.down for guest in guests]
    return Plan(
        crowd,
        guests,
        source_up=most,
        bound=unequal_links(crowd.size, most, ups, downs),
        bound_is="the least with these links (Kumar, Ross)",
    )


def sites(crowd: Crowd, random: Random) -> Plan:
    """Distance is no part of the bound."""
    plan = all_at_once(crowd, random)
    guests = tuple(
        replace(guest, site=number % len(SITES)) for number, guest in enumerate(plan.guests)
    )
    return replace(plan, guests=guests, distances=SITES, window=LONG_WINDOW)


def ten_files(crowd: Crowd, random: Random) -> Plan:
    """Together they have as many chunks as the one file of other cases, or a few more."""
    crowd = replace(crowd, chunks=-(-crowd.chunks // FILES) * FILES)
    return replace(
        all_at_once(crowd, random),
        files=FILES,
        bound_is="the least for one file as large as all, with equal links",
    )


CASES = (
    Case("all-at-once", "all begin at once, and have equal links", all_at_once),
    Case("arrivals", "they come one by one, during the time of one copy", arrivals),
    Case("source-leaves", "the source's power fails after 1.1 copies", source_leaves),
    Case("slow-tenth", "a tenth of them has a tenth of the rate, both ways", slow_tenth),
    Case("dying-tenth", "a tenth of them is killed with half of it", dying_tenth),
    Case("never-finish", "a tenth of them cancels at half, and serves what it has", never_finish),
    Case("fast-source", "the source sends at ten times the rate of the others", fast_source_case),
    Case("unequal", "links are drawn by chance, and wider down than up", unequal),
    Case("sites", "they are at four sites, 5 to 200 ms apart", sites),
    Case("ten-files", "ten files that everybody wants, as one directory", ten_files),
)


def case_named(name: str) -> Case:
    """The case of that name; raises KeyError."""
    return {case.name: case for case in CASES}[name]


def _alike(crowd: Crowd, guests: tuple[Guest, ...], measured: int) -> Plan:
    """A source with a link as all others, of whom so many are measured."""
    return Plan(
        crowd,
        guests,
        source_up=crowd.rate,
        bound=equal_links(crowd.size, crowd.chunks, measured, crowd.rate),
        bound_is="the least with equal links",
    )


def _with_tenth(
    crowd: Crowd,
    random: Random,
    *,
    up: float | None = None,
    down: float | None = None,
    dies_at: float | None = None,
    stops_at: float | None = None,
    measured: bool = True,
) -> tuple[tuple[Guest, ...], int]:
    """Guests, a tenth of which (one at least) is as described; and how many are not."""
    usual = Guest(crowd.rate, crowd.rate)
    special = Guest(up or crowd.rate, down or crowd.rate, 0.0, dies_at, stops_at, measured)
    count = max(1, crowd.peers // 10)
    chosen = set(random.sample(range(crowd.peers), count))
    guests = tuple(special if number in chosen else usual for number in range(crowd.peers))
    return guests, crowd.peers - count
