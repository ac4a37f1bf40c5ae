"""Those who wait for the same event, each with a Deferred of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Waiters(Generic[T]):
    """Deferreds that fire together, in the order in which they were handed out.

    Who begins to wait while they fire is told the next time. A Deferred that is cancelled is
    forgotten.
    """

    __slots__ = ("_deserted", "_waiting")

    def __init__(self, deserted: Callable[[], None] | None = None) -> None:
        """``deserted`` is called when a Deferred is cancelled and nobody waits any more."""
        self._deserted = deserted
        self._waiting: dict[Deferred[T], None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self) -> Deferred[T]:
        """A Deferred that fires when the event comes."""
        waiter: Deferred[T] = Deferred(self._forget)
        self._waiting[waiter] = None
        return waiter

    def fire(self, result: T) -> None:
        """The event has come."""
        for waiter in self._take():
            if not waiter.called:  # those told before may have cancelled it
                waiter.callback(result)

    def fail(self, error: Failure | BaseException) -> None:
        """The event cannot come any more, for this reason."""
        for waiter in self._take():
            if not waiter.called:
                waiter.errback(error)

    def _take(self) -> dict[Deferred[T], None]:
        waiting, self._waiting = self._waiting, {}
        return waiting

    def _forget(self, waiter: Deferred[T]) -> None:
        if waiter in self._waiting:
            del self._waiting[waiter]
            if not self._waiting and self._deserted is not None:
                self._deserted()
