"""Simulated time: the order of events, and what they cannot upset."""

from __future__ import annotations

from itertools import pairwise

from p2pfs.testing import Network
from p2pfs.testing.timeline import Timeline
from tests.conftest import LoggedFailures


def test_events_run_in_the_order_of_their_times(network: Network) -> None:
    """The timeline neither goes back nor skips what is due at its very end."""
    times: list[float] = []
    for seconds in (3, 1, 2, 2, 0, 5):
        network.timeline.after(seconds, lambda: times.append(network.timeline.now))
    network.run(3)
    assert times == [0, 1, 2, 2, 3]
    assert all(one <= other for one, other in pairwise(times))
    assert network.timeline.now == 3
    assert network.timeline.passed == 5


def test_what_an_event_raises_keeps_no_other_from_running(
    network: Network, logged_failures: LoggedFailures
) -> None:
    """It is logged, as a reactor does."""
    ran: list[int] = []
    network.timeline.after(1, lambda: 1 // 0)
    network.timeline.after(1, ran.append, 1)
    network.run(2)
    assert ran == [1]
    assert len(logged_failures.flush()) == 1


def test_a_time_that_is_over_means_next() -> None:
    """Nothing runs in the past, nor within the event that asks for it."""
    timeline = Timeline()
    seen: list[tuple[str, float]] = []

    def asks() -> None:
        timeline.at(1, lambda: seen.append(("late", timeline.now)))
        seen.append(("asked", timeline.now))

    timeline.at(5, asks)
    timeline.run(10)
    assert seen == [("asked", 5), ("late", 5)]


def test_it_stops_where_it_is_told_to() -> None:
    """The rest is still to come, or is forgotten."""
    timeline = Timeline()
    seen: list[float] = []
    for seconds in (1, 2, 3, 4):
        timeline.at(seconds, lambda: seen.append(timeline.now))
    assert timeline.run(10, stop=lambda: len(seen) == 2)
    assert (timeline.now, seen) == (2, [1, 2])
    assert not timeline.run(1.5, stop=lambda: False)
    assert seen == [1, 2, 3]
    assert len(timeline.clear()) == 1
    timeline.run(10)
    assert seen == [1, 2, 3]
