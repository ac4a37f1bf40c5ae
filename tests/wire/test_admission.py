"""Room that is short is shared between hosts."""

from __future__ import annotations

import tracemalloc
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from p2pfs.wire.admission import IDLE, Admission

LIMIT = 6


class Model(RuleBasedStateMachine):
    """The counts beside lists of connections, the idlest first."""

    def __init__(self) -> None:
        super().__init__()
        self.admission: Admission[int] = Admission(LIMIT)
        self.number = 0
        self.strangers: dict[str, list[int]] = {}
        self.settled: dict[str, list[int]] = {}

    def count(self, host: str) -> int:
        return len(self.strangers.get(host, [])) + len(self.settled.get(host, []))

    @property
    def everybody(self) -> dict[int, list[int]]:
        """All connections, and the list that each is in."""
        kinds = [*self.strangers.values(), *self.settled.values()]
        return {connection: kind for kind in kinds for connection in kind}

    @rule(host=st.sampled_from("abc"))
    def come(self, host: str) -> None:
        most = max(map(self.count, "abc"))
        full = len(self.everybody) == LIMIT
        assert self.admission.has_room(host, 0) == (not full or most > self.count(host) + 1)
        if not self.admission.has_room(host, 0):
            return
        self.number += 1
        evicted = self.admission.add(host, self.number, 0)
        assert (evicted is not None) == full
        if evicted is not None:
            victim, victims_host = evicted
            assert self.count(victims_host) == most
            strangers, settled = (d.get(victims_host, []) for d in (self.strangers, self.settled))
            assert victim == (strangers or settled)[0]
            (strangers or settled).pop(0)
        self.strangers.setdefault(host, []).append(self.number)

    @precondition(lambda self: self.everybody)
    @rule(data=st.data())
    def touch(self, data: Any) -> None:
        connection = data.draw(st.sampled_from(sorted(self.everybody)))
        self.admission.touch(connection, 0)
        kind = self.everybody[connection]
        kind.remove(connection)
        kind.append(connection)

    @precondition(lambda self: self.everybody)
    @rule(data=st.data())
    def settle(self, data: Any) -> None:
        connection = data.draw(st.sampled_from(sorted(self.everybody)))
        self.admission.settle(connection)
        for host, strangers in self.strangers.items():
            if connection in strangers:
                strangers.remove(connection)
                self.settled.setdefault(host, []).append(connection)

    @precondition(lambda self: self.everybody)
    @rule(data=st.data())
    def go(self, data: Any) -> None:
        connection = data.draw(st.sampled_from(sorted(self.everybody)))
        self.admission.remove(connection)
        self.everybody[connection].remove(connection)

    @rule()
    def somebody_uncounted(self) -> None:
        """What is said of a connection that was evicted already changes nothing."""
        self.admission.touch(0, 0)
        self.admission.settle(0)
        self.admission.remove(0)

    @invariant()
    def agrees(self) -> None:
        assert len(self.admission) == len(self.everybody) <= LIMIT
        assert all(connection in self.admission for connection in self.everybody)


class TestAdmission(Model.TestCase):  # type: ignore[misc]  # hypothesis makes the class
    """Whoever comes and goes, the largest host makes room, with its idlest, and only then."""

    settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_thousands_of_one_host_do_not_lock_out_others() -> None:
    """Everybody else gets in, one after the other, until all hosts have the same."""
    admission: Admission[tuple[str, int]] = Admission(1000)
    for number in range(5000):
        if admission.has_room("greedy", 0):
            admission.add("greedy", ("greedy", number), 0)
    for number in range(999):
        host = f"host {number}"
        assert admission.has_room(host, 0)
        evicted = admission.add(host, (host, 0), 0)
        assert evicted is not None
        assert evicted[1] == "greedy"
    assert not admission.has_room("one too many", 0)
    assert not admission.has_room("greedy", 0)


def test_who_is_at_work_goes_last() -> None:
    """Of a host, those that wait for nothing make room first; at rest again, they are the last."""
    admission: Admission[str] = Admission(4)
    for connection in "abcd":
        admission.add("crowd", connection, 0)
    admission.settle("a")
    assert admission.add("x", "1", 0) == ("b", "crowd")
    admission.unsettle("a")
    admission.unsettle("gone")
    assert admission.add("y", "2", 0) == ("c", "crowd")


def test_who_is_idle_makes_room_whose_ever_it_is() -> None:
    """One each of 256 hosts that does nothing keeps nobody out; who has just come is not idle."""
    admission: Admission[str] = Admission(256)
    for number in range(256):
        admission.add(f"host {number}", f"idle {number}", number / 256)
    assert not admission.has_room("newcomer", IDLE - 0.01)
    admission.touch("idle 0", 5)
    assert admission.has_room("newcomer", IDLE + 1)
    assert admission.add("newcomer", "1", IDLE + 1) == ("idle 1", "host 1")
    assert admission.add("newcomer", "2", IDLE + 1) == ("idle 2", "host 2")


def test_who_waits_for_something_is_not_idle() -> None:
    """Nor is who is being answered, until it has been idle from then on."""
    waiting = {"b"}
    admission: Admission[str] = Admission(3, waiting.__contains__)
    for host in "abc":
        admission.add(host, host, 0)
    admission.settle("a")
    assert admission.add("x", "x", IDLE) == ("c", "c")
    assert not admission.has_room("y", IDLE)
    waiting.clear()
    admission.unsettle("a")
    admission.touch("x", 2 * IDLE)
    assert not admission.has_room("y", 2 * IDLE - 0.01)
    assert admission.add("y", "y", 2 * IDLE) == ("a", "a")
    assert admission.add("z", "z", 2 * IDLE) == ("b", "b")
    assert not admission.has_room("one too many", 2 * IDLE)


@pytest.mark.parametrize("seed", range(10))
def test_the_idlest_is_found_whoever_came_and_went(seed: int) -> None:
    """Of hosts with one connection each, that is who has done nothing for longest."""
    random, limit, now = Random(seed), 5, 0.0
    admission: Admission[int] = Admission(limit)
    active_at: dict[int, float] = {}
    for number in range(600):
        now += random.choice([0, 0.5, 2])
        some = random.choice([*active_at, None])
        many_go = number // 50 % 2  # else it stays full, and is looked through
        if some is not None and random.random() < 0.3:
            admission.touch(some, now)
            active_at[some] = now
        elif some is not None and random.random() < 0.2 + 0.4 * many_go:
            admission.remove(some)
            del active_at[some]
        else:
            idlest = min(active_at, key=lambda each: (active_at[each], each), default=None)
            is_full = len(active_at) == limit
            may = not is_full or (idlest is not None and now - active_at[idlest] >= IDLE)
            assert admission.has_room(f"host {number}", now) == may
            if may:
                evicted = admission.add(f"host {number}", number, now)
                assert evicted == ((idlest, f"host {idlest}") if is_full else None)
                if is_full and idlest is not None:
                    del active_at[idlest]
                active_at[number] = now


def test_connections_that_come_and_go_leave_nothing() -> None:
    """What is remembered of those that are gone is bounded."""
    admission: Admission[int] = Admission(10)
    for number in range(1000):
        admission.add("host", number, 0)
        admission.remove(number)
    assert len(admission._looks) < 20


def test_a_connection_takes_little_memory() -> None:
    """Half a kilobyte at most, also where each is its host's only one."""
    hosts = [(f"host {number}", object()) for number in range(1000)]
    tracemalloc.start()
    try:
        admission: Admission[object] = Admission(len(hosts))
        for host, connection in hosts:
            admission.add(host, connection, 0.0)
            admission.settle(connection)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / len(hosts) < 512
