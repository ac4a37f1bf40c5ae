"""What goes over connections of a script: bytes to a protocol, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.task import Clock

from p2pfs.wire import messages as m
from tests.fuzz.answers import Conversation, Replies
from tests.fuzz.faults import check
from tests.fuzz.script import Step
from tests.memory_transport import MemoryTransport, settle

ON_A_CONNECTION = ">!|~/"
"""The steps that `Side.play` knows."""


class Side(Conversation):
    """One connection, and what was said on it."""

    def __init__(
        self,
        connection: MemoryTransport,
        replies: Replies,
        silent: tuple[type[m.Message], ...],
        line_limit: int,
    ) -> None:
        """``replies``, ``silent`` and ``line_limit`` are those of `Conversation`."""
        super().__init__(replies, silent, line_limit)
        self.connection = connection
        self.always_read = True
        """False once it has stopped reading for a while: some of it may be late then."""

    def play(self, step: Step, now: float) -> None:
        """Say something, hang up, stop reading, go on, or take smaller segments."""
        if step.what == ">":
            self.said(step.rest, now)
            self.connection.deliver(step.rest)
        elif step.what == "!":
            self.connection.hang_up()
        elif step.what == "|":
            self.connection.stall()
            self.always_read = False
        elif step.what == "~":
            self.connection.go_on()
        elif step.what == "/":
            self.connection.segment = step.number(4096) or 1


def exchange(clock: Clock, sides: Sequence[Side], in_time: bool = True) -> None:
    """Pass on all that is to be said over open connections, and check what comes back.

    ``in_time`` is false when something other than these connections may have held it up.
    """
    connections = [side.connection for side in sides]
    settle(clock, connections)
    clock.advance(0)  # what had to wait for its turn
    settle(clock, connections)
    for side in sides:
        side.passed(clock.seconds())
        if not side.connection.stalled:
            side.heard(side.connection.take())
        if side.breached and side.always_read and in_time:
            check(side.connection.lost, "a breach of the framing ends the connection")
