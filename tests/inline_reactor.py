"""A reactor for one test: a clock that stands still, and threads that run when told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure

_Job = tuple[Callable[[bool, Any], None], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class InlineReactor(Clock):
    """Runs work for the thread pool at once, or, while `held`, when `run_job` is called."""

    def __init__(self) -> None:
        super().__init__()
        self.held = False
        self.jobs: deque[_Job] = deque()

    def getThreadPool(self) -> InlineReactor:
        """The pool is this object itself."""
        return self

    def callInThreadWithCallback(
        self, told: Callable[[bool, Any], None], work: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """As of `twisted.python.threadpool.ThreadPool`."""
        self.jobs.append((told, work, args, kwargs))
        if not self.held:
            self.run_job()

    def callFromThread(self, work: Callable[..., Any], *args: Any) -> None:
        """As of a reactor."""
        work(*args)

    def run_job(self) -> None:
        """Run the work that waits longest."""
        told, work, args, kwargs = self.jobs.popleft()
        try:
            result = work(*args, **kwargs)
        except BaseException:
            told(False, Failure())
        else:
            told(True, result)

    def release(self) -> None:
        """Run all that waits, and from now on everything at once."""
        self.held = False
        while self.jobs:
            self.run_job()
