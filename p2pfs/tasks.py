"""Work that a user waits for, and that ends in its own time when the user does not any more."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError

_T = TypeVar("_T")
_log = Logger()


def detached(
    work: Coroutine[Any, Any, _T], cancel: Callable[[], None]
) -> tuple[Deferred[_T], Deferred[None]]:
    """Start ``work``; return a Deferred of its result, and one that fires at its very end.

    Cancelling the first calls ``cancel``, which asks the work to stop, and leaves
    it to end by itself: threads cannot be interrupted, and files want closing.
    """
    result: Deferred[_T] = Deferred(lambda _: cancel())
    end: Deferred[None] = Deferred()

    def ended(outcome: _T | Failure) -> None:
        # First the end: who waits for the result may begin the same work anew.
        end.callback(None)
        if not result.called:
            if isinstance(outcome, Failure):
                result.errback(outcome)
            else:
                result.callback(outcome)
        elif isinstance(outcome, Failure) and not outcome.check(P2pfsError):
            _log.failure("Cancelled work failed.", failure=outcome)

    Deferred.fromCoroutine(work).addBoth(ended)
    return result, end


def end_of(work: Deferred[Any]) -> Deferred[None]:
    """Fires when ``work`` has ended, however; leaves its outcome to others."""
    end: Deferred[None] = Deferred()

    def ended(outcome: Any) -> Any:
        end.callback(None)
        return outcome

    work.addBoth(ended)
    return end
