"""What is sent over a connection, beside what tests of the whole connection see."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from p2pfs.wire.budget import Budget, Kept
from p2pfs.wire.output import Output
from tests.memory_transport import MemoryTransport

HOST = "192.0.2.1"


class Sender:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def output_blocked(self) -> None:
        self.told.append("blocked")

    def output_unblocked(self) -> None:
        self.told.append("unblocked")

    def abort(self) -> None:
        self.told.append("abort")


class Scene:
    """An output with a transport, of which the test is the far side."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sender = Sender()
        self.budget = Budget()
        self.output = Output(self.clock, self.sender, 10.0, Kept(self.budget, HOST))
        self.transport = MemoryTransport(Protocol(), self.clock)
        self.output.begin(self.transport)


@pytest.fixture
def scene() -> Scene:
    """One of them."""
    return Scene()


def test_what_is_not_read_counts_until_it_is(scene: Scene) -> None:
    """From the write that filled the window on; not what the system took before."""
    scene.output.write(bytes(100))
    scene.output.write(bytes(7))
    scene.output.pauseProducing()
    assert scene.budget.kept == 7
    scene.output.write(bytes(5))
    assert scene.budget.kept == 12
    assert scene.output.sent == 112
    scene.output.resumeProducing()
    assert scene.budget.kept == 0
    assert scene.sender.told == ["blocked", "unblocked"]
    assert not scene.clock.getDelayedCalls()


def test_who_waits_may_fill_the_window_again(scene: Scene) -> None:
    """Whoever waits then waits for the next time; who sends is told in order."""
    scene.output.pauseProducing()
    again: list[Deferred[None]] = []

    def fill(_: None) -> None:
        scene.output.pauseProducing()
        again.append(scene.output.writable())

    scene.output.writable().addCallback(fill)
    scene.output.resumeProducing()
    assert not again[0].called
    assert scene.output.blocked
    scene.output.resumeProducing()
    assert again[0].called
    assert sorted(scene.sender.told) == ["blocked", "blocked", "unblocked", "unblocked"]


def test_somebody_else_can_produce_in_between(scene: Scene) -> None:
    """The transport has one producer at a time."""
    scene.output.give_up()
    assert scene.transport.producer is None
    scene.output.take_up()
    assert scene.transport.producer is scene.output


def test_the_end_leaves_nothing(scene: Scene) -> None:
    """Who waits is told, no timer runs, nothing counts, and what is sent goes nowhere."""
    scene.output.write(bytes(9))
    scene.output.pauseProducing()
    waiting = scene.output.writable()
    scene.output.end()
    assert waiting.called
    assert scene.transport.producer is None
    assert scene.budget.kept == 0
    assert not scene.clock.getDelayedCalls()
    scene.output.write(bytes(9))
    assert len(scene.transport.take()) == 9


def test_the_last_of_it_has_a_deadline(scene: Scene) -> None:
    """One that is running goes on, and is not set anew."""
    scene.output.pauseProducing()
    scene.clock.advance(6)
    scene.output.drain()
    scene.clock.advance(3.9)
    assert "abort" not in scene.sender.told
    scene.clock.advance(0.1)
    assert scene.sender.told == ["blocked", "abort"]
