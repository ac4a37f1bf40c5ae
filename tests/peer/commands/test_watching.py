"""Waiting for work, and telling how far it is."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from p2pfs.peer.commands.watching import REPORT_SECONDS, watched


def watching(clock: Clock, work: Deferred[str], looks: list[float]) -> Deferred[str]:
    return Deferred.fromCoroutine(watched(clock, work, lambda: looks.append(clock.seconds())))


def test_it_is_looked_at_now_and_then_and_at_the_end() -> None:
    """So that the last report says that all is done."""
    clock, work, looks = Clock(), Deferred[str](), list[float]()
    result = watching(clock, work, looks)
    clock.pump([REPORT_SECONDS, REPORT_SECONDS / 2])
    work.callback("done")
    results: list[str] = []
    result.addCallback(results.append)
    assert results == ["done"]
    assert looks == [0.0, REPORT_SECONDS, 1.5 * REPORT_SECONDS]
    assert clock.getDelayedCalls() == []


def test_nobody_looks_after_a_failure() -> None:
    """Nor after a cancel, which reaches the work."""
    clock, work, looks = Clock(), Deferred[str](), list[float]()
    result = watching(clock, work, looks)
    result.cancel()
    caught: list[object] = []
    result.addErrback(lambda failure: caught.append(failure.trap(CancelledError)))
    assert caught == [CancelledError]
    assert looks == [0.0]
    assert clock.getDelayedCalls() == []
