"""The end of a simulation, and of the coroutines in it."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from random import Random

from p2pfs.testing import Host, Network, Swarm, download, publish
from tests.simulation.parts import part_files

CONTENT = Random(1).randbytes(2_000_000)


def host(swarm: Swarm, name: str) -> Host:
    return swarm.network.add_host(name, up=1e6, down=1e6, latency=0.005)


def tracker(swarm: Swarm) -> Host:
    return swarm.network.hosts["tracker"]


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
