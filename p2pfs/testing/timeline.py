"""Simulated time: events in the order of their times, and nothing in between."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from twisted.logger import Logger

_Event = tuple[float, int, Callable[..., None], tuple[Any, ...]]


class Timeline:
    """Runs events one after the other; time jumps from one to the next.

    Events of the same time run in the order in which they were scheduled, so that
    the same calls give the same history.
    """

    log = Logger()

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the beginning."""
        self.passed = 0
        """How many events ran so far."""
        self._events: list[_Event] = []
        self._number = count()

    def at(self, time: float, call: Callable[..., None], *args: Any) -> None:
        """Have ``call`` called at a time; a time that is over means next."""
        if time < self.now:
            time = self.now
        heappush(self._events, (time, next(self._number), call, args))

    def after(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        """Have ``call`` called that many seconds from now, which are none or more."""
        heappush(self._events, (self.now + seconds, next(self._number), call, args))

    def run(self, seconds: float, stop: Callable[[], bool] | None = None) -> bool:
        """Let ``seconds`` pass, or less if ``stop`` says so after an event.

        Returns whether ``stop`` did. What an event raises is logged, as a reactor
        does, and the next one runs.
        """
        end = self.now + seconds
        if stop is not None and stop():
            return True
        events = self._events
        while events and events[0][0] <= end:
            self.now, _, call, args = heappop(events)
            self.passed += 1
            try:
                call(*args)
            except Exception:
                # As a real reactor does: one event's failure is no other's.
                self.log.failure("An event failed at {now:.6f} s.", now=self.now)
            if stop is not None and stop():
                return True
        self.now = end
        return False

    def clear(self) -> list[object]:
        """Forget all events that have not run; returns what they would have called."""
        calls: list[object] = [event[2:] for event in self._events]
        self._events.clear()
        return calls
