"""From whom chunks came: what the tracker is told of it, and how often."""

from __future__ import annotations

from p2pfs.addresses import Address
from p2pfs.peer.announcing.witness import AGAIN, Witness
from p2pfs.wire.messages import MOST_SOURCES


def source(number: int) -> Address:
    """One of many."""
    return Address("192.0.2.1", 1000 + number)


def test_those_who_gave_most_are_named_first() -> None:
    """A bounded number of them, of that file."""
    witness = Witness()
    for number in range(MOST_SOURCES + 5):
        for _ in range(number + 1):
            witness.came("f", source(number))
    witness.came("g", source(99))
    named = witness.news("f", 0.0)
    assert named == [str(source(MOST_SOURCES + 4 - n)) for n in range(MOST_SOURCES)]
    assert witness.news("g", 0.0) == [str(source(99))]


def test_a_source_is_named_once_in_a_while() -> None:
    """As long as it gives: also by chunks of another file, as the tracker keeps one word."""
    witness, named = Witness(), []
    for second in range(int(2 * AGAIN)):
        witness.came("fg"[second % 2], source(1))
        if witness.news("fg"[second % 2], float(second)):
            named.append(second)
    assert named == [0, AGAIN]
    assert witness.news("f", 3 * AGAIN) == []


def test_what_came_while_there_was_no_tracker_is_not_told() -> None:
    """But what comes later is."""
    witness = Witness()
    witness.came("f", source(1))
    witness.drop()
    assert witness.news("f", 0.0) == []
    witness.came("f", source(1))
    assert witness.news("f", 0.0) == [str(source(1))]
