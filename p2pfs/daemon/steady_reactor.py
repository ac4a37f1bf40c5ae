"""The reactor that both daemons run on: Twisted's, by a clock that nobody sets."""

from __future__ import annotations

import sys
import time
from typing import cast

from twisted.internet.main import installReactor
from twisted.logger import Logger
from zope.interface import implementer

from p2pfs.reactor import Reactor

if sys.platform == "linux":
    from twisted.internet.epollreactor import EPollReactor as UsualReactor
else:
    from twisted.internet.selectreactor import SelectReactor as UsualReactor

_log = Logger()


@implementer(Reactor)
class SteadyReactor(UsualReactor):
    """A reactor whose timers wait as long as they should when the clock is set.

    Twisted's own go by the time of day: set that back, and every timer waits as much
    longer; set it forward, and every timeout has passed.
    """

    seconds = staticmethod(time.monotonic)


def steady_reactor() -> Reactor:
    """The reactor of this process: a `SteadyReactor`, unless another one is there already.

    twistd installs another when it is told to with ``--reactor``; the log then says what
    that costs. For it to come first, nothing that is imported before may import
    ``twisted.internet.reactor``, as parts of conch do.
    """
    if "twisted.internet.reactor" not in sys.modules:
        installReactor(SteadyReactor())  # type: ignore[no-untyped-call]  # Twisted's is not annotated
    from twisted.internet import reactor

    if not isinstance(reactor, SteadyReactor):
        _log.warn(
            "The reactor {kind} goes by the time of day: when the clock is set, time-outs are "
            "wrong. Start twistd without --reactor.",
            kind=type(reactor).__name__,
        )
    return cast(Reactor, reactor)  # others offer the same, but do not say so
