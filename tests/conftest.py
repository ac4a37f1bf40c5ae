"""Fixtures for all tests: nothing may be left behind, no failure may go unseen; and a swarm."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
import pytest_twisted
from hypothesis import settings
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, globalLogBeginner, globalLogPublisher

from p2pfs.testing import Network
from tests.swarm.foreign import ForeignSource
from tests.swarm.harness import Swarm

# No property is wrong because it took long: on a busy machine anything does.
settings.register_profile("any-time", deadline=None)
settings.load_profile("any-time")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests of real processes often wait for these."""
    return len(os.sched_getaffinity(0)) + 1


class LoggedFailures:
    """Collects every logged failure, for a test to expect and flush those it provokes."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_failure") is not None or event.get("isError"):
            self.events.append(event)

    def flush(self) -> list[LogEvent]:
        """The failures logged so far, which thereby count as expected."""
        events, self.events = self.events, []
        return events

    @property
    def texts(self) -> str:
        """What they say, one after the other."""
        return "\n".join(str(e.get("log_failure") or e.get("log_format")) for e in self.events)


@pytest.fixture(scope="session", autouse=True)
def _reactor_runs() -> Iterator[None]:
    """Have the reactor's own readers there before the first test's are counted.

    At the end, look once through all that outlived the tests.
    """
    # Before its beginning a log keeps what is said, and with it all that said something.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    pytest_twisted.blockon(deferLater(reactor, 0))
    yield
    observer = LoggedFailures()
    globalLogPublisher.addObserver(observer)
    try:
        gc.unfreeze()
        gc.collect()
    finally:
        globalLogPublisher.removeObserver(observer)
    assert not observer.events, f"logged failures: {observer.texts}"


@pytest.fixture(autouse=True)
def logged_failures() -> Iterator[LoggedFailures]:
    """Fail a test that leaves a logged failure, a timer, a port or an unhandled Deferred."""
    timers = set(reactor.getDelayedCalls())
    readers = set(reactor.getReaders())
    observer = LoggedFailures()
    globalLogPublisher.addObserver(observer)
    try:
        # The fixtures of the test before are given up only now. What is left is kept for good:
        # looking through it after every test takes minutes.
        gc.collect()
        gc.freeze()
        yield observer
        # An aborted connection is gone at the reactor's next turn.
        pytest_twisted.blockon(deferLater(reactor, 0))
        gc.collect()
    finally:
        globalLogPublisher.removeObserver(observer)
    left_timers = [c for c in reactor.getDelayedCalls() if c not in timers and c.active()]
    left_readers = [r for r in reactor.getReaders() if r not in readers]
    for call in left_timers:
        call.cancel()
    assert not observer.events, f"logged failures: {observer.texts}"
    assert not left_timers, f"pending timers: {left_timers}"
    assert not left_readers, f"open ports or connections: {left_readers}"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path: that of a control socket may have 107 bytes."""
    with TemporaryDirectory(prefix="p2pfs-") as directory:
        yield Path(directory)


@pytest.fixture
def network(place: Path) -> Iterator[Network]:
    """An empty simulated network, closed in the end."""
    with Network(place, Random(1)) as network:
        yield network


@pytest_twisted.async_yield_fixture()
async def swarm(tmp_path: Path) -> AsyncIterator[Swarm]:
    """A running tracker, to which a test adds peers; all are stopped afterwards."""
    swarm = Swarm(tmp_path)
    swarm.start_tracker()
    yield swarm
    await swarm.stop_all()


@pytest_twisted.async_yield_fixture()
async def guests() -> AsyncIterator[list[ForeignSource]]:
    """Foreign sources that a test lets join; they leave afterwards."""
    guests: list[ForeignSource] = []
    yield guests
    for guest in guests:
        await guest.leave()
