"""Who gets one of a download's connections, and who makes room for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2pfs.addresses import Address
from p2pfs.peer.policy.seats import UNPROVEN_PART, Claim, share_out


def source(number: int, host: int = 0) -> Address:
    """One of many addresses."""
    return Address(f"10.0.0.{host}", number + 1)


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
    assert len(gets) == len(loses) == 8 - 8 // UNPROVEN_PART


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
