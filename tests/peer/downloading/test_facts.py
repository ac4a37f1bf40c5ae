"""From the state of a download to the facts of its explanation."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from p2pfs.addresses import Address
from p2pfs.peer.downloading.facts import asked_facts, source_facts, trouble_facts
from p2pfs.peer.downloading.in_flight import InFlight
from p2pfs.peer.policy import PickerSource
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming, Source, SourceConnection
from p2pfs.testing.inline import InlineReactor
from tests.memory_transport import MemoryTransport

ADDRESS = Address("192.0.2.1", 1)


def test_each_state_of_a_source_has_a_name() -> None:
    """The one that says most, with the seconds that it lasts."""
    clock = InlineReactor()
    source = Source(ADDRESS, chunks=0b111)
    told = [source_facts(source, None, 0.0)]
    source.failed("gone", 0.0, Patience())
    told.append(source_facts(source, None, 0.25))
    source.attempt = Deferred()
    told.append(source_facts(source, None, 0.5))
    source.attempt = None
    source.connection = SourceConnection(clock, ADDRESS, Patience(), Incoming())
    transport = MemoryTransport(source.connection, clock)
    source.deny(0b10, "no", 1.0)
    told.append(source_facts(source, PickerSource(in_flight=1, chooses=True), 1.0))
    transport.hang_up()
    source.ban("wrong", 2.0)
    told.append(source_facts(source, None, 2.0))
    assert [(facts.state, facts.left, facts.error) for facts in told] == [
        ("idle", 0.0, ""),
        ("resting", 0.75, "gone"),
        ("connecting", 0.0, "gone"),
        ("connected", 10.0, "192.0.2.1:1: no"),
        ("banned", 9.0, "wrong"),
    ]
    connected = told[3]
    assert (connected.address, connected.chunks, connected.denied) == ("192.0.2.1:1", 0b111, 0b10)
    assert (connected.in_flight, connected.window, connected.takes_turns) == (1, 1, True)


def test_what_is_in_flight_and_what_failed_is_told_by_chunk() -> None:
    """By the addresses of sources, as people know them."""
    clock, in_flight = InlineReactor(), InFlight()
    source = Source(ADDRESS)
    connection = SourceConnection(clock, ADDRESS, Patience(), Incoming())
    for chunknum in (3, 1):
        in_flight.asked(chunknum, source, connection, 1000, Deferred(), 1.0)
    in_flight.arrived(3)
    in_flight.failed(1, "it broke", 2.0)
    [(chunknum, asked)] = asked_facts(in_flight, 5.0).items()
    assert (chunknum, asked.source, asked.ago, asked.arrived) == (3, "192.0.2.1:1", 4.0, True)
    [(chunknum, trouble)] = trouble_facts(in_flight, 5.0).items()
    assert (chunknum, trouble.error, trouble.ago, trouble.attempts) == (1, "it broke", 3.0, 1)
