"""What the log says of other hosts: a line or a few, however often they do it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

WINDOW = 600.0
"""Seconds in which a host gets its lines; what it does beyond them is counted."""

HOSTS = 1024
"""Hosts that are told apart in that time; further ones share what one gets."""


class _Window:
    """What was said of a host since a point in time, and what was not."""

    __slots__ = ("began", "said", "unsaid")

    def __init__(self, began: float) -> None:
        self.began = began
        self.said = 0
        self.unsaid = 0


class Notices:
    """Says the first of what each host does in a while, and how much more there was later.

    There are no timers: the number of those that were not said comes with the
    host's first line after its window.
    """

    def __init__(
        self, clock: IReactorTime, say: Callable[..., None], lines: int = 1, hosts: int = HOSTS
    ) -> None:
        """``say`` is a logger's method; each host gets ``lines`` of it in `WINDOW` seconds."""
        self._clock = clock
        self._say = say
        self._lines = lines
        self._hosts = hosts
        # By when their windows began, the earliest first.
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._others = _Window(clock.seconds())

    def __len__(self) -> int:
        return len(self._windows)

    def note(self, host: str, what: str) -> None:
        """Something happened, to be logged as ``what`` or to be counted; '' is this machine."""
        now = self._clock.seconds()
        window = self._window(host, now)
        if now >= window.began + WINDOW:
            window.began, window.said = now, 0
            if window is not self._others:
                self._windows.move_to_end(host)
        if window.said >= self._lines:
            window.unsaid += 1
            return
        window.said += 1
        unsaid, window.unsaid = window.unsaid, 0
        of_others = " of various hosts" if window is self._others else ""
        more = f" ({unsaid:,} more{of_others} were not logged before this.)" if unsaid else ""
        self._say("{host}: {what}{more}", host=host or "this machine", what=what, more=more)

    def _window(self, host: str, now: float) -> _Window:
        """The host's window, or the one that all hosts share for whom there is no room."""
        window = self._windows.get(host)
        if window is not None:
            return window
        if len(self._windows) >= self._hosts:
            if now < next(iter(self._windows.values())).began + WINDOW:
                return self._others
            _, gone = self._windows.popitem(last=False)
            self._others.unsaid += gone.unsaid
        window = self._windows[host] = _Window(now)
        return window
