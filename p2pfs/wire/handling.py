"""When the lines of a listening side's connections are handled, so that all have their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from p2pfs.wire.attention import Attention
from p2pfs.wire.budget import Budget
from p2pfs.wire.host_rates import HostRates

LINES_PER_TURN = 256
"""What is handled in one turn of the reactor, in lines of the usual cost."""

QUANTUM = 8
"""What is handled of one connection, in such lines, before another host has its turn."""

COST_BYTES = 2048
"""Bytes of a line, and of what is sent in answer, that cost as much again as a line does."""

REST = 0.05
"""Seconds that a host rests which is beyond its rate."""


class Handled(Hashable, Protocol):
    """A connection with lines to handle."""

    host: str

    def go_on(self) -> None:
        """It is its turn: handle lines while it `may_handle` them."""

    def abort(self) -> None:
        """Something went wrong that should not have: end the connection."""


class Handling:
    """Lets connections handle their lines: at once while nobody waits, otherwise by turns.

    No turn of the reactor handles more than `LINES_PER_TURN`, but for what one line costs
    beyond that. A host that has used up its portion of the ``budget``, or its rate, waits until
    it has some again. A connection that nobody else is beside never waits for
    more than the next turn of the reactor.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        budget: Budget | None = None,
        rates: HostRates | None = None,
    ) -> None:
        """Without ``budget`` or ``rates``, these do not count."""
        self._reactor = reactor
        self._budget = budget
        self._rates = rates
        self._unlimited = budget is None and rates is None
        self._attention: Attention[Handled] = Attention()
        self._left = LINES_PER_TURN
        self._quantum = 0
        self._current: Handled | None = None
        self._latest: Handled | None = None
        self._next: IDelayedCall | None = None
        # Hosts beyond their rate, and when each has rested.
        self._resting: deque[tuple[float, str]] = deque()
        self._rest: IDelayedCall | None = None

    def begin(self, connection: Handled) -> None:
        """A connection looks at its lines."""
        # Whose lines come twice without another's between is alone in turns of the reactor.
        if connection is self._latest and self._next is None and self._current is None:
            self._left = LINES_PER_TURN
        self._latest = connection

    def may_handle(self, connection: Handled) -> bool:
        """Whether a connection may handle its next line now.

        If not, it is to stop; its `go_on` is called when it may.
        """
        if self._current is connection:
            may = self._quantum > 0
        else:
            may = self._current is None and self._next is None
        if may and (self._unlimited or self._allowed(connection.host)):
            return True
        self._attention.wait(connection.host, connection)
        if self._attention.ready:
            self._call_soon()
        return False

    def handled(self, connection: Handled, count: int) -> None:
        """A connection has handled a line; ``count`` are its bytes and those sent in answer."""
        cost = 1 + count // COST_BYTES
        self._left -= cost
        if self._rates is not None:
            self._rates.spend(connection.host, self._reactor.seconds())
        if self._current is connection:
            self._quantum -= cost
        elif self._left <= 0:
            self._call_soon()

    def leave(self, connection: Handled) -> None:
        """A connection has ended."""
        self._attention.leave(connection.host, connection)
        if self._latest is connection:
            self._latest = None
        if self._current is None:
            self._forget()

    # Inside

    def _allowed(self, host: str) -> bool:
        if self._rates is not None and not self._rates.may(host, self._reactor.seconds()):
            return False
        return self._budget is None or not self._budget.kept or self._budget.has_room(host)

    def _may_go_on(self, host: str) -> bool:
        """As `_allowed`, and a host that may not is seen to when it may."""
        if self._allowed(host):
            return True
        if self._budget is not None and not self._budget.has_room(host):
            self._budget.wait(host, lambda: self._unpark(host))
        else:
            self._resting.append((self._reactor.seconds() + REST, host))
        return False

    def _unpark(self, host: str) -> None:
        self._attention.unpark(host)
        if self._attention.ready:
            self._call_soon()

    def _call_soon(self) -> None:
        if self._next is None and self._current is None:
            self._next = self._reactor.callLater(0, self._turn)

    def _turn(self) -> None:
        self._next = None
        self._left = LINES_PER_TURN
        while self._left > 0:
            turn = self._attention.next(self._may_go_on)
            if turn is None:
                break
            host, self._current = turn
            left, self._quantum = self._left, QUANTUM
            try:
                self._current.go_on()
            except Exception:  # a defect: logged, and the end of that connection alone
                self.log.failure("Handling a line failed.")
                self._current.abort()
            self._current = None
            self._attention.done(host, left - self._left)
        self._forget()
        if self._attention.ready:
            self._call_soon()
        self._rest_later()

    def _forget(self) -> None:
        """When nobody waits any more, what hosts have had is of no account, nor is a timer."""
        if self._attention.waiting:
            return
        self._attention = Attention()
        self._resting.clear()
        for timer in (self._next, self._rest):
            if timer is not None:
                timer.cancel()
        self._next = self._rest = None

    def _rest_later(self) -> None:
        if self._resting and self._rest is None:
            wait = max(0.0, self._resting[0][0] - self._reactor.seconds())
            self._rest = self._reactor.callLater(wait, self._rested)

    def _rested(self) -> None:
        self._rest = None
        now = self._reactor.seconds()
        while self._resting and self._resting[0][0] <= now:
            self._unpark(self._resting.popleft()[1])
        self._rest_later()
