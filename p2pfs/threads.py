"""Blocking work goes to threads, and comes back as a Deferred."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

_P = ParamSpec("_P")
_R = TypeVar("_R")


def in_thread(
    reactor: Any, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> Deferred[_R]:
    """Run ``function`` in the thread pool of ``reactor``; the Deferred has its result.

    Work that has begun cannot be cancelled; what takes long asks an event from
    time to time whether it should stop.
    """
    return deferToThreadPool(reactor, reactor.getThreadPool(), function, *args, **kwargs)


class Threads(Protocol):
    """A place for long computations."""

    size: int
    """How many there can be at the same time."""

    def start(self) -> None:
        """Begin to accept work."""

    def stop(self) -> None:
        """Accept no more, and wait for the end of what has begun."""

    def run(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_R]:
        """Run ``function``; the Deferred has its result."""


class BackgroundThreads:
    """A pool of threads for long computations, as many as there are cores.

    They have a lower priority than the rest of the process, so that transfers and
    consoles don't notice them.
    """

    def __init__(self, reactor: Any, size: int) -> None:
        self.size = size
        self._reactor = reactor
        self._pool = ThreadPool(0, size, "background")

    def start(self) -> None:
        """Begin to accept work."""
        self._pool.start()

    def stop(self) -> None:
        """End the threads; waits for work that has begun."""
        self._pool.stop()

    def run(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_R]:
        """Run ``function`` in one of the threads; the Deferred has its result."""

        def work() -> _R:
            _be_nice()
            return function(*args, **kwargs)

        return deferToThreadPool(self._reactor, self._pool, work)


def _be_nice() -> None:
    """Lower the priority of this thread, where threads have one of their own (Linux)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
