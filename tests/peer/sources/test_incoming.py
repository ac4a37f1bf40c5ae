"""What connections to sources share."""

from __future__ import annotations

from p2pfs.addresses import Address
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming, SourceConnection
from p2pfs.testing.inline import InlineReactor
from tests.memory_transport import MemoryTransport


def test_a_limit_is_on_all_connections_together() -> None:
    """One that has used it up has the others wait, too."""
    clock = InlineReactor()
    incoming = Incoming(RateLimit(1000))
    connections = [
        SourceConnection(clock, Address("192.0.2.1", number), Patience(), incoming)
        for number in (1, 2)
    ]
    first, second = (MemoryTransport(connection, clock) for connection in connections)
    first.deliver(b" " * 1000)
    assert [connection.input_held for connection in connections] == [True, False]
    second.deliver(b" ")
    assert connections[1].input_held
    clock.advance(0.5)
    assert [connection.input_held for connection in connections] == [True, True]
    clock.advance(0.6)
    assert [connection.input_held for connection in connections] == [False, False]
    for transport in (first, second):
        transport.hang_up()
