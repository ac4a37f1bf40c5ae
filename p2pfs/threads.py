"""Blocking work goes to the reactor's thread pool, and comes back as a Deferred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

_P = ParamSpec("_P")
_R = TypeVar("_R")


def in_thread(
    reactor: Any, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> Deferred[_R]:
    """Run ``function`` in the thread pool of ``reactor``; the Deferred has its result.

    Work that has begun cannot be cancelled; what takes long asks an event from
    time to time whether it should stop.
    """
    return deferToThreadPool(reactor, reactor.getThreadPool(), function, *args, **kwargs)
