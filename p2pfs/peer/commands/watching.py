"""Waiting for work, and telling how far it is meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

REPORT_SECONDS = 0.2
"""How often a running command looks how far it is."""

_T = TypeVar("_T")


async def watched(reactor: IReactorTime, work: Deferred[_T], look: Callable[[], None]) -> _T:
    """Await ``work``, calling ``look`` from time to time meanwhile, and once at the end."""
    watch = LoopingCall(look)
    watch.clock = reactor
    watching = watch.start(REPORT_SECONDS)
    try:
        result = await work
    finally:
        watch.stop()
        await watching
    look()
    return result
