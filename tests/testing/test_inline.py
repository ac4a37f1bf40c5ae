"""A reactor for one piece by itself: its work for threads is done at once, or when told to."""

from __future__ import annotations

import pytest

from p2pfs.testing import InlineReactor
from p2pfs.threads import in_thread


@pytest.fixture
def reactor() -> InlineReactor:
    """One that does work at once."""
    return InlineReactor()


def test_work_is_done_at_once(reactor: InlineReactor) -> None:
    """Its result is there when the call returns, and so is its failure."""
    done: list[int] = []
    in_thread(reactor, lambda: 7).addCallback(done.append)
    assert done == [7]
    failed: list[type] = []
    in_thread(reactor, lambda: 1 / 0).addErrback(lambda failure: failed.append(failure.type))
    assert failed == [ZeroDivisionError]


def test_work_waits_while_it_is_held(reactor: InlineReactor) -> None:
    """It is done piece by piece, in order; and after a release at once again."""
    done: list[int] = []
    reactor.held = True
    for number in range(3):
        in_thread(reactor, done.append, number)
    assert done == []
    assert reactor.run_job()
    assert done == [0]
    reactor.release()
    assert done == [0, 1, 2]
    assert not reactor.run_job()
    in_thread(reactor, done.append, 3)
    assert done == [0, 1, 2, 3]


def test_what_a_piece_of_work_asks_for_is_done_in_its_turn(reactor: InlineReactor) -> None:
    """A release does also what is asked for meanwhile."""
    done: list[str] = []
    reactor.held = True
    first = in_thread(reactor, done.append, "first")
    first.addCallback(lambda _: in_thread(reactor, done.append, "second"))
    reactor.release()
    assert done == ["first", "second"]
