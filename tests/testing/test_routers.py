"""Simulated hosts behind routers: who reaches whom, and what they see of each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from p2pfs.testing import Host, Network


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """A network without hosts."""
    with Network(tmp_path, Random(1)) as made:
        yield made


class Listener(Factory):
    """Notes from where connections come."""

    def __init__(self, host: Host, port: int = 80) -> None:
        self.seen: list[str] = []
        host.reactor.listenTCP(port, self)

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        assert addr is not None
        self.seen.append(addr.host)  # type: ignore[attr-defined]  # an IPv4Address
        return Protocol()


def connect(network: Network, host: Host, address: str, port: int = 80) -> Protocol:
    """Connect from a host; raises what becomes of it."""
    endpoint = TCP4ClientEndpoint(host.reactor, address, port, 5)
    made: Protocol = network.result_of(endpoint.connect(Factory.forProtocol(Protocol)), 10)
    return made


def test_what_comes_out_has_the_routers_address(network: Network) -> None:
    """To hosts outside; those beside it, and the router, see its own."""
    router, outside = network.add_host("router"), network.add_host("outside")
    inside, beside = (network.add_host(name, behind=router) for name in ("inside", "beside"))
    for host, sees in (
        (outside, router.address),
        (beside, inside.address),
        (router, inside.address),
    ):
        listener = Listener(host)
        made = connect(network, inside, host.address)
        network.run(1)
        assert listener.seen == [sees]
        assert made.transport is not None
        assert made.transport.getHost().host == inside.address
        assert made.transport.getPeer().host == host.address


def test_nobody_outside_gets_in(network: Network) -> None:
    """The router refuses, and the inner address leads nowhere, or to somebody else's."""
    router, other_router, outside = (network.add_host(name) for name in ("r", "s", "outside"))
    inside = network.add_host("inside", behind=router)
    elsewhere = network.add_host("elsewhere", behind=other_router)
    listener = Listener(inside)
    for host in (outside, elsewhere, other_router):
        with pytest.raises(ConnectError):
            connect(network, host, router.address)
        with pytest.raises(ConnectTimeout):
            connect(network, host, inside.address)
    assert listener.seen == []


def test_a_port_can_be_forwarded(network: Network) -> None:
    """From outside; from inside a router does not turn it round."""
    router, outside = network.add_host("router"), network.add_host("outside")
    inside, beside = (network.add_host(name, behind=router) for name in ("inside", "beside"))
    listener = Listener(inside)
    router.forward(8080, inside, 80)
    made = connect(network, outside, router.address, 8080)
    network.run(1)
    assert listener.seen == [outside.address]
    assert made.transport is not None
    assert made.transport.getPeer().host == router.address
    with pytest.raises(ConnectError):
        connect(network, beside, router.address, 8080)


def test_without_its_router_a_host_is_alone_with_its_neighbours(network: Network) -> None:
    """When it has no power, or is on the far side of a partition."""
    router, outside = network.add_host("router"), network.add_host("outside")
    inside, beside = (network.add_host(name, behind=router) for name in ("inside", "beside"))
    Listener(outside)
    Listener(beside)
    network.partition([outside])
    with pytest.raises(ConnectTimeout):
        connect(network, inside, outside.address)
    connect(network, inside, beside.address)
    network.heal()
    connect(network, inside, outside.address)
    router.power_off()
    with pytest.raises(ConnectTimeout):
        connect(network, inside, outside.address)
    connect(network, inside, beside.address)


def test_routers_are_not_behind_routers(network: Network) -> None:
    """One is enough; and only those behind a router have ports forwarded to them."""
    router, outside = network.add_host("router"), network.add_host("outside")
    inside = network.add_host("inside", behind=router)
    with pytest.raises(ValueError, match="behind a router itself"):
        network.add_host("deeper", behind=inside)
    with pytest.raises(ValueError, match="not behind router"):
        router.forward(80, outside)
