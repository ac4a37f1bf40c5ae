"""Hosts take turns at being listened to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2pfs.wire.attention import Attention


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
