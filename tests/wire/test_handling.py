"""Lines are handled at once while nobody waits, and by turns of the hosts when somebody does."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from p2pfs.wire.budget import FLOOR, Budget
from p2pfs.wire.handling import LINES_PER_TURN, QUANTUM, REST, Handling
from p2pfs.wire.host_rates import HostRates
from tests.conftest import LoggedFailures


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


def test_who_has_ended_is_not_called_any_more() -> None:
    """Nor is a timer left when nobody else waits."""
    clock, order = Clock(), list[str]()
    handling = Handling(clock)
    Lines(handling, "first", order).come(LINES_PER_TURN)
    gone = Lines(handling, "gone", order)
    gone.come(1)
    assert clock.getDelayedCalls()
    handling.leave(gone)
    assert not clock.getDelayedCalls()
    clock.advance(1)
    assert "gone" not in order
