"""How many bytes hosts may make this process keep."""

from __future__ import annotations

from p2pfs.wire.budget import FLOOR, LEAST, Budget, Kept


def test_a_host_has_half_of_what_is_left() -> None:
    """So there is always something for one more; a little each has in any case."""
    budget = Budget(total=60 << 20)
    taken = []
    for host in "abcd":
        while budget.has_room(host):
            budget.keep(host, 1 << 20)
        taken.append(budget.kept)
    assert taken[0] == 20 << 20
    assert taken[3] < 60 << 20
    crowd = Budget(total=2 * FLOOR)
    for number in range(10):
        assert crowd.room(str(number)) == FLOOR
        crowd.keep(str(number), FLOOR)
        assert not crowd.has_room(str(number))


def test_who_waits_for_room_is_told_when_its_host_has_some() -> None:
    """Once, and whatever others do."""
    budget = Budget(total=0)
    told: list[str] = []
    budget.keep("a", FLOOR)
    budget.keep("b", FLOOR)
    budget.wait("a", lambda: told.append("a"))
    budget.drop("b", FLOOR)
    budget.drop("a", LEAST - 1)
    assert told == []
    budget.drop("a", 1)
    budget.drop("a", FLOOR - LEAST)
    assert told == ["a"]
    assert budget.kept == 0


def test_the_longest_bitfield_fits_where_something_may_be_begun() -> None:
    """Whoever has room for anything has it for `LEAST` bytes, to the byte."""
    budget = Budget(total=0)
    budget.keep("a", FLOOR - LEAST)
    assert budget.has_room("a")
    assert budget.room("a") == LEAST
    budget.keep("a", 1)
    assert not budget.has_room("a")


def test_connections_of_a_host_share_its_room() -> None:
    """What one of them keeps is missing for the others, until it is dropped."""
    budget = Budget(total=0)
    one, other = Kept(budget, "a"), Kept(budget, "a")
    assert one.set(FLOOR)
    assert not other.set(1)
    other.add(4)
    one.add(5)
    assert budget.kept == FLOOR + 10
    assert budget.room("a") == -10
    assert other.set(0), "to keep nothing is always allowed"
    assert budget.room("a") == -5
    one.set(0)
    assert budget.kept == 0
    assert not budget._by_host


def test_who_keeps_less_makes_room_for_who_waits() -> None:
    """Also when it is one and the same connection that keeps more and then less."""
    budget = Budget(total=0)
    kept, told = Kept(budget, "a"), list[str]()
    kept.set(FLOOR)
    budget.wait("a", lambda: told.append("room"))
    kept.set(FLOOR - LEAST + 1)
    assert not told
    kept.set(FLOOR - LEAST)
    assert told == ["room"]


def test_without_a_budget_there_is_always_room() -> None:
    """As for connections to hosts that this process chose itself."""
    kept = Kept(None, "a")
    kept.add(1 << 40)
    assert kept.set(1 << 40)
    assert kept.count == 0
