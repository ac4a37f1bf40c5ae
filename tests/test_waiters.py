"""Those who wait for the same event are told of it together, each once."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from p2pfs.waiters import Waiters


def test_all_are_told_in_the_order_of_their_coming() -> None:
    """Whoever waits learns the result, and does not wait any more."""
    waiters: Waiters[int] = Waiters()
    told: list[tuple[str, int]] = []
    for name in "abc":
        waiters.wait().addCallback(lambda result, name=name: told.append((name, result)))
    assert len(waiters) == 3
    waiters.fire(7)
    assert told == [("a", 7), ("b", 7), ("c", 7)]
    assert not waiters
    waiters.fire(8)
    assert len(told) == 3


def test_all_learn_of_a_failure() -> None:
    """Each gets the error, also when the first one handles it."""
    waiters: Waiters[None] = Waiters()
    reasons: list[str] = []
    for _ in range(2):
        waiters.wait().addErrback(lambda failure: reasons.append(str(failure.value)))
    waiters.fail(OSError("gone"))
    waiters.wait().addErrback(lambda failure: reasons.append(str(failure.value)))
    waiters.fail(Failure(OSError("gone again")))
    assert reasons == ["gone", "gone", "gone again"]


def test_who_waits_anew_is_told_the_next_time() -> None:
    """Waiting again when told does not end at once, nor for ever."""
    waiters: Waiters[None] = Waiters()
    rounds: list[int] = []

    def again(number: int, _: None = None) -> None:
        rounds.append(number)
        waiters.wait().addCallback(partial(again, number + 1))

    again(0)
    waiters.fire(None)
    assert rounds == [0, 1]
    assert len(waiters) == 1
    waiters.fire(None)
    assert rounds == [0, 1, 2]


def test_who_is_cancelled_is_forgotten() -> None:
    """It does not count any more, keeps no memory, and the others are told all the same."""
    waiters: Waiters[str] = Waiters()
    left, stays = waiters.wait(), waiters.wait()
    errors: list[Failure] = []
    left.addErrback(errors.append)
    left.cancel()
    assert errors[0].check(CancelledError)
    assert len(waiters) == 1
    results: list[str] = []
    stays.addCallback(results.append)
    waiters.fire("here")
    assert results == ["here"]


def test_one_who_is_told_may_cancel_another() -> None:
    """The other one learns only that it was cancelled, and those after it the result."""
    waiters: Waiters[None] = Waiters()
    learned: list[object] = []
    waiting: list[Deferred[None]] = []
    for _ in range(3):
        waiting.append(waiters.wait())
    waiting[0].addCallback(lambda _: waiting[1].cancel())
    waiting[1].addErrback(lambda failure: learned.append(failure.type))
    waiting[2].addCallback(learned.append)
    waiters.fire(None)
    assert learned == [CancelledError, None]


def test_it_is_said_when_nobody_waits_any_more() -> None:
    """Only a cancel can desert an event, and only that of the last one."""
    deserted: list[bool] = []
    waiters: Waiters[None] = Waiters(lambda: deserted.append(True))
    first, second = waiters.wait(), waiters.wait()
    for waiter in (first, second):
        waiter.addErrback(lambda failure: failure.trap(CancelledError))
    first.cancel()
    assert not deserted
    second.cancel()
    assert deserted == [True]
    waiters.wait()
    waiters.fire(None)
    assert deserted == [True]
