"""Progress at a rate a person, a terminal or a socket can bear."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from p2pfs.console.command import Progress, ReportProgress


class ThrottledReport:
    """Hands on progress at most once an interval, and never loses the latest.

    It is what a command gets as its ``report``. A report that comes too soon
    waits for its turn, and a later one takes its place, so that a remark such
    as "waiting for sources" is shown even when nothing follows it. Reports
    after `finish` are ignored. To be called in the reactor's thread.
    """

    def __init__(self, reactor: IReactorTime, interval: float, show: ReportProgress) -> None:
        """``show`` is called with what is to be shown, every ``interval`` seconds at most."""
        self._reactor = reactor
        self._interval = interval
        self._show = show
        self._next = reactor.seconds()
        self._waiting: Progress | None = None
        self._timer: IDelayedCall | None = None
        self._finished = False

    def __call__(self, progress: Progress) -> None:
        """Take a report from the command."""
        if self._finished:
            return
        self._waiting = progress
        if self._timer is None:
            wait = self._next - self._reactor.seconds()
            if wait <= 0:
                self._flush()
            else:
                self._timer = self._reactor.callLater(wait, self._flush)

    def finish(self, *, show_last: bool = False) -> None:
        """The command ended: show what still waits if ``show_last``, and nothing afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if show_last:
            self._flush()
        self._finished = True

    def _flush(self) -> None:
        self._timer = None
        progress, self._waiting = self._waiting, None
        if progress is not None:
            self._next = self._reactor.seconds() + self._interval
            self._show(progress)
