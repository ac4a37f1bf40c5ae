"""What can go wrong with hosts, their processes, and the network between them."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.error import TimeoutError as ConnectTimeout

from p2pfs.testing import Connection, Host, Network
from p2pfs.testing.streams import SOCKET_BUFFER, WINDOW
from p2pfs.wire import KeepAlive
from tests.simulation.parts import PORT, Notes, Pair, Stuffing, outcome_of

MB = 1_000_000
NUMBERS = b"".join(n.to_bytes(4, "big") for n in range(MB // 4))
"""A megabyte in which every four bytes are others."""


@pytest.fixture
def a(network: Network) -> Host:
    return network.add_host("a", up=MB, latency=0.01)


@pytest.fixture
def b(network: Network) -> Host:
    return network.add_host("b", up=MB, latency=0.01)


def keep_alive(pair: Pair) -> None:
    """Switch keep-alive on at both ends."""
    for notes in (pair.client, pair.server):
        notes.transport.setTcpKeepAlive(True)  # type: ignore[union-attr]


def test_kill_tells_the_other_side_and_nothing_runs_again(
    network: Network, a: Host, b: Host
) -> None:
    """The system closes the connections of a killed process; its timers never fire."""
    pair = Pair(a, b)
    fired: list[str] = []
    a.reactor.callLater(0, fired.append, "soon")
    a.reactor.callLater(5, fired.append, "later")
    a.reactor.callInThread(fired.append, "in a thread")
    a.kill()
    a.reactor.callLater(5, fired.append, "by the next process")
    network.run(10)
    assert pair.server.lost.check(ConnectionDone)
    assert pair.client.lost is None  # nobody is left to be told
    assert fired == ["by the next process"]


def test_what_the_system_has_taken_outlives_a_killed_process(
    network: Network, a: Host, b: Host
) -> None:
    """What fits into the socket's buffer still arrives, what the program had buffered not."""
    pair = Pair(a, b)
    pair.client.transport.write(NUMBERS)
    network.run(0.2)
    sent = MB - pair.client.transport.outgoing.unsent_bytes
    a.kill()
    network.run(5)
    assert len(pair.server.received) == sent + SOCKET_BUFFER
    assert NUMBERS.startswith(pair.server.received)


def test_a_process_killed_with_something_unread_resets(network: Network, a: Host, b: Host) -> None:
    """So does Linux; what else was on its way to the other side is lost."""
    pair = Pair(a, b)
    pair.client.transport.pauseProducing()
    pair.server.transport.write(b"never read")
    network.run(1)
    a.kill()
    network.run(1)
    assert pair.server.lost.check(ConnectionLost)


def test_nothing_listens_any_more_after_kill_until_it_does_again(
    network: Network, a: Host, b: Host
) -> None:
    """A killed process holds no port; the next one can have the same."""
    Pair(a, b)
    b.kill()
    assert not b.reactor.ports
    assert Pair(a, b).server.lost is None


def test_a_process_can_end_itself(network: Network, a: Host, b: Host) -> None:
    """`reactor.stop` ends the process; that of one that is dead does not end the next."""
    pair = Pair(a, b)
    old = a.reactor
    old.stop()
    network.run(1)
    assert pair.server.lost is not None
    new = a.reactor
    old.stop()
    assert a.reactor is new


def test_power_off_is_noticed_by_keep_alive_only(network: Network, a: Host, b: Host) -> None:
    """Who has it switched on is told when its patience ends; who has not never hears of it."""
    watching, trusting = Pair(a, b), Pair(a, b)
    keep_alive(watching)
    b.power_off()
    began = network.timeline.now
    network.run(2000)
    assert watching.client.lost.check(ConnectionLost)
    assert watching.client.lost_at == pytest.approx(began + KeepAlive().patience)
    assert trusting.client.lost is None


def test_what_is_sent_to_a_host_without_power_is_given_up(
    network: Network, a: Host, b: Host
) -> None:
    """Without keep-alive TCP sends it again for a quarter of an hour."""
    pair = Pair(a, b)
    b.power_off()
    pair.client.transport.write(b"x")
    network.run(600)
    assert pair.client.lost is None
    network.run(600)
    assert pair.client.lost.check(ConnectionLost)


def test_after_a_restart_old_connections_are_reset(network: Network, a: Host, b: Host) -> None:
    """The host knows nothing of them, and says so to the first who sends something."""
    pair, silent = Pair(a, b), Pair(a, b)
    keep_alive(silent)
    b.power_off()
    network.run(1)
    b.power_on()
    network.run(1)
    assert pair.client.lost is None
    pair.client.transport.write(b"x")
    network.run(1)
    assert pair.client.lost.check(ConnectionLost)
    assert silent.client.lost is None
    network.run(60)  # keep-alive sends something too
    assert silent.client.lost.check(ConnectionLost)


def test_a_host_without_power_sends_nothing_when_it_is_back(
    network: Network, a: Host, b: Host
) -> None:
    """What was on its way when the power went is not sent again by anybody."""
    pair = Pair(a, b)
    pair.client.transport.write(NUMBERS)
    network.run(0.5)
    a.power_off()
    network.run(0.1)
    received = len(pair.server.received)
    a.power_on()
    network.run(10)
    assert len(pair.server.received) == received < MB


@pytest.mark.parametrize("seconds", [0.001, 0.015, 0.1, 30])
def test_a_partition_delays_and_loses_nothing(
    network: Network, a: Host, b: Host, seconds: float
) -> None:
    """However short it is, all bytes arrive once and in order, when it has healed."""
    pair = Pair(a, b)
    pair.client.transport.write(NUMBERS)
    for _ in range(3):
        network.run(0.1)
        network.partition([a], [b])
        network.run(0.03)
        received = len(pair.server.received)
        network.run(seconds)
        if seconds > 0.02:  # nothing is on the receiver's link any more
            assert len(pair.server.received) == received
        network.heal()
    network.run(10)
    assert pair.server.received == NUMBERS
    assert pair.server.lost is None


def test_a_partition_parts_islands_only(network: Network, a: Host, b: Host) -> None:
    """Hosts of one island reach each other, those of no island too, and not across."""
    c, d = network.add_host("c"), network.add_host("d")
    network.partition([a, b])
    Pair(a, b)
    Pair(c, d)
    assert not network.reachable(a, c)
    network.partition([a, c], [b, d])
    assert network.reachable(a, c)
    assert not network.reachable(a, b)
    assert network.reachable(a, a)


def test_keep_alive_counts_from_the_last_partition(network: Network, a: Host, b: Host) -> None:
    """A partition that healed in time is forgiven; each one has the whole patience."""
    pair = Pair(a, b)
    keep_alive(pair)
    for _ in range(3):
        network.partition([a])
        network.run(40)
        network.heal()
        network.run(1)
    assert pair.client.lost is None
    network.partition([a])
    network.run(60)
    assert pair.client.lost.check(ConnectionLost)
    assert pair.server.lost.check(ConnectionLost)


def test_a_longer_partition_does_not_begin_again(network: Network, a: Host, b: Host) -> None:
    """Other islands with the same two apart leave keep-alive where it was."""
    pair = Pair(a, b)
    keep_alive(pair)
    network.partition([a])
    network.run(40)
    network.partition([b])
    network.run(15)
    assert pair.client.lost is not None


def test_connecting_waits_for_a_partition_to_heal(network: Network, a: Host, b: Host) -> None:
    """The request is sent again, less and less often, until the timeout."""
    network.partition([a])
    network.timeline.after(10, network.heal)
    pair = Pair(a, b)
    assert 10 < pair.client.times["made"] < 17
    network.partition([a])
    with pytest.raises(ConnectTimeout):
        Pair(a, b)


def test_reset_tells_both_ends(network: Network, a: Host, b: Host) -> None:
    """As when a middle box breaks the connection."""
    pair, other = Pair(a, b), Pair(a, b)
    pair.connection.reset()
    network.run(0)
    assert pair.client.lost.check(ConnectionLost)
    assert pair.server.lost.check(ConnectionLost)
    assert other.client.lost is other.server.lost is None


def test_a_stall_holds_back_and_goes_on(network: Network, a: Host, b: Host) -> None:
    """Nothing arrives, nobody is told, keep-alive is content; then everything comes."""
    pair = Pair(a, b)
    keep_alive(pair)
    pair.connection.stall()
    producer = Stuffing(pair.client.transport, 3 * MB)
    network.run(1000)
    assert not pair.server.received
    assert producer.paused
    assert pair.client.lost is pair.server.lost is None
    pair.connection.go_on()
    network.run(10)
    assert len(pair.server.received) == 3 * MB


def test_a_cut_connection_is_half_open_for_good(network: Network, a: Host, b: Host) -> None:
    """It is silent though its hosts reach each other; only keep-alive finds out."""
    pair = Pair(a, b)
    pair.server.transport.setTcpKeepAlive(True)
    pair.connection.cut()
    pair.client.transport.write(b"x")
    network.run(100)
    network.heal()
    Pair(a, b)
    assert not pair.server.received
    assert pair.server.lost.check(ConnectionLost)
    assert pair.client.lost is None


def test_keep_alive_can_be_switched_on_when_it_is_late(network: Network, a: Host, b: Host) -> None:
    """It finds out about a connection that was cut before."""
    pair = Pair(a, b)
    pair.connection.cut()
    network.run(10)
    keep_alive(pair)
    network.run(60)
    assert pair.client.lost is not None


def test_a_frozen_process_catches_up_in_order(network: Network, a: Host, b: Host) -> None:
    """Timers and data wait; when it thaws they come as they would have, and then what is new."""
    pair = Pair(a, b)
    done: list[object] = []
    pair.server.dataReceived = lambda data: done.append(bytes(data))  # type: ignore[method-assign]
    b.freeze()
    for seconds in (4, 1, 3):
        b.reactor.callLater(seconds, done.append, seconds)
    network.timeline.after(2, pair.client.transport.write, b"data")
    network.run(4)
    assert done == []
    network.timeline.after(0, b.reactor.in_process, done.append, "later")
    b.thaw()
    network.run(0)
    assert done == [1, b"data", 3, 4, "later"]


def test_a_process_that_freezes_again_while_it_catches_up_waits(network: Network, a: Host) -> None:
    """Between two things that waited it may be stopped again, and loses nothing."""
    done: list[int] = []
    for n in range(3):
        a.reactor.callLater(n, done.append, n)
    a.reactor.callLater(0.5, a.freeze)
    a.freeze()
    network.run(5)
    a.thaw()
    network.run(5)
    assert done == [0]
    a.thaw()
    network.run(5)
    assert done == [0, 1, 2]


def test_a_frozen_process_is_connected_to_and_fills_up(network: Network, a: Host, b: Host) -> None:
    """Its system accepts and takes a window of bytes; nobody is told that it is frozen."""
    Pair(a, b)
    b.freeze()
    notes = Notes(network)
    network.result_of(_connect(a, b, notes), 5)
    keep = notes.transport
    assert keep is not None
    producer = Stuffing(keep, 3 * MB)
    network.run(1000)
    assert 3 * MB - producer.left >= WINDOW
    assert producer.paused
    b.thaw()
    network.run(10)
    servers = b.reactor.ports[PORT].factory
    assert len(servers.made[-1].received) == 3 * MB  # type: ignore[attr-defined]


def _connect(a: Host, b: Host, notes: Notes) -> object:
    from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

    return connectProtocol(TCP4ClientEndpoint(a.reactor, b.address, PORT), notes)


def test_killing_a_frozen_process_leaves_it_undone(network: Network, a: Host) -> None:
    """What waited for the thaw never happens, and the next process is not frozen."""
    done: list[str] = []
    a.reactor.callLater(1, done.append, "old")
    a.freeze()
    network.run(2)
    a.kill()
    a.thaw()
    a.reactor.callLater(1, done.append, "new")
    network.run(2)
    assert done == ["new"]
    assert not a.is_frozen


def test_tamper_changes_what_leaves_a_host(network: Network, a: Host, b: Host) -> None:
    """It sees each segment with its connection, and only what this host sends."""
    pair = Pair(a, b)
    seen: list[Connection] = []

    def flip(connection: Connection, data: bytes) -> bytes:
        seen.append(connection)
        return bytes(byte ^ 1 for byte in data)

    a.tamper = flip
    pair.client.transport.write(b"abc")
    pair.server.transport.write(b"abc")
    network.run(1)
    assert pair.server.received == b"`cb"
    assert pair.client.received == b"abc"
    assert seen == [pair.connection]


def test_connection_attempts_of_a_killed_process_come_to_nothing(
    network: Network, a: Host, b: Host
) -> None:
    """Whenever it dies while it connects: the other side sees no connection, or its end."""
    servers = Pair(a, b).servers
    for tenth in range(1, 40):
        known = len(servers.made)
        connecting = _connect(a, b, Notes(network))
        network.run(tenth / 1000)
        a.kill()
        network.run(5)
        assert all(notes.lost for notes in servers.made[known:])
        assert outcome_of(network, connecting, 1).__class__ in (TimeoutError, Notes)
    assert not network.connections
