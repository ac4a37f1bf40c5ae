"""Endpoint strings to ports, and what people are told when that fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory

from p2pfs.addresses import Address
from p2pfs.errors import StartupProblem, UsageProblem
from p2pfs.listening import bound_address, client_endpoint, listen, tcp_endpoint_string


@ensureDeferred
async def test_a_tcp_endpoint_is_bound() -> None:
    """The port listens at once, and says where."""
    port = await listen(reactor, "tcp:0:interface=127.0.0.1", Factory())
    address = bound_address(port)
    assert address.host == "127.0.0.1"
    assert address.port > 0
    await maybeDeferred(port.stopListening)


@ensureDeferred
async def test_an_ipv6_host_from_the_console_makes_an_endpoint() -> None:
    """The colons of an IPv6 address are escaped, with or without brackets."""
    text = tcp_endpoint_string("[::1]", "0", for_server=True)
    assert text == tcp_endpoint_string("::1", "0", for_server=True)
    port = await listen(reactor, text, Factory())
    assert bound_address(port).host == "::1"
    await maybeDeferred(port.stopListening)


@pytest.mark.parametrize(
    "text", ["", "tcp", "tcp:abc", "tcp:1:bogus=2", "nonsense:1", "ssl:1:privateKey=/x"]
)
def test_a_string_that_is_no_endpoint_is_explained(text: str) -> None:
    """A mistake in an option is a sentence that quotes it and shows a right one."""
    with pytest.raises(StartupProblem, match=r"is not a server endpoint.*tcp:6880") as caught:
        listen(reactor, text, Factory())
    assert f"'{text}'" in str(caught.value)


@ensureDeferred
async def test_a_port_in_use_is_explained() -> None:
    """The sentence gives the system's reason and what to do."""
    port = await listen(reactor, "tcp:0:interface=127.0.0.1", Factory())
    taken = f"tcp:{port.getHost().port}:interface=127.0.0.1"
    with pytest.raises(StartupProblem, match=r"Address already in use.*choose another"):
        await listen(reactor, taken, Factory())
    await maybeDeferred(port.stopListening)


@pytest.mark.parametrize(
    "text", ["tcp:70000:interface=127.0.0.1", "tcp:0:interface=192.0.2.1", "unix:/nowhere/at/all"]
)
@ensureDeferred
async def test_what_cannot_be_bound_is_explained(text: str) -> None:
    """A port out of range, a foreign interface and a missing directory are sentences too."""
    with pytest.raises(StartupProblem, match="Cannot listen at"):
        await listen(reactor, text, Factory())


@pytest.mark.parametrize("host", ["a\0b", "\xe9.invalid", "bad\udcff", "x" * 5000, "a b"])
@ensureDeferred
async def test_what_no_host_can_be_is_explained(host: str) -> None:
    """Twisted and the system have many errors for it."""
    with pytest.raises(StartupProblem, match="Cannot listen at"):
        await listen(reactor, tcp_endpoint_string(host, "0", for_server=True), Factory())


@ensureDeferred
async def test_a_unix_socket_has_no_address_for_other_machines(tmp_path: Path) -> None:
    """A peer is told that it needs a TCP port."""
    port = await listen(reactor, f"unix:{tmp_path}/s", Factory())
    with pytest.raises(StartupProblem, match="need a TCP port"):
        bound_address(port)
    await maybeDeferred(port.stopListening)


@pytest.mark.parametrize("text", ["", "tcp", "tcp:host", "tcp:host:abc", "nonsense:1"])
def test_a_string_that_is_no_client_endpoint_is_explained(text: str) -> None:
    """The same for the endpoint of a tracker."""
    with pytest.raises(UsageProblem, match="is not a client endpoint"):
        client_endpoint(reactor, text)


@pytest.mark.parametrize("port", ["", "abc", "-1", "65536", "99999999", "\u0661", "1 "])
def test_a_typed_port_is_checked(port: str) -> None:
    """A port typed into a console is a number within range."""
    with pytest.raises(UsageProblem, match="is not a port"):
        tcp_endpoint_string("host", port, for_server=False)


@pytest.mark.parametrize("port", ["0123456", "0655350"])
def test_a_typed_port_with_leading_zeros_is_checked(port: str) -> None:
    """No seven digits pass for a port."""
    with pytest.raises(UsageProblem, match="is not a port"):
        tcp_endpoint_string("host", port, for_server=False)


@pytest.mark.parametrize("host", ["192.0.2.1", "peer.example", "::1", "a\\b:c"])
def test_a_typed_host_cannot_smuggle_in_options(host: str) -> None:
    """Whatever is typed as a host arrives as the host, not as endpoint syntax."""
    client = client_endpoint(reactor, tcp_endpoint_string(host, "7", for_server=False))
    seen = client._host if isinstance(client, TCP4ClientEndpoint) else client._hostText
    assert seen == host


def test_a_typed_interface_is_escaped() -> None:
    """The same for the interface of a server."""
    from twisted.internet.endpoints import serverFromString

    text = tcp_endpoint_string("127.0.0.1:backlog=1", "7", for_server=True)
    server = serverFromString(reactor, text)
    assert isinstance(server, TCP4ServerEndpoint)
    assert (server._interface, server._backlog) == ("127.0.0.1:backlog=1", 50)


def test_addresses_come_out_as_addresses() -> None:
    """What a port says is the project's own kind of address."""
    assert str(Address("::1", 5)) == "[::1]:5"
