"""What hosts make of their turns."""

from __future__ import annotations

from p2pfs.peer.policy.waste import (
    ALLOWANCE,
    FIRST_REST,
    IGNORED,
    LONGEST_REST,
    MOST_HOSTS,
    Waste,
)


def test_a_few_in_a_row_cost_nothing() -> None:
    """Whoever has much on its way from elsewhere declines often, and means no harm."""
    waste = Waste()
    for _ in range(ALLOWANCE):
        waste.wasted("a", 1, 0.0)
    assert waste.rest("a", 0.0) == 0
    assert not waste.comes_last("a", 0.0)
    assert not waste.is_troubled(0.0)


def test_each_further_one_costs_twice_the_rest() -> None:
    """Up to a bound, so that who comes to its senses has its turn again."""
    waste = Waste()
    rests = []
    now = 5.0
    for _ in range(ALLOWANCE + 10):
        waste.wasted("a", 1, now)
        rests.append(waste.rest("a", now))
        now += rests[-1]
    assert rests[ALLOWANCE : ALLOWANCE + 3] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST]
    assert rests[-1] == LONGEST_REST
    assert waste.rest("a", now) == 0
    assert waste.rest("b", 5.0) == 0, "another host has nothing to do with it"


def test_what_was_under_way_when_a_rest_began_does_not_make_it_longer() -> None:
    """All that is offered to one at a time may come back at once: it is one occasion to learn."""
    waste = Waste()
    for _ in range(ALLOWANCE + 30):
        waste.wasted("a", 1, 5.0)
    assert waste.rest("a", 5.0) == FIRST_REST


def test_who_rested_comes_last_for_a_while_and_then_as_others_do() -> None:
    """A busy source would otherwise never find out that it has changed."""
    waste = Waste()
    waste.wasted("a", IGNORED, 0.0)
    assert waste.comes_last("a", FIRST_REST)
    assert waste.is_troubled(FIRST_REST)
    assert not waste.comes_last("a", FIRST_REST + LONGEST_REST)
    assert not waste.is_troubled(FIRST_REST + LONGEST_REST)


def test_a_chunk_that_arrives_makes_up_for_all_of_it() -> None:
    """An answer that came late was none too few."""
    waste = Waste()
    assert not waste.is_proven("a")
    for _ in range(5):
        waste.wasted("a", IGNORED, 0.0)
    waste.used("a")
    assert waste.rest("a", 0.0) == 0
    assert not waste.comes_last("a", 0.0)
    assert waste.is_proven("a")
    waste.wasted("a", IGNORED, 0.0)
    assert not waste.is_proven("a")
    assert waste.rest("a", 0.0) == FIRST_REST


def test_hosts_without_end_are_not_remembered() -> None:
    """Those to whom nothing happened for longest are forgotten first."""
    waste = Waste()
    waste.wasted("first", IGNORED, 0.0)
    for number in range(MOST_HOSTS - 1):
        waste.offered(f"host {number}", 0.0)
    assert waste.comes_last("first", 0.0)
    waste.offered("one more", 0.0)
    assert not waste.comes_last("first", 0.0)
