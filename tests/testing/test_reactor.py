"""Time, and the interfaces of Twisted, as a simulated host offers them."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import (
    AlreadyCalled,
    AlreadyCancelled,
)
from twisted.internet.interfaces import (
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
    ITCPTransport,
)
from twisted.internet.task import LoopingCall, deferLater
from zope.interface.verify import verifyObject

from p2pfs.testing import Host, Network
from tests.conftest import LoggedFailures
from tests.simulation.parts import Pair


def test_interfaces(a: Host, b: Host) -> None:
    """What Twisted looks for is there, with the arguments that it gives."""
    for interface in (IReactorTime, IReactorTCP, IReactorUNIX, IReactorPluggableNameResolver):
        verifyObject(interface, a.reactor)
    verifyObject(ITCPTransport, Pair(a, b).client.transport)


def test_timers(network: Network, a: Host) -> None:
    """They fire in order and can be cancelled, put off and brought forward, as Twisted's."""
    fired: list[tuple[str, float]] = []

    def timer(name: str, seconds: float) -> Any:
        return a.reactor.callLater(seconds, lambda: fired.append((name, a.reactor.seconds())))

    timer("plain", 3)
    cancelled = timer("cancelled", 1)
    cancelled.cancel()
    later = timer("reset later", 1)
    later.reset(4)
    sooner = timer("reset sooner", 9)
    sooner.reset(2)
    delayed = timer("delayed", 1)
    delayed.delay(4)
    to_and_fro = timer("to and fro", 6)
    to_and_fro.reset(1)  # so it is put off before it is due, past the time it had first
    network.timeline.after(0.5, to_and_fro.reset, 7.5)
    assert cancelled not in a.reactor.getDelayedCalls()
    assert len(a.reactor.getDelayedCalls()) == 5
    network.run(20)
    assert fired == [
        ("reset sooner", 2),
        ("plain", 3),
        ("reset later", 4),
        ("delayed", 5),
        ("to and fro", 8),
    ]
    assert a.reactor.getDelayedCalls() == []
    with pytest.raises(AlreadyCalled):
        delayed.cancel()
    with pytest.raises(AlreadyCancelled):
        cancelled.cancel()
    with pytest.raises(AssertionError):
        timer("in the past", -1)


def test_what_a_timer_raises_is_logged(
    network: Network, a: Host, logged_failures: LoggedFailures
) -> None:
    """And the others go on."""
    fired: list[int] = []
    a.reactor.callLater(1, lambda: 1 / 0)
    a.reactor.callLater(1, fired.append, 1)
    network.run(2)
    assert fired == [1]
    assert len(logged_failures.flush()) == 1


def test_tools_of_twisted_work_on_it(network: Network, a: Host) -> None:
    """Looping calls and delayed Deferreds go by its clock."""
    assert network.result_of(deferLater(a.reactor, 5, lambda: "done"), 6) == "done"
    calls: list[float] = []
    loop = LoopingCall(lambda: calls.append(a.reactor.seconds()))
    loop.clock = a.reactor
    loop.start(2)
    network.run(5)
    loop.stop()
    assert calls == [5, 7, 9]


def test_a_result_that_does_not_come_is_an_error(network: Network, a: Host) -> None:
    """`result_of` ends after the seconds it was given."""
    with pytest.raises(TimeoutError, match="after 3 simulated seconds"):
        network.result_of(deferLater(a.reactor, 5, lambda: "done"), 3)
    assert network.timeline.now == 3
