"""Who has delivered, how long others are waited for, and who gets a place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2pfs.addresses import Address
from p2pfs.peer.policy import Claim, Experience, Trial, patience, share_out
from p2pfs.peer.policy.experience import MOST_CREDIT, REMEMBERED
from p2pfs.peer.policy.seats import UNPROVEN_SHARE
from p2pfs.peer.policy.trial import LEAST_PACE, SLOWEST


def source(number: int, host: int = 0) -> Address:
    """One of many addresses."""
    return Address(f"10.0.0.{host}", number + 1)


def test_a_setback_costs_half_of_what_was_earned() -> None:
    """Who delivered once is proven until it fails; who did so for long, much longer."""
    experience = Experience()
    failures = []
    for chunks in (1, 100):
        for _ in range(chunks):
            experience.delivered(source(chunks))
        failures.append(0)
        while experience.is_proven(source(chunks)):
            experience.set_back(source(chunks), 10.0 * failures[-1])
            failures[-1] += 1
    assert failures == [1, MOST_CREDIT.bit_length()]


def test_what_happens_to_many_downloads_at_once_is_one_setback() -> None:
    """They share a connection, and it ends for all of them."""
    experience = Experience()
    for _ in range(64):
        experience.set_back(source(1), 5.0)
    assert experience.setbacks(source(1)) == experience.host_setbacks("10.0.0.0") == 1


def test_many_addresses_make_nobody_forgotten_who_delivered() -> None:
    """What is remembered is bounded."""
    experience = Experience()
    experience.delivered(source(0, 1))
    for number in range(2 * REMEMBERED):
        experience.set_back(source(number), float(number))
    assert experience.is_proven(source(0, 1))
    assert experience.host_setbacks("10.0.0.0") == REMEMBERED


@pytest.mark.parametrize(
    ("came", "in_vain"),
    [(0, True), (100, True), (LEAST_PACE + 1, False), (10**6, True)],
    ids=["silence", "dripping", "sending", "padding"],
)
def test_what_comes_must_be_what_was_asked_for(came: int, in_vain: bool) -> None:
    """At a pace that makes sense, and not more than there is."""
    trial = Trial()
    trial.asked(int(LEAST_PACE * SLOWEST), 0.0, 0)
    assert not trial.brings_nothing(0.9, came, 1.0)
    assert trial.brings_nothing(1.0, came, 1.0) == in_vain


def test_a_trial_is_short_at_first() -> None:
    """And longer each time, up to the patience with anybody."""
    assert [patience(0.0, n, 10.0) for n in (0, 1, 2, 9)] == [0.5, 1.0, 2.0, 10.0]


def claim(number: int, host: int, proven: bool = False, in_vain: bool = False) -> Claim:
    """A source without setbacks."""
    return Claim(source(number, host), str(host), proven, 0, 0, in_vain=in_vain)


def test_hosts_share_places_whatever_their_ports() -> None:
    """A newcomer of another host takes one from the host of many."""
    many = [claim(number, 1) for number in range(8)]
    gets, loses = share_out([claim(0, 2)], many, 8)
    assert (gets, len(loses)) == ([source(0, 2)], 1)
    assert share_out([claim(0, 1)], many, 8) == ([], [])
    assert share_out(many, [], 8)[0] == [one.address for one in many]


def test_proven_sources_take_all_places_but_a_share() -> None:
    """From those that are not, without waiting for the end of their trial."""
    others = [claim(0, host) for host in range(8)]
    proven = [claim(1, host, proven=True) for host in range(10, 20)]
    gets, loses = share_out(proven, others, 8)
    assert len(gets) == len(loses) == 8 - 8 // UNPROVEN_SHARE


def test_a_trial_in_vain_makes_room_for_the_next() -> None:
    """Not one that may still bring something."""
    placed = [claim(0, host, in_vain=host == 3) for host in range(8)]
    gets, loses = share_out([claim(0, 9), claim(0, 10)], placed, 8)
    assert (gets, loses) == ([source(0, 9)], [source(0, 3)])


def vouched(number: int, host: int, in_vain: bool = False) -> Claim:
    """A source that others vouch for."""
    return replace(claim(number, host, in_vain=in_vain), vouched_for=True)


def test_who_is_vouched_for_is_tried_first() -> None:
    """Before many for whom nobody speaks, but behind those that are proven."""
    strangers = [claim(0, host) for host in range(50)]
    waiting = [*strangers, vouched(0, 60), claim(0, 61, proven=True)]
    assert share_out(waiting, [], 2)[0] == [source(0, 61), source(0, 60)]


@pytest.mark.parametrize("at_once", [1, 8])
def test_others_word_takes_no_more_than_half_of_the_trials(at_once: int) -> None:
    """However many are vouched for, and however the places become free."""
    waiting = [vouched(0, host) for host in range(30)] + [claim(0, host) for host in (40, 41, 42)]
    placed: list[Claim] = []
    while len(placed) < 8:
        gets, _ = share_out(waiting, placed, len(placed) + at_once)
        placed += [claim for claim in waiting if claim.address in gets]
        waiting = [claim for claim in waiting if claim.address not in gets]
    assert all(claim.vouched_for for claim in waiting), "those of whom nobody speaks wait"


def test_others_word_takes_no_place_from_anybody() -> None:
    """Nor does it count for more than a trial in vain."""
    placed = [claim(0, host) for host in range(8)]
    assert share_out([vouched(0, 9)], placed, 8) == ([], [])
    failed = replace(vouched(0, 9), setbacks=1, host_setbacks=1)
    assert share_out([failed, claim(0, 10)], [], 1)[0] == [source(0, 10)]
