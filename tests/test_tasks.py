"""Work that a user waits for, and that may be left to end by itself."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from p2pfs.errors import StorageProblem
from p2pfs.tasks import detached, end_of
from tests.conftest import LoggedFailures


class Work:
    """Some work in a thread, which the test ends, and what its user and others learn of it."""

    def __init__(self) -> None:
        self.in_thread: Deferred[str] = Deferred()
        self.is_cancelled = False
        self.learned: list[object] = []
        self.result, self.end = detached(self._run(), self._cancel)
        self.result.addBoth(self._learn)
        self.end.addCallback(lambda _: self.learned.append("the end"))

    async def _run(self) -> str:
        return await self.in_thread

    def _cancel(self) -> None:
        self.is_cancelled = True

    def _learn(self, outcome: object) -> None:
        self.learned.append(outcome.value if isinstance(outcome, Failure) else outcome)


def test_whoever_waits_gets_the_result() -> None:
    """After its end was told: they may begin the same work anew at once."""
    work = Work()
    assert work.learned == []
    work.in_thread.callback("done")
    assert work.learned == ["the end", "done"]
    assert not work.is_cancelled


def test_whoever_waits_gets_the_failure() -> None:
    """It is theirs to handle, so it is not logged; and the end has come all the same."""
    work, error = Work(), StorageProblem("The disk is full.")
    work.in_thread.errback(error)
    assert work.learned == ["the end", error]


def test_who_cancels_does_not_wait_for_the_end() -> None:
    """The work is asked to stop and is not interrupted; its end is told when it comes."""
    work = Work()
    work.result.cancel()
    assert work.is_cancelled
    [cancelled] = work.learned
    assert isinstance(cancelled, CancelledError)
    work.in_thread.callback("too late")
    assert work.learned == [cancelled, "the end"]


@pytest.mark.parametrize(("error", "is_logged"), [(StorageProblem("x"), 0), (ValueError("x"), 1)])
def test_a_defect_of_what_nobody_waits_for_is_logged(
    error: Exception, is_logged: int, logged_failures: LoggedFailures
) -> None:
    """How it fails on purpose after a cancel is of no interest, and not in the log."""
    work = Work()
    work.result.cancel()
    work.in_thread.errback(error)
    assert work.learned[1:] == ["the end"]
    assert len(logged_failures.flush()) == is_logged


def test_work_that_ends_at_once_has_ended() -> None:
    """Nothing of it is waited for."""

    async def work() -> int:
        return 7

    results: list[int] = []
    result, end = detached(work(), lambda: None)
    result.addCallback(results.append)
    assert results == [7]
    assert end.called


def test_an_end_is_told_however_it_comes_and_the_outcome_is_left_to_others() -> None:
    """A failure that is handled elsewhere is handled there, and only there."""
    good: Deferred[str] = Deferred()
    bad: Deferred[str] = Deferred()
    ends, outcomes = [end_of(good), end_of(bad)], list[object]()
    good.addCallback(outcomes.append)
    bad.addErrback(lambda failure: outcomes.append(failure.type))
    assert not any(end.called for end in ends)
    good.callback("result")
    bad.errback(ValueError())
    told: list[None] = []
    for end in ends:
        end.addCallback(told.append)
    assert told == [None, None]
    assert outcomes == ["result", ValueError]
