"""What was asked of whom, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from p2pfs.addresses import Address
from p2pfs.peer.downloading.in_flight import InFlight
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming, Source, SourceConnection
from p2pfs.testing.inline import InlineReactor
from tests.memory_transport import MemoryTransport

LENGTH = 1000


class Asking:
    """One source, of which chunks are asked."""

    def __init__(self) -> None:
        self.clock = InlineReactor()
        self.in_flight = InFlight()
        self.source = Source(Address("192.0.2.1", 1))
        self.connection = SourceConnection(self.clock, self.source.address, Patience(), Incoming())
        self.source.connection = self.connection
        self.transport = MemoryTransport(self.connection, self.clock)

    def ask(self, chunknum: int, now: float) -> None:
        """Ask for a chunk."""
        request: Deferred[bytes] = Deferred()
        self.in_flight.asked(chunknum, self.source, self.connection, LENGTH, request, now)

    def open_requests(self, count: int) -> None:
        """Have so many answers be due on the connection, of this download and others."""
        for _ in range(count):
            self.connection.ping().addErrback(lambda _: None)  # it ends with the connection


@pytest.fixture
def asking() -> Iterator[Asking]:
    """Nothing is asked yet."""
    asking = Asking()
    yield asking
    for pending in list(asking.in_flight.chunks.values()):
        pending.request.cancel()
        pending.request.addErrback(lambda _: None)
    asking.connection.abort()
    asking.clock.advance(0)


def test_a_chunk_that_is_kept_leaves_nothing_behind(asking: Asking) -> None:
    """Neither the trouble there was before; and its source owes it no more."""
    for error in ("first", "second"):
        asking.ask(2, 0.0)
        asking.in_flight.failed(2, error, 1.0)
    trouble = asking.in_flight.troubles[2]
    assert (trouble.error, trouble.attempts) == ("second", 2)
    asking.ask(2, 2.0)
    assert asking.source.trial.due == LENGTH
    asking.in_flight.kept(2, 3.0)
    assert not asking.in_flight.chunks
    assert not asking.in_flight.troubles
    assert asking.source.trial.due == 0


def test_what_came_is_credited_to_the_trial_in_which_it_was_asked_for(asking: Asking) -> None:
    """A source that is connected to anew has a new one."""
    asking.ask(2, 0.0)
    before, asking.source.trial = asking.source.trial, type(asking.source.trial)()
    asking.in_flight.failed(2, "gone", 1.0)
    assert (before.due, asking.source.trial.due) == (0, 0)


def test_a_burden_is_all_of_a_connection_that_has_not_arrived(asking: Asking) -> None:
    """From the first that was asked for, or the last delivery."""
    asking.open_requests(2)
    for chunknum, at in ((3, 1.0), (1, 2.0), (0, 3.0)):
        asking.ask(chunknum, at)
    asking.in_flight.arrived(1)
    [(burden, connection)] = asking.in_flight.burdens(10.0)
    assert connection is asking.connection
    assert (burden.source, burden.chunknums) == (asking.source, (3, 0))
    assert (burden.busy, burden.came, burden.due) == (9.0, 0, 2 * LENGTH)
    asking.source.last_delivery = 4.0
    assert asking.in_flight.burdens(10.0)[0][0].busy == 6.0


def test_a_connection_that_others_use_too_is_no_burden(asking: Asking) -> None:
    """What comes slowly for this download may come quickly for another."""
    asking.open_requests(2)
    asking.ask(3, 1.0)
    assert asking.in_flight.burdens(10.0) == []


def test_this_side_is_waited_for_until_the_disk_has_it(asking: Asking) -> None:
    """Or while it does not read on, unless what it would read may be a denial."""
    asking.ask(3, 1.0)
    assert not asking.in_flight.ours_to_finish
    asking.connection.hold_input()
    assert asking.in_flight.ours_to_finish
    asking.source.denied = 1
    assert not asking.in_flight.ours_to_finish
    asking.in_flight.arrived(3)
    assert asking.in_flight.ours_to_finish
    asking.connection.release_input()
