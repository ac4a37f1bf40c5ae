"""Hosts take turns at being listened to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from p2pfs.wire.attention import Attention
from p2pfs.wire.budget import FLOOR, LEAST, Budget
from p2pfs.wire.handling import LINES_PER_TURN, QUANTUM, REST, Handling
from p2pfs.wire.host_rates import HostRates
from tests.conftest import LoggedFailures


def always(host: str) -> bool:
    """Nobody is held back."""
    return True


def test_hosts_take_turns_whatever_their_connections() -> None:
    """Of 300 that wait for one host, one is between two of another's."""
    attention: Attention[int] = Attention()
    for number in range(300):
        attention.wait("greedy", number)
    order = []
    for number in range(1000, 1005):
        attention.wait("honest", number)
    while (turn := attention.next(always)) is not None:
        order.append(turn[0])
        attention.done(turn[0], 1)
    assert order[:10] == ["greedy", "honest"] * 5
    assert len(order) == 305
    assert attention.waiting == 0


def test_a_hosts_connections_take_turns() -> None:
    """In the order in which they came; who waits again is behind the others."""
    attention: Attention[str] = Attention()
    for connection in "abc":
        attention.wait("host", connection)
    attention.leave("host", "b")
    attention.wait("host", "c")
    order = []
    for _ in range(4):
        turn = attention.next(always)
        assert turn is not None
        order.append(turn[1])
        attention.wait(*turn)
        attention.done(turn[0], 1)
    assert order == ["a", "c", "a", "c"]


def test_what_costs_more_is_had_less_often() -> None:
    """A host whose lines cost a hundred times as much has one of a hundred."""
    attention: Attention[str] = Attention()
    attention.wait("pages", "p")
    attention.wait("small", "s")
    order = []
    for _ in range(202):
        turn = attention.next(always)
        assert turn is not None
        order.append(turn[0])
        attention.wait(*turn)
        attention.done(turn[0], 100 if turn[0] == "pages" else 1)
    assert order.count("pages") == 2


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.integers(1, 30))))
def test_nobody_is_forgotten(steps: list[tuple[str, int, int]]) -> None:
    """Whoever waits has a turn, parked or not, and nothing is remembered in the end."""
    attention: Attention[tuple[str, int]] = Attention()
    waiting: set[tuple[str, int]] = set()
    for host, number, cost in steps:
        if cost % 7 == 0:
            attention.leave(host, (host, number))
            waiting.discard((host, number))
        elif cost % 3 == 0:
            turn = attention.next(lambda host, cost=cost: host != "abcd"[cost % 4])  # type: ignore[misc]
            if turn is not None:
                waiting.remove(turn[1])
                attention.done(turn[0], cost)
        else:
            attention.wait(host, (host, number))
            waiting.add((host, number))
        assert attention.waiting == len(waiting)
    for host in "abcd":
        attention.unpark(host)
    while (turn := attention.next(always)) is not None:
        waiting.remove(turn[1])
        attention.done(turn[0], 1)
    assert not waiting
    assert not attention._queues
    assert not attention._had


def test_a_rate_is_each_hosts_own() -> None:
    """Beyond the burst, so many a second; what is earned does not count."""
    rates = HostRates(8, 16)
    for _ in range(16):
        assert rates.may("a", 0)
        rates.spend("a", 0)
    assert not rates.may("a", 0)
    assert rates.may("b", 0)
    assert rates.may("a", 0.125)
    rates.spend("a", 0.125)
    assert not rates.may("a", 0.125)
    rates.earn("a", 4)
    for _ in range(4):
        assert rates.may("a", 0.125)
        rates.spend("a", 0.125)
    assert not rates.may("a", 0.125)


def test_hosts_within_their_rate_are_forgotten() -> None:
    """However many come, those who were last here a while ago take no memory."""
    rates = HostRates(10, 20)
    for number in range(10_000):
        rates.spend(f"host {number}", number)
    assert len(rates) <= 2


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


class Lines:
    """A connection with lines of some cost, which handles them when it may."""

    def __init__(self, handling: Handling, host: str, order: list[str], count: int = 0) -> None:
        self.handling, self.host, self.order = handling, host, order
        self.lines = 0
        self.waits = False
        self.bytes = count
        self.fails = self.aborted = False

    def come(self, lines: int) -> None:
        """So many lines come in."""
        self.lines += lines
        self.handle()

    def handle(self) -> None:
        """Handle what there is."""
        if self.waits:
            return
        self.handling.begin(self)
        while self.lines:
            if not self.handling.may_handle(self):
                self.waits = True
                return
            if self.fails:
                raise RuntimeError("a defect")
            self.lines -= 1
            self.order.append(self.host)
            self.handling.handled(self, self.bytes)

    def go_on(self) -> None:
        """It is its turn."""
        self.waits = False
        self.handle()

    def abort(self) -> None:
        """It is ended."""
        self.aborted = True
        self.handling.leave(self)


def test_who_is_alone_is_handled_at_once() -> None:
    """However often its lines come, no timer is needed for fewer than a turn's."""
    clock, order = Clock(), list[str]()
    alone = Lines(Handling(clock), "a", order)
    for _ in range(1000):
        alone.come(LINES_PER_TURN - 1)
    assert len(order) == 1000 * (LINES_PER_TURN - 1)
    assert not clock.getDelayedCalls()


def test_another_host_is_handled_within_a_few_lines() -> None:
    """Of 300 connections of one host that send as much as they can, few lines are before it."""
    clock, order = Clock(), list[str]()
    handling = Handling(clock)
    greedy = [Lines(handling, "greedy", order) for _ in range(300)]
    for connection in greedy:
        connection.come(50)
    assert len(order) == LINES_PER_TURN
    order.clear()
    Lines(handling, "honest", order).come(1)
    clock.advance(0)
    assert order.index("honest") <= QUANTUM
    assert len(order) == 300 * 50 - LINES_PER_TURN + 1


@pytest.mark.parametrize("cost", [1 << 20, 8 << 20])
def test_a_line_that_costs_much_ends_the_turn(cost: int) -> None:
    """Answers of a MiB are given one in a turn of the reactor."""
    clock, order = Clock(), list[str]()
    handling = Handling(clock)
    for number in range(3):
        Lines(handling, f"{number}", order, cost).come(1)
    assert order == ["0"]
    clock.advance(0)
    assert order == ["0", "1", "2"]
    assert not clock.getDelayedCalls()


def test_a_host_beyond_its_rate_waits_and_others_do_not() -> None:
    """It is handled at its rate from then on."""
    clock, order = Clock(), list[str]()
    handling = Handling(clock, rates=HostRates(100, 200))
    greedy = [Lines(handling, "greedy", order) for _ in range(10)]
    for connection in greedy:
        connection.come(100)
    clock.advance(0)
    assert order == ["greedy"] * 200
    Lines(handling, "honest", order).come(50)
    assert order[200:] == ["honest"] * 50
    for _ in range(200):
        clock.advance(REST)
    assert order.count("greedy") == 1000
    clock.advance(1)
    assert not clock.getDelayedCalls()
    greedy[0].come(1000)
    clock.pump([REST] * 20)
    assert 1200 <= order.count("greedy") <= 1310
    for connection in greedy:
        connection.abort()
    assert not clock.getDelayedCalls()


def test_a_host_without_room_waits_and_others_do_not() -> None:
    """It goes on once something of what is kept for it is gone."""
    clock, order = Clock(), list[str]()
    budget = Budget(total=0)
    handling = Handling(clock, budget)
    budget.keep("greedy", FLOOR)
    Lines(handling, "greedy", order).come(5)
    clock.advance(0)
    Lines(handling, "honest", order).come(5)
    assert order == ["honest"] * 5
    assert not clock.getDelayedCalls()
    budget.drop("greedy", FLOOR)
    clock.advance(0)
    assert order == ["honest"] * 5 + ["greedy"] * 5


def test_a_defect_ends_one_connection_alone(logged_failures: LoggedFailures) -> None:
    """The others have their turns all the same, and it is logged."""
    clock, order = Clock(), list[str]()
    handling = Handling(clock)
    Lines(handling, "first", order).come(LINES_PER_TURN)
    bad, good = Lines(handling, "bad", order), Lines(handling, "good", order)
    bad.come(1)
    good.come(1)
    bad.fails = True
    clock.advance(0)
    assert bad.aborted
    assert order[-1] == "good"
    assert len(logged_failures.flush()) == 1
