"""A reactor for one piece by itself: a clock that stands still, threads that work when told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.reactor import ThreadedReactor

_Job = tuple[Callable[[bool, Any], None], Callable[[], Any]]


@implementer(ThreadedReactor)
class InlineReactor(Clock):
    """Time passes when it is advanced; work for threads is done at once, or by `run_job` if `held`.

    For a protocol or another part that needs no network; whole swarms have `Network`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held = False
        self.jobs: deque[_Job] = deque()
        """The work that waits."""

    def getThreadPool(self) -> InlineReactor:
        """The pool is this object itself."""
        return self

    def callInThreadWithCallback(
        self, told: Callable[[bool, Any], None], work: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """As of ``twisted.python.threadpool.ThreadPool``."""
        self.jobs.append((told, lambda: work(*args, **kwargs)))
        if not self.held:
            self.run_job()

    def callFromThread(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """As of a reactor."""
        work(*args, **kwargs)

    def run_job(self) -> bool:
        """Do the work that waits longest; False when there is none."""
        if not self.jobs:
            return False
        told, work = self.jobs.popleft()
        try:
            result = work()
        except BaseException:
            told(False, Failure())
        else:
            told(True, result)
        return True

    def release(self) -> None:
        """Do all that waits, and from now on everything at once."""
        self.held = False
        while self.run_job():
            pass
