"""Progress at a rate that a terminal or a socket can bear."""

from __future__ import annotations

from itertools import pairwise

from twisted.internet.task import Clock

from p2pfs.console.command import Progress
from p2pfs.console.throttle import ThrottledReport


def test_throttle() -> None:
    """Reports come no closer than the interval, and the latest is never lost or late."""
    clock = Clock()
    shown: list[tuple[float, int]] = []
    report = ThrottledReport(clock, 0.2, lambda p: shown.append((clock.seconds(), p.done)))
    for done in range(1, 11):
        report(Progress("x", done, 10))
        clock.advance(0.0625)
    clock.advance(1)
    times = [time for time, _ in shown]
    assert shown[0] == (0, 1)
    assert shown[-1][1] == 10
    assert min(b - a for a, b in pairwise(times)) >= 0.2
    clock.advance(1)
    report(Progress("x", 11, 11))
    report(Progress("x", 12, 12))
    report.finish()
    report(Progress("x", 13, 13))
    assert shown[-1][1] == 11
    assert clock.getDelayedCalls() == []
