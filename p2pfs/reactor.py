"""What p2pfs asks of a reactor, which is what anything in the place of one has to offer.

What needs a clock only takes Twisted's ``IReactorTime``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import (
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
)
from zope.interface import Interface


class Pool(Protocol):
    """A pool of threads, as ``deferToThreadPool`` uses it."""

    def callInThreadWithCallback(
        self,
        told: Callable[[bool, Any], None],
        work: Callable[..., Any],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Do ``work`` in a thread, which then tells whether it succeeded, and its outcome."""


class ThreadedReactor(IReactorTime, Interface):
    """Time, and threads for work that blocks."""

    # Not of Twisted's IReactorFromThreads, whose name for the first parameter its reactors lack.
    def callFromThread(callable: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Call it in the thread of the reactor; the one method that any thread may use."""

    def getThreadPool() -> Pool:
        """The threads of this process."""


class Reactor(ThreadedReactor, IReactorTCP, IReactorUNIX, IReactorPluggableNameResolver):
    """All that p2pfs asks of a reactor: also connections, names, and a beginning and an end."""

    def callWhenRunning(callable: Callable[..., Any], *args: object, **kwargs: object) -> object:
        """Call it once the reactor runs: at once if it does already."""

    def stop() -> None:
        """End the process, in order."""
