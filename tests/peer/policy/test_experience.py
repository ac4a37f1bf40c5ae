"""What came of asking sources, in all downloads of a peer."""

from __future__ import annotations

from p2pfs.addresses import Address
from p2pfs.peer.policy.experience import MOST_CREDIT, ONE_SETBACK, REMEMBERED, Experience


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


def test_a_wrong_chunk_costs_all_of_it() -> None:
    """However much it delivered before."""
    experience = Experience()
    for _ in range(MOST_CREDIT):
        experience.delivered(source(1))
    experience.was_wrong(source(1), 0.0)
    assert not experience.is_proven(source(1))
    assert (experience.credit(source(1)), experience.setbacks(source(1))) == (0, 1)


def test_a_chunk_makes_up_for_all_setbacks() -> None:
    """Its host has none any more, either."""
    experience = Experience()
    for number in range(3):
        experience.set_back(source(1), number * ONE_SETBACK)
    assert experience.setbacks(source(1)) == experience.host_setbacks("10.0.0.0") == 3
    experience.delivered(source(1))
    assert experience.setbacks(source(1)) == experience.host_setbacks("10.0.0.0") == 0
