"""Whole swarms of real services on a simulated network."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from p2pfs.errors import StartupProblem
from p2pfs.testing import Host, Network, Swarm, download, publish
from tests.simulation import history as of_history
from tests.simulation.history import CHUNK, history
from tests.simulation.parts import outcome_of, part_files

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


def test_closing_makes_no_noise_and_runs_nothing(place: Path) -> None:
    """However a simulation ends, Python complains about no coroutine, and files stay as they are.

    Even while the test still has its peers, whose downloads were under way.
    """
    kept: list[object] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Network(place, Random(1)) as network:
            swarm = Swarm(network)
            swarm.start_tracker(network.add_host("tracker"))
            for name in ("source", "one", "two"):
                kept.append(swarm.start_peer(host(swarm, name), tracker(swarm)))
            path = network.hosts["source"].directory / "f"
            path.write_bytes(CONTENT)
            network.run(1)
            network.result_of(publish(kept[0], path), 10)  # type: ignore[arg-type]
            for peer in kept[1:]:
                target = peer.state.parent / "f"  # type: ignore[attr-defined]
                download(peer, "f", target)  # type: ignore[arg-type]
            network.run(1)
            network.hosts["one"].kill()
            network.run(0.5)
            hosts = [network.hosts[name] for name in ("one", "two")]
            parts = [part for host in hosts for part in part_files(host.directory)]
            assert len(parts) == 2
            assert all(part.exists() for part in parts)
        assert all(part.exists() for part in parts)
        kept.clear()
        gc.collect()


def test_a_clean_up_that_waits_is_ended_quietly(place: Path) -> None:
    """What a coroutine does in ``finally`` runs when the network is closed, and not before."""
    from twisted.internet.defer import Deferred
    from twisted.internet.task import deferLater

    steps: list[str] = []
    with Network(place, Random(1)) as network:
        one = network.add_host("one")

        async def work() -> None:
            try:
                await deferLater(one.reactor, 10)
            finally:
                steps.append("cleaning up")
                await deferLater(one.reactor, 10)
                steps.append("never")

        working = Deferred.fromCoroutine(work())
        network.run(1)
        one.kill()
        network.run(100)
        del working
        gc.collect()
        assert steps == []
    assert steps == ["cleaning up"]


def test_the_same_seed_gives_the_same_history(place: Path) -> None:
    """Every byte at the same time, in this process and in one that hashes otherwise."""
    here = history(place, 1)
    with TemporaryDirectory(prefix="sim-") as directory:
        assert history(Path(directory), 1) == here
    for hash_seed in ("1", "2"):
        program = [sys.executable, "-m", of_history.__name__, "1"]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        there = subprocess.run(
            program, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert there.stdout.strip() == here


def test_another_seed_gives_another_history(place: Path) -> None:
    """The seed decides what is left to chance."""
    assert history(place / "1", 1).split()[0] != history(place / "2", 2).split()[0]
