"""Shares that the tracker would not list are offered to it again, now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel

from p2pfs.errors import P2pfsError
from p2pfs.peer.library import Holding, Library

FIRST_PAUSE = 30.0
"""Seconds after which what was refused is offered again; twice as long each time in vain."""

LONGEST_PAUSE = 300.0

MOST_AT_A_TIME = 100
"""Shares that are offered again at a time; those that waited longest come first."""

MOST_TOLD = 10
"""Shares that the log names of those that a tracker does not list, since it was joined."""


class Refusals:
    """Knows what the tracker refused, and offers it again: the reason may be gone.

    Another content may have left the name, or the quota may have room again.
    """

    log = Logger()

    def __init__(
        self, reactor: IReactorTime, library: Library, announce: Callable[[Holding], Deferred[None]]
    ) -> None:
        """``announce`` offers a share; what comes of it is to be told to this."""
        self._reactor = reactor
        self._library = library
        self._announce = announce
        # In the order of their last refusal.
        self._names: dict[str, None] = {}
        self._told = 0
        self._pause = FIRST_PAUSE
        self._timer: IDelayedCall | None = None
        self._trying = False

    def refused(self, holding: Holding, reason: str) -> None:
        """The tracker would not list a share."""
        holding.refused(reason)
        self._names.pop(holding.name, None)
        self._names[holding.name] = None
        self._wait()

    def tell(self, holding: Holding) -> None:
        """Say in the log why a share is not listed; of many, of the first few."""
        self._told += 1
        self.log.emit(
            LogLevel.warn if self._told <= MOST_TOLD else LogLevel.debug,
            "The tracker does not list '{name}': {reason}",
            name=holding.name,
            reason=holding.refusal,
        )
        if self._told == MOST_TOLD + 1:
            self.log.warn("It does not list others either; 'status' shows which.")

    def listed(self, holding: Holding) -> None:
        """The tracker lists a share."""
        holding.listed()
        self._names.pop(holding.name, None)

    def forget(self) -> None:
        """Everything is announced anew, or nothing any more."""
        self._names.clear()
        self._told = 0
        self._pause = FIRST_PAUSE
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self._timer is None and not self._trying and self._names:
            self._timer = self._reactor.callLater(self._pause, self._try_again)

    def _try_again(self) -> None:
        self._timer, self._trying = None, True
        names = list(self._names)[:MOST_AT_A_TIME]
        for name in names:
            del self._names[name]
        held = [holding for name in names if (holding := self._library.get(name)) is not None]
        tried = DeferredList([self._announce(holding) for holding in held], consumeErrors=True)
        tried.addCallback(self._tried)

    def _tried(self, outcomes: list[Any]) -> None:
        self._trying = False
        for succeeded, outcome in outcomes:
            if not succeeded and not outcome.check(P2pfsError):
                self.log.failure("Offering what was refused failed.", failure=outcome)
        in_vain = self._names and not any(succeeded for succeeded, _ in outcomes)
        self._pause = min(LONGEST_PAUSE, 2 * self._pause) if in_vain else FIRST_PAUSE
        self._wait()
