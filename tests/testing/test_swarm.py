"""Whole swarms of real services on a simulated network."""

from __future__ import annotations

from random import Random

import pytest

from p2pfs.errors import StartupProblem
from p2pfs.testing import Host, Network, Swarm, download, publish
from tests.simulation.history import CHUNK
from tests.simulation.parts import outcome_of

CONTENT = Random(1).randbytes(2_000_000)


@pytest.fixture
def swarm(network: Network) -> Swarm:
    """A tracker, and a peer that has published a file of 2 MB."""
    swarm = Swarm(network)
    swarm.start_tracker(network.add_host("tracker"))
    source = swarm.start_peer(host(swarm, "source"), tracker(swarm), smallest_chunk=CHUNK)
    network.run(1)
    path = network.hosts["source"].directory / "f"
    path.write_bytes(CONTENT)
    [published] = network.result_of(publish(source, path), 10)
    assert published.listed
    return swarm


def host(swarm: Swarm, name: str) -> Host:
    return swarm.network.add_host(name, up=1e6, down=1e6, latency=0.005)


def tracker(swarm: Swarm) -> Host:
    return swarm.network.hosts["tracker"]


def test_publish_and_download(swarm: Swarm) -> None:
    """Real services do it, in simulated time that the links dictate."""
    one = host(swarm, "one")
    peer = swarm.start_peer(one, tracker(swarm))
    swarm.network.run(1)
    began = swarm.network.timeline.now
    fetched = swarm.network.result_of(download(peer, "f", one.directory / "f")[1], 60)
    assert (one.directory / "f").read_bytes() == CONTENT
    assert fetched.seconds >= 2
    assert 2 < swarm.network.timeline.now - began < 4


def test_a_killed_peer_resumes(swarm: Swarm) -> None:
    """Its state directory outlives it: the next process fetches only what it lacks."""
    one = host(swarm, "one")
    peer = swarm.start_peer(one, tracker(swarm))
    swarm.network.run(1)
    download(peer, "f", one.directory / "f")[1].addErrback(lambda _: None)
    swarm.network.run(1.5)
    sent = swarm.network.hosts["source"].uplink.carried
    one.kill()
    assert one not in swarm.daemons
    assert not (one.directory / "f").exists()
    again = swarm.start_peer(one, tracker(swarm))
    swarm.network.run(1)
    swarm.network.result_of(download(again, "f", one.directory / "f")[1], 60)
    assert (one.directory / "f").read_bytes() == CONTENT
    rest = swarm.network.hosts["source"].uplink.carried - sent
    assert sent > 1_000_000
    assert rest < len(CONTENT) - 800_000


def test_what_is_tampered_with_does_not_get_into_files(swarm: Swarm) -> None:
    """The services are real ones: they notice a wrong chunk."""
    one = host(swarm, "one")
    source = swarm.network.hosts["source"]
    source.tamper = lambda connection, data: data if len(data) < 10_000 else b"?" + data[1:]
    peer = swarm.start_peer(one, tracker(swarm))
    swarm.network.run(1)
    outcome = outcome_of(swarm.network, download(peer, "f", one.directory / "f")[1], 300)
    assert isinstance(outcome, Exception)
    assert not (one.directory / "f").exists()


def test_stop_ends_a_daemon_in_good_order(swarm: Swarm) -> None:
    """It leaves no timer, no connection and no open file, and can be started again."""
    source = swarm.network.hosts["source"]
    swarm.network.result_of(swarm.stop(source), 10)
    swarm.network.run(1)
    assert source.reactor.getDelayedCalls() == []
    assert source.disk.open_files == []
    assert not swarm.network.connections
    swarm.start_peer(source, tracker(swarm))


def test_a_second_daemon_does_not_start_and_ends_its_process(swarm: Swarm) -> None:
    """One on each host: a problem is raised as at any start, and leaves the directory free."""
    source = swarm.network.hosts["source"]
    with pytest.raises(StartupProblem):
        swarm.start_peer(source, tracker(swarm))
    assert source not in swarm.daemons
    swarm.start_peer(source, tracker(swarm))
