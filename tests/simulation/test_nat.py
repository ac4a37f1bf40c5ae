"""Peers behind routers: all in at once, and what they get from whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from p2pfs.errors import P2pfsError, Refused
from p2pfs.peer.service import KEY_FILE, PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.testing.swarm import PEER_PORT
from tests.simulation.parts import outcome_of


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
    admit = scene.tracker.tracker.factory.admit

    def count(*args: object) -> None:
        nonlocal joins
        joins += 1
        admit(*args)  # type: ignore[arg-type]  # as they came

    scene.tracker.tracker.factory.admit = count  # type: ignore[method-assign]
    pupils = [scene.peer(f"pupil{number}", router) for number in range(30)]
    scene.network.run(60)
    assert joins == len(scene.tracker.tracker.factory.joined) == 31
    assert all(pupil.peer.announcer.joined for pupil in pupils)
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


def test_a_source_behind_a_router_serves_who_can_be_reached(scene: Scene) -> None:
    """It is called by way of the tracker, and connects to the downloader."""
    source, outside = scene.peer("source", scene.router("router")), scene.peer("outside")
    scene.network.run(6)
    assert source.peer.announcer.found_reachable is False
    assert outside.peer.announcer.found_reachable is True
    data = scene.publish(source)
    began = scene.network.timeline.now
    assert scene.fetch(outside) == data
    # A MB at 2 MB/s, and some round trips.
    assert scene.network.timeline.now - began < 1.5
    assert source.peer.serving.uploads.total == len(data)
    scene.network.run(10)
    assert not source.peer.reception.connections
    assert not outside.peer.reception.connections


def test_all_of_a_class_room_serve_who_is_outside(scene: Scene) -> None:
    """With only a part of it at each, a downloader that can be reached gets it from all."""
    router = scene.router("router")
    source = scene.peer("source")
    pupils = [scene.peer(f"pupil{number}", router) for number in range(5)]
    scene.network.run(6)
    data = scene.publish(source)
    for pupil in pupils:
        scene.fetch(pupil)
    scene.network.result_of(scene.swarm.stop(scene.host(source)), 10)
    outside = scene.peer("outside")
    scene.network.run(1)
    assert scene.fetch(outside) == data
    assert sum(pupil.peer.serving.uploads.total > 0 for pupil in pupils) > 2


def test_two_that_cannot_be_reached_say_why(scene: Scene) -> None:
    """Behind different routers there is no way, and the download says so while it waits."""
    source = scene.peer("source", scene.router("here"))
    far = scene.peer("far", scene.router("there"))
    scene.network.run(6)
    scene.publish(source)
    job, fetched = download(far, "f", scene.host(far).directory / "fetched")
    scene.network.run(10)
    assert job.download is not None
    [group] = job.download.explain().groups
    assert group.holders == [f"{source.peer.announcer.address}#{source.peer.key.fingerprint[:16]}"]
    assert "cannot be reached by this peer, which cannot be reached itself" in group.error
    with pytest.raises(P2pfsError, match="cannot be reached itself"):
        scene.network.result_of(fetched, 120)


def test_a_forwarded_port_makes_one_of_several_reachable(scene: Scene) -> None:
    """It is named at the router's address, and the others can be called all the same."""
    router, outside = scene.router("router"), scene.peer("outside")
    pupils = [scene.peer(f"pupil{number}", router) for number in range(3)]
    router.forward(PEER_PORT, scene.host(pupils[1]))
    scene.network.run(70)
    assert [pupil.peer.announcer.found_reachable for pupil in pupils] == [False, True, False]
    for number, pupil in enumerate(pupils):
        data = scene.publish(pupil, f"file{number}")
        target = scene.host(outside).directory / f"fetched{number}"
        scene.network.result_of(download(outside, f"file{number}", target)[1], 60)
        assert target.read_bytes() == data


def test_a_peer_that_is_opened_later_is_found(scene: Scene) -> None:
    """The tracker tries again, and then it is a source for those that cannot be reached too."""
    router, far = scene.router("here"), scene.peer("far", scene.router("there"))
    source = scene.peer("source", router)
    scene.network.run(6)
    assert source.peer.announcer.found_reachable is False
    router.forward(PEER_PORT, scene.host(source))
    scene.network.run(60)
    assert source.peer.announcer.found_reachable is True
    data = scene.publish(source)
    assert scene.fetch(far) == data


def test_a_source_that_is_gone_is_not_waited_for(scene: Scene) -> None:
    """One that does not connect when it is called is like one that does not answer."""
    router = scene.router("router")
    dead, source = scene.peer("dead", router), scene.peer("source")
    outside = scene.peer("outside")
    scene.network.run(6)
    data = scene.publish(source)
    scene.fetch(dead)
    scene.host(dead).freeze()
    scene.network.run(1)
    assert scene.fetch(outside) == data


def test_what_a_tracker_tells_by_itself_lasts_as_long_as_the_connection(scene: Scene) -> None:
    """A peer that has lost its tracker does not know any more whether it can be reached."""
    peer = scene.peer("peer", scene.router("router"))
    scene.network.run(6)
    assert peer.peer.announcer.found_reachable is False
    scene.office.kill()
    scene.network.run(1)
    assert peer.peer.announcer.found_reachable is None
    scene.swarm.start_tracker(scene.office)
    scene.network.run(30)
    assert peer.peer.announcer.found_reachable is False


def test_a_probe_may_be_quicker_than_the_answer_to_who_registered(scene: Scene) -> None:
    """The peer says that it was reached as soon as it can say anything."""
    told: list[str] = []
    scene.tracker.tracker.factory.prober.reached = (  # type: ignore[method-assign]  # to listen in
        lambda member, token: told.append(token)
    )
    peer = scene.peer("peer")
    peer.peer.announcer.reached("early")
    scene.network.run(1)
    assert told[0] == "early"


def test_a_copied_state_directory_is_told(scene: Scene) -> None:
    """Two that have one key take turns at the tracker, and each hears why."""
    original = scene.peer("original")
    host = scene.network.add_host("copy")
    state = host.directory / "state"
    state.mkdir(mode=0o700)
    key = scene.host(original).directory / "state" / KEY_FILE
    (state / KEY_FILE).write_bytes(key.read_bytes())
    (state / KEY_FILE).chmod(0o600)
    scene.network.run(1)
    copy = scene.swarm.start_peer(host, scene.office)
    scene.network.run(0.3)
    assert copy.peer.announcer.joined
    assert not original.peer.announcer.joined
    assert "its state directory was copied" in original.peer.announcer.problem


def test_a_peer_has_itself_tried_again_once_its_port_is_open(scene: Scene) -> None:
    """It need not wait for the tracker's next attempt; asked too often, the tracker says so."""
    network, router = scene.network, scene.router("router")
    peer = scene.peer("peer", router)
    network.run(8)
    announcer = peer.peer.announcer
    assert announcer.found_reachable is False
    assert network.result_of(announcer.probe(), 6) is False
    network.run(6)
    router.forward(PEER_PORT, scene.host(peer))
    assert network.result_of(announcer.probe(), 6) is True
    assert announcer.found_reachable is True
    assert peer.peer.reach_warning == ""
    refused = outcome_of(network, announcer.probe())
    assert isinstance(refused, Refused)
    assert "ask again in" in str(refused)
