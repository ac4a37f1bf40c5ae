"""A swarm gets every file right, whichever hash it was published with."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from twisted.internet.defer import Deferred

from p2pfs.hashing import Hash
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.tracker.service import TrackerService
from tests.simulation.parts import part_files

CHUNK = 16384
CONTENTS = {
    "many": Random(1).randbytes(20 * CHUNK + 5),
    "one": Random(2).randbytes(1000),
    "none": b"",
}
"""What is published: of many chunks, of one, which needs no hash list, and of none."""


class Scene:
    """A source that publishes with one hash, and a peer that itself would take the other."""

    def __init__(self, network: Network, function: Hash) -> None:
        self.network, self.function = network, function
        self.swarm = Swarm(network)
        self.tracker: TrackerService = self.swarm.start_tracker(network.add_host("tracker"))
        source_host = network.add_host("source")
        self.host = network.add_host("peer", up=1e6, down=50e3)
        self.source = self.start(source_host)
        self.peer = self.start(self.host)
        network.run(1)
        for name, content in CONTENTS.items():
            path = source_host.directory / name
            path.write_bytes(content)
            network.result_of(publish(self.source, path, function=function), 10)

    def start(self, host: Host) -> PeerService:
        [other] = [each for each in Hash if each is not self.function]
        tracker = self.network.hosts["tracker"]
        return self.swarm.start_peer(host, tracker, smallest_chunk=CHUNK, hash=other)

    def target(self, name: str, ending: str = "") -> Path:
        return self.host.directory / f"{name}{ending}"

    @property
    def sent(self) -> int:
        """Bytes of chunks that the source sent."""
        return self.source.peer.serving.uploads.total


@pytest.fixture(params=Hash)
def scene(network: Network, request: pytest.FixtureRequest) -> Scene:
    """See there."""
    return Scene(network, request.param)


def test_it_is_fetched_copied_and_known_when_it_is_there(scene: Scene) -> None:
    """And what was fetched is shared on with the same hash, by those that would choose another."""
    network, peer = scene.network, scene.peer
    for name, content in CONTENTS.items():
        assert scene.tracker.tracker.directory[name].info.function is scene.function
        network.result_of(download(peer, name, scene.target(name))[1], 60)
        assert scene.target(name).read_bytes() == content
        held = peer.peer.library[name]
        assert held.info.function is scene.function
        assert held.hashes.root == held.info.root  # else it could not be served
    sent = scene.sent
    assert sent == sum(map(len, CONTENTS.values()))
    for name, content in CONTENTS.items():
        job, copying = download(peer, name, scene.target(name, ".copy"))
        copied = network.result_of(copying, 60)
        assert job.holding is not None
        assert job.holding.hashes.root == job.holding.info.root
        assert (copied.sources, scene.target(name, ".copy").read_bytes()) == ({}, content)
        network.result_of(Deferred.fromCoroutine(peer.peer.publisher.unpublish(name)), 10)
        there = network.result_of(download(peer, name, scene.target(name, ".copy"))[1], 60)
        assert there.already_there
    assert scene.sent == sent


def test_after_a_crash_it_is_gone_on_with(scene: Scene) -> None:
    """What came is checked with the hash that the record says, and only the rest is fetched."""
    network = scene.network
    download(scene.peer, "many", scene.target("many"))
    network.run(4)
    [part] = part_files(scene.host.directory)
    held = len(scene.peer.peer.library["many"].chunks)
    assert 5 < held < 20
    scene.host.kill()
    with part.open("r+b") as file:  # somebody else wrote to it, so that all is read again
        file.write(b"spoilt")
    scene.peer = scene.start(scene.host)
    network.run(3)
    sent = scene.sent
    network.result_of(download(scene.peer, "many", scene.target("many"))[1], 60)
    assert scene.target("many").read_bytes() == CONTENTS["many"]
    assert scene.sent - sent <= len(CONTENTS["many"]) - (held - 2) * CHUNK


def test_after_a_restart_it_is_shared_as_before(scene: Scene) -> None:
    """The hash is that of the record, not that of the settings."""
    network = scene.network
    network.result_of(download(scene.peer, "many", scene.target("many"))[1], 60)
    network.run(5)
    network.result_of(scene.swarm.stop(scene.host), 10)
    scene.peer = scene.start(scene.host)
    network.run(5)
    assert scene.peer.peer.library["many"].info.function is scene.function
    assert len(scene.tracker.tracker.directory["many"].holders) == 2
