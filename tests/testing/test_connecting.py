"""Listening and connecting on simulated hosts, and their names."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
    clientFromString,
    connectProtocol,
    serverFromString,
)
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.protocol import ClientFactory

from p2pfs.testing import Host, Network
from tests.conftest import LoggedFailures
from tests.simulation.parts import PORT, Notes, Pair, Servers, outcome_of


def test_any_port_and_wrong_ports(a: Host) -> None:
    """Port 0 is any that is free; wrong numbers and addresses of others fail as they do."""
    free = {a.reactor.listenTCP(0, Servers(None)).getHost().port for _ in range(3)}
    assert len(free) == 3
    assert all(1024 < port < 65536 for port in free)
    taken = max(free) + 1
    a.reactor.listenTCP(taken, Servers(None))
    assert a.reactor.listenTCP(0, Servers(None)).getHost().port != taken
    with pytest.raises(OverflowError):
        a.reactor.listenTCP(65536, Servers(None))
    with pytest.raises(CannotListenError):
        a.reactor.listenTCP(PORT, Servers(None), interface="192.0.2.1")


@pytest.mark.parametrize(
    ("interface", "by_loopback", "by_address", "by_others"),
    [
        ("", True, True, True),
        ("0.0.0.0", True, True, True),
        ("127.0.0.1", True, False, False),
        ("localhost", True, False, False),
        ("10.0.0.2", False, True, True),
    ],
)
def test_interfaces_listened_at(
    network: Network,
    a: Host,
    b: Host,
    interface: str,
    by_loopback: bool,
    by_address: bool,
    by_others: bool,
) -> None:
    """A port is reached at the address it was bound to; loopback is a host's own."""
    b.reactor.listenTCP(PORT, Servers(lambda: Notes(network)), interface=interface)

    def reached(host: Host, address: str) -> bool:
        connecting = TCP4ClientEndpoint(host.reactor, address, PORT).connect(
            Servers(lambda: Notes(network))
        )
        outcome = outcome_of(network, connecting)
        assert isinstance(outcome, Notes | ConnectionRefusedError)
        return isinstance(outcome, Notes)

    assert reached(b, "127.0.0.1") == by_loopback
    assert reached(b, "10.0.0.2") == by_address
    assert reached(a, "10.0.0.2") == by_others
    assert not reached(a, "127.0.0.1")


def test_addresses_of_both_ends(network: Network, a: Host, b: Host) -> None:
    """What one end calls its own address is the other's peer."""
    for pair, host in ((Pair(a, b), b.address), (Pair(b, b, port=PORT + 1), "127.0.0.1")):
        client, server = pair.client.transport, pair.server.transport
        assert client.getPeer() == server.getHost()
        assert client.getHost() == server.getPeer()
        assert client.getPeer().host in (host, b.address)
        assert client.getHost().port >= 32768


def test_endpoints_by_name(network: Network, a: Host, b: Host) -> None:
    """Hosts have names; an unknown one cannot be found, an address nobody has never answers."""
    b.reactor.listenTCP(PORT, Servers(lambda: Notes(network)))
    connected = connectProtocol(HostnameEndpoint(a.reactor, "b", PORT), Notes(network))
    assert network.result_of(connected, 5).transport.getPeer().host == b.address
    connected = connectProtocol(clientFromString(a.reactor, f"tcp:b:{PORT}"), Notes(network))
    assert network.result_of(connected, 5).transport.getPeer().host == b.address
    for endpoint in (
        HostnameEndpoint(a.reactor, "nobody", PORT),
        TCP4ClientEndpoint(a.reactor, "nobody", PORT),
    ):
        with pytest.raises(DNSLookupError):
            network.result_of(connectProtocol(endpoint, Notes(network)), 5)
    began = network.timeline.now
    nobody = TCP4ClientEndpoint(a.reactor, "10.9.9.9", PORT, timeout=7)
    with pytest.raises(ConnectTimeout):
        network.result_of(connectProtocol(nobody, Notes(network)), 30)
    assert network.timeline.now == pytest.approx(began + 7)


def test_a_server_endpoint_by_string(network: Network, a: Host) -> None:
    """Endpoint strings make ports of it."""
    listening = serverFromString(a.reactor, f"tcp:{PORT}:interface=127.0.0.1").listen(Servers(None))
    port = network.result_of(listening, 1)
    assert (port.getHost().host, port.getHost().port) == ("127.0.0.1", PORT)


def test_unix_sockets_are_a_hosts_own(network: Network, a: Host, b: Host) -> None:
    """They are reached by their path, on the same host only, and take no time."""
    path = str(a.directory / "socket")
    servers = Servers(lambda: Notes(network))
    network.result_of(UNIXServerEndpoint(a.reactor, path).listen(servers), 1)
    with pytest.raises(CannotListenError):
        a.reactor.listenUNIX(path, servers)
    notes = network.result_of(
        connectProtocol(UNIXClientEndpoint(a.reactor, path), Notes(network)), 0
    )
    assert notes.transport.getPeer().name.decode() == path
    with pytest.raises(ConnectError):
        network.result_of(connectProtocol(UNIXClientEndpoint(b.reactor, path), Notes(network)), 1)


def test_refusing_by_no_protocol(network: Network, a: Host, b: Host) -> None:
    """A factory that makes no protocol has the connection closed; the other side is told."""
    refusing = Servers(lambda: None)
    b.reactor.listenTCP(PORT, refusing)
    notes = network.result_of(
        connectProtocol(TCP4ClientEndpoint(a.reactor, b.address, PORT), Notes(network)), 5
    )
    network.run(1)
    assert notes.lost.check(ConnectionDone)
    assert not network.connections


def test_a_factory_that_fails_harms_no_other(
    network: Network, a: Host, b: Host, logged_failures: LoggedFailures
) -> None:
    """The exception is logged, that connection closed, and the next one is accepted."""
    made = iter([lambda: 1 / 0, lambda: Notes(network)])
    b.reactor.listenTCP(PORT, Servers(lambda: next(made)()))
    one, other = Notes(network), Notes(network)
    for notes in (one, other):
        endpoint = TCP4ClientEndpoint(a.reactor, b.address, PORT)
        network.result_of(connectProtocol(endpoint, notes), 5)
        network.run(1)
    assert one.lost is not None
    assert other.lost is None
    assert len(logged_failures.flush()) == 1


@pytest.mark.parametrize("after", [0.0, 0.1, 0.3, 0.39])
def test_cancelling_a_connect(network: Network, a: Host, b: Host, after: float) -> None:
    """Before the round trip is over it fails, and the server is not left with a connection."""
    servers = Servers(lambda: Notes(network))
    b.reactor.listenTCP(PORT, servers)
    connecting = connectProtocol(TCP4ClientEndpoint(a.reactor, b.address, PORT), Notes(network))
    network.run(after)
    connecting.cancel()
    assert isinstance(outcome_of(network, connecting), ConnectingCancelledError)
    network.run(5)
    assert all(notes.lost for notes in servers.made)
    assert not network.connections
    assert a.reactor.getDelayedCalls() == []


def test_a_connector_can_connect_again(network: Network, a: Host, b: Host) -> None:
    """A client factory is told of failure and loss, and may try again with its connector."""
    told: list[str] = []

    class Again(ClientFactory):
        noisy = False

        def buildProtocol(self, addr: object) -> Notes:
            told.append("connected")
            return Notes(network)

        def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
            told.append(reason.type.__name__)
            b.reactor.listenTCP(PORT, servers)
            connector.connect()

        def clientConnectionLost(self, connector: Any, reason: Any) -> None:
            told.append(f"lost: {reason.type.__name__}")

    servers = Servers(lambda: Notes(network))
    connector = a.reactor.connectTCP(b.address, PORT, Again())
    network.run(5)
    assert told == ["ConnectionRefusedError", "connected"]
    connector.disconnect()
    network.run(5)
    assert told[2:] == ["lost: ConnectionDone"]
    assert servers.made[0].lost is not None


def test_an_answer_that_is_lost_is_asked_for_again(network: Network, a: Host, b: Host) -> None:
    """A partition may swallow the second half of the round trip as well as the first."""
    servers = Servers(lambda: Notes(network))
    b.reactor.listenTCP(PORT, servers)
    connecting = connectProtocol(TCP4ClientEndpoint(a.reactor, b.address, PORT), Notes(network))
    network.run(0.3)
    network.partition([a])
    network.run(0.2)
    assert servers.made == []
    network.heal()
    notes = network.result_of(connecting, 5)
    assert notes.times["made"] > 1
    assert notes.lost is None
    network.run(1)
    assert len(servers.made) == 1


@pytest.mark.parametrize("after", [0.3, 0.5])
def test_a_server_killed_during_the_set_up_resets(
    network: Network, a: Host, b: Host, after: float
) -> None:
    """It has answered, but nobody has accepted: the client is connected, and told."""
    b.reactor.listenTCP(PORT, Servers(lambda: Notes(network)))
    connecting = connectProtocol(TCP4ClientEndpoint(a.reactor, b.address, PORT), Notes(network))
    network.run(after)
    b.kill()
    notes = network.result_of(connecting, 5)
    network.run(1)
    assert notes.lost.check(ConnectionLost)
    assert not network.connections


def test_a_client_that_gave_up_while_it_was_frozen(network: Network, a: Host, b: Host) -> None:
    """Its timeout comes first when it thaws, and the connection that stood is aborted."""
    servers = Servers(lambda: Notes(network))
    b.reactor.listenTCP(PORT, servers)
    endpoint = TCP4ClientEndpoint(a.reactor, b.address, PORT, timeout=0.3)
    connecting = connectProtocol(endpoint, Notes(network))
    a.freeze()
    network.run(5)
    a.thaw()
    with pytest.raises(ConnectTimeout):
        network.result_of(connecting, 1)
    network.run(1)
    assert [notes.lost is not None for notes in servers.made] == [True]


def test_a_port_given_up_before_it_accepts_resets(network: Network, a: Host, b: Host) -> None:
    """Who waits to be accepted while nobody does is turned away with the port."""
    servers = Servers(lambda: Notes(network))
    port = b.reactor.listenTCP(PORT, servers)
    b.reactor.callLater(0, port.stopListening)
    b.freeze()
    connecting = connectProtocol(TCP4ClientEndpoint(a.reactor, b.address, PORT), Notes(network))
    notes = network.result_of(connecting, 5)
    network.run(1)
    assert notes.lost is None
    b.thaw()
    network.run(1)
    assert notes.lost.check(ConnectionLost)
    assert servers.made == []


def test_a_port_that_is_in_use(network: Network, a: Host) -> None:
    """It cannot be listened at twice, but again when it is given up."""
    port = a.reactor.listenTCP(PORT, Servers(None))
    with pytest.raises(CannotListenError) as refused:
        a.reactor.listenTCP(PORT, Servers(None))
    assert "Address already in use" in str(refused.value)
    network.result_of(port.stopListening(), 1)
    network.result_of(port.stopListening(), 1)
    a.reactor.listenTCP(PORT, Servers(None))
