"""Telling the tracker that it has reached this peer, and nobody else that they can make it talk."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

PAUSE = 0.2
"""Seconds in which the tracker is told of one probe of a host."""

MOST_HOSTS = 16
"""Hosts of whose probes it is told in that time."""

LONGEST_TOKEN = 64
"""Characters."""


class Probes:
    """Passes on the tokens of probes, few enough that no flood of pings makes one of requests."""

    def __init__(self, reactor: IReactorTime, tell: Callable[[str], None]) -> None:
        """``tell`` is given a token for the tracker."""
        self._reactor = reactor
        self._tell = tell
        self._lately: dict[str, float] = {}

    def seen(self, token: str, host: str) -> None:
        """A host has sent a ping with that token; perhaps it is the tracker."""
        now = self._reactor.seconds()
        self._lately = {h: at for h, at in self._lately.items() if now - at < PAUSE}
        if host not in self._lately and len(self._lately) < MOST_HOSTS:
            self._lately[host] = now
            if len(token) <= LONGEST_TOKEN:
                self._tell(token)
