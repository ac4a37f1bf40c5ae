"""Blocking work goes to threads, and comes back as a Deferred."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar, cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from p2pfs.errors import OutOfResources
from p2pfs.reactor import Pool, ThreadedReactor

_P = ParamSpec("_P")
_R = TypeVar("_R")


def in_thread(
    reactor: ThreadedReactor, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> Deferred[_R]:
    """Run ``function`` in the thread pool of ``reactor``; the Deferred has its result.

    Work that has begun cannot be cancelled; what takes long asks an event from
    time to time whether it should stop. Fails with `OutOfResources` when there is no
    thread for it and none can be started, or when its memory does not suffice.
    """
    return _in_pool(reactor, reactor.getThreadPool(), lambda: function(*args, **kwargs))


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

    def __init__(self, reactor: ThreadedReactor, size: int) -> None:
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
        """Run ``function`` in one of the threads, as `in_thread` does; the Deferred has its result.

        Without a thread for it, it fails with `OutOfResources`.
        """

        def work() -> _R:
            _be_nice()
            return function(*args, **kwargs)

        return _in_pool(self._reactor, self._pool, work)


def _in_pool(reactor: ThreadedReactor, threads: Pool, work: Callable[[], _R]) -> Deferred[_R]:
    """Have ``work`` done in a pool, which starts a thread when none of its own is idle.

    When the system allows no further thread, it waits for one of those there are.
    """
    # `deferToThreadPool` is typed more narrowly than it needs. What else it is told of a pool
    # is of Twisted's own, the only one whose threads may fail to start.
    pool, here = cast(ThreadPool, threads), cast(IReactorFromThreads, reactor)
    try:
        done = deferToThreadPool(here, pool, work)
    except (RuntimeError, MemoryError) as error:  # of `Thread.start`: the pool has dropped the work
        # It would wait at its stop for the end of the thread that never began.
        pool.threads[:] = [thread for thread in pool.threads if thread.ident is not None]
        if not pool.workers:
            return fail(
                OutOfResources(
                    f"No thread can be started ({error}); raise the limits on memory and on "
                    "processes for this daemon."
                )
            )
        most, pool.max = pool.max, pool.workers
        try:
            done = deferToThreadPool(here, pool, work)
        finally:
            pool.max = most
    return done.addErrback(_explained)


def _explained(failure: Failure) -> Failure:
    """What ran out of memory, in words."""
    if failure.check(MemoryError):
        raise OutOfResources(
            "There was not enough memory for this; raise the limit on memory for this daemon, or "
            "try again when it has less to do."
        )
    return failure


def _be_nice() -> None:
    """Lower the priority of this thread, where threads have one of their own (Linux)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
