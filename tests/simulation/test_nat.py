"""Peers behind routers: all in at once, and what they get from whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish


class Scene:
    """A tracker, and peers where a test wants them."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.office = network.add_host("office")
        self.tracker = self.swarm.start_tracker(self.office)
        self.peers: dict[str, PeerService] = {}

    def host(self, peer: PeerService) -> Host:
        """The host of a peer."""
        return next(host for host, daemon in self.swarm.daemons.items() if daemon is peer)

    def router(self, name: str) -> Host:
        """A router that lets nobody in."""
        return self.network.add_host(name)

    def peer(self, name: str, behind: Host | None = None) -> PeerService:
        """A peer, which listens at the port that all of them have."""
        host = self.network.add_host(name, up=2e6, down=2e6, latency=0.01, behind=behind)
        self.peers[name] = self.swarm.start_peer(host, self.office, smallest_chunk=65536)
        return self.peers[name]

    def publish(self, peer: PeerService, name: str = "f", size: int = 1_000_000) -> bytes:
        """Have a peer share a file; its content."""
        data = Random(len(name)).randbytes(size)
        path = self.host(peer).directory / name
        path.write_bytes(data)
        self.network.result_of(publish(peer, path), 10)
        return data

    def fetch(self, peer: PeerService, within: float = 60.0, name: str = "f") -> bytes:
        """Have a peer fetch a file."""
        target = self.host(peer).directory / "fetched"
        self.network.result_of(download(peer, name, target)[1], within)
        return target.read_bytes()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A tracker without peers."""
    with Network(tmp_path, Random(1)) as network:
        yield Scene(network)


def test_a_class_room_is_in_at_once_and_stays(scene: Scene) -> None:
    """Thirty peers behind one router, all at the same port: each joins once."""
    router, joins = scene.router("router"), 0
    source = scene.peer("source")
    admit = scene.tracker.factory.admit

    def count(*args: object) -> None:
        nonlocal joins
        joins += 1
        admit(*args)  # type: ignore[arg-type]  # as they came

    scene.tracker.factory.admit = count  # type: ignore[method-assign]
    pupils = [scene.peer(f"pupil{number}", router) for number in range(30)]
    scene.network.run(60)
    assert joins == len(scene.tracker.factory.joined) == 31
    assert all(pupil.uplink.joined for pupil in pupils)
    data = scene.publish(source, size=200_000)
    wanted = [download(pupil, "f", scene.host(pupil).directory / "fetched")[1] for pupil in pupils]
    for pupil, fetched in zip(pupils, wanted, strict=True):
        scene.network.result_of(fetched, 60)
        assert (scene.host(pupil).directory / "fetched").read_bytes() == data


def test_those_behind_one_router_fetch_from_each_other(scene: Scene) -> None:
    """By their inner addresses, which nobody else is told."""
    router = scene.router("router")
    source, near = scene.peer("source", router), scene.peer("near", router)
    scene.network.run(1)
    data = scene.publish(source)
    assert scene.fetch(near) == data
