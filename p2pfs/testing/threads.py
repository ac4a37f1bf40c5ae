"""Threads of a simulated process: their work is done in the one real thread, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.threads import in_thread

if TYPE_CHECKING:  # a reactor has threads, so it imports this module
    from p2pfs.testing.reactor import HostReactor

_P = ParamSpec("_P")
_R = TypeVar("_R")


class SimulatedThreads:
    """Does each piece of work in one go; its result comes after the time that its disk took.

    A drive in disorder has some pieces wait before they are done, and others overtake them.

    It is Twisted's thread pool to ``deferToThreadPool``, and `BackgroundThreads` to a peer.
    """

    size = 1
    """How many threads there are."""

    def __init__(self, reactor: HostReactor) -> None:
        self._reactor = reactor

    def callInThreadWithCallback(
        self,
        told: Callable[[bool, Any], None] | None,
        work: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Do ``work``, and tell whether it returned and what, as of ``ThreadPool``."""
        reactor = self._reactor
        wait = reactor.host.drive.draw_wait()
        arguments = self._work, told, work, args, kwargs
        reactor.host.network.timeline.after(wait, reactor.in_process, *arguments)

    def run(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_R]:
        """Do something; the Deferred has its result."""
        return in_thread(self._reactor, function, *args, **kwargs)

    def start(self) -> None:
        """Nothing is to be started."""

    def stop(self) -> None:
        """Nothing is to be stopped."""

    def _work(
        self,
        told: Callable[[bool, Any], None] | None,
        work: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        host = self._reactor.host
        try:
            outcome = True, work(*args, **kwargs)
        except Exception:
            # As a real thread does: it is for who waits for the outcome.
            outcome = False, Failure()
        if told is not None:
            seconds = host.drive.take_time(host.network.timeline.now)
            host.network.timeline.after(seconds, self._reactor.in_process, told, *outcome)
