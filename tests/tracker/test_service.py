"""The tracker as a service: where it listens, and what it leaves."""

from __future__ import annotations

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol

from p2pfs.errors import StartupProblem
from p2pfs.testing import Host, Network, Swarm


@pytest.fixture
def host(network: Network) -> Host:
    """Where the tracker runs."""
    return network.add_host("tracker")


def test_it_listens_wherever_it_is_told_to(network: Network, host: Host) -> None:
    """From its start, and where the console adds an endpoint; all lead to the one tracker."""
    tracker = Swarm(network).start_tracker(host, listen=["tcp:6880", "none", "tcp:6890"])
    assert {6880, 6890} <= host.reactor.ports.keys()
    tracker.listen_also("tcp:6900")
    for port in (6880, 6890, 6900):
        endpoint = TCP4ClientEndpoint(host.reactor, host.address, port)
        network.result_of(endpoint.connect(Factory.forProtocol(Protocol)), 1)
    network.run(1)
    assert len(tracker.tracker.factory.connections) == 3


def test_without_an_endpoint_it_waits_for_one(network: Network, host: Host) -> None:
    """Its console is there all the same."""
    Swarm(network).start_tracker(host, listen=["none"])
    assert not [port for port in host.reactor.ports if isinstance(port, int)]
    assert str(host.directory / "state" / "control") in host.reactor.ports


def test_an_endpoint_that_is_taken_is_a_problem_of_the_start(network: Network, host: Host) -> None:
    """And for the console's, which leaves it as it was."""
    swarm = Swarm(network)
    tracker = swarm.start_tracker(host)
    with pytest.raises(StartupProblem, match="Cannot listen"):
        tracker.listen_also("tcp:6880")
    with pytest.raises(StartupProblem, match="not a server endpoint"):
        tracker.listen_also("nonsense")
    network.result_of(swarm.stop(host), 10)
    assert not host.reactor.ports


def test_it_forgets_everything(network: Network, host: Host) -> None:
    """Its peers tell the next one; what the first leaves in its directory is no state."""
    swarm = Swarm(network)
    tracker = swarm.start_tracker(host)
    swarm.start_peer(network.add_host("peer"), host)
    network.run(1)
    assert len(tracker.tracker.directory.peers) == 1
    network.result_of(swarm.stop(host), 10)
    assert [path.name for path in (host.directory / "state").iterdir()] == ["lock"]
    again = swarm.start_tracker(host)
    assert again.tracker.directory.peers == []
    network.run(20)
    assert len(again.tracker.directory.peers) == 1
