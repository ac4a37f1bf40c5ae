"""What a target raises when a promise is broken, and the failures that would only be logged."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider


class Fault(AssertionError):
    """Something that must never happen, whatever comes over the network."""


def check(kept: bool, promise: str) -> None:
    """Raise `Fault` unless the promise is kept."""
    if not kept:
        raise Fault(promise)


@contextmanager
def no_logged_failures() -> Iterator[None]:
    """Raise `Fault` when a failure is logged meanwhile, or a Deferred's is never handled."""
    failures: list[LogEvent] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event.get("log_failure") is not None or event.get("isError"):
            failures.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        yield
        gc.collect()  # a Deferred complains of an unhandled failure when it is collected
    finally:
        globalLogPublisher.removeObserver(observe)
    texts = [
        event["log_failure"].getTraceback() if "log_failure" in event else event.get("log_format")
        for event in failures
    ]
    check(not texts, "nothing fails but for a reason: " + "\n".join(map(str, texts)))
