"""Wrong chunks of a peer whose file was changed with its time put back."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import Cancelled
from p2pfs.peer.library import Holding
from p2pfs.peer.service import PeerService
from p2pfs.peer.sharing.doubts import AGAIN_SECONDS, MOST_WAITING, Doubts
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.tracker.service import TrackerService
from tests.peer.holdings import content, shared
from tests.simulation.parts import outcome_of

CHUNK = 16 * 1024
CONTENT = Random(1).randbytes(20 * CHUNK)


def change(path: Path, offset: int) -> None:
    """Change a byte of a file, and put its time back."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


class Peers:
    """Two peers that share the same file."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.tracker_host = network.add_host("tracker")
        self.tracker: TrackerService = self.swarm.start_tracker(self.tracker_host)
        self.hosts = [network.add_host(name, up=1e6) for name in ("one", "two")]
        self.one, self.two = [self.start(host) for host in self.hosts]
        network.run(1)
        for host, peer in zip(self.hosts, (self.one, self.two), strict=True):
            (host.directory / "f").write_bytes(CONTENT)
            network.result_of(publish(peer, host.directory / "f"), 10)

    def start(self, host: Host) -> PeerService:
        return self.swarm.start_peer(host, self.tracker_host, smallest_chunk=CHUNK)

    def claims(self, peer: PeerService) -> int:
        """How many chunks the tracker thinks that a peer has."""
        assert peer.peer.announcer.address is not None
        held = self.tracker.tracker.directory.held_by(peer.peer.announcer.address)
        return len(held["f"]) if "f" in held else 0


@pytest.fixture
def peers(network: Network) -> Peers:
    """See there."""
    return Peers(network)


def test_a_source_withdraws_a_share_that_was_found_wrong(peers: Peers) -> None:
    """It is told, looks at its own copy, and claims it no more."""
    change(peers.hosts[0].directory / "f", 3 * CHUNK + 5)
    for number in range(12):  # until chance has somebody ask this source for that chunk
        host = peers.network.add_host(f"host {number}", down=1e6)
        peer = peers.start(host)
        peers.network.run(1)
        peers.network.result_of(download(peer, "f", host.directory / "f")[1], 30)
        assert (host.directory / "f").read_bytes() == CONTENT
        peers.network.result_of(peers.swarm.stop(host), 10)
        peers.network.run(1)
    assert peers.one.peer.library.get("f") is None
    assert peers.claims(peers.one) == 0
    assert peers.claims(peers.two) == 20


def test_an_unfinished_download_withdraws_only_what_is_wrong(peers: Peers) -> None:
    """All of it is read again, and the rest is served as before."""
    host = peers.network.add_host("three", down=100e3)
    peer = peers.start(host)
    peers.network.run(1)
    job, fetched = download(peer, "f", host.directory / "g")
    peers.network.run(2)
    job.cancel()
    assert isinstance(outcome_of(peers.network, fetched), Cancelled)
    peers.network.run(6)
    holding = peer.peer.library["f"]
    before = len(holding.chunks)
    assert 0 < before < 20
    wrong = next(iter(holding.chunks))
    # A part file's stamp has the time of change, which nobody can put back; a defect of the
    # disk leaves it as it is.
    change(holding.path, wrong * CHUNK)
    peer.peer.share_watcher.doubts.raise_for(holding, wrong)
    peers.network.run(2)
    assert wrong not in holding.chunks
    assert peers.claims(peer) == before - 1


def test_a_running_download_fetches_anew_what_is_wrong(peers: Peers) -> None:
    """Also when no time tells that its part file was changed, as after a defect of the disk."""
    host = peers.network.add_host("three", down=100e3)
    peer = peers.start(host)
    peers.network.run(1)
    _, fetched = download(peer, "f", host.directory / "g")
    peers.network.run(2)
    holding = peer.peer.library["f"]
    assert holding.part is not None
    wrong = next(iter(holding.chunks))
    change(holding.path, wrong * CHUNK)
    with holding.part._lock:
        holding.part._leave(host.disk.time_ns())  # no time of the file tells of that write
    peer.peer.share_watcher.doubts.raise_for(holding, wrong)
    peers.network.result_of(fetched, 60)
    assert (host.directory / "g").read_bytes() == CONTENT


class Looks:
    """`Doubts` about a share of 100 chunks, and how often its disk is read."""

    def __init__(self, network: Network, place: Path) -> None:
        self.network = network
        self.host = network.add_host("host")
        self.found: list[Holding] = []
        self.doubts = Doubts(
            self.host.reactor, self.host.disk, lambda holding, _: self.found.append(holding)
        )
        self.holding = shared(place / "f", content(1000), 10)
        self.holding.stamp = None
        self.opened: list[Path] = []
        really = self.host.disk.open

        def opening(path: Path, flags: int, mode: int = 0o666) -> int:
            self.opened.append(path)
            return really(path, flags, mode)

        self.host.disk.open = opening  # type: ignore[method-assign]  # counted

    def doubt(self, *chunknums: int) -> None:
        for chunknum in chunknums:
            self.doubts.raise_for(self.holding, chunknum)


@pytest.fixture
def looks(network: Network, place: Path) -> Looks:
    """See there."""
    return Looks(network, place)


def test_a_chunk_is_looked_at_once_in_a_while(looks: Looks) -> None:
    """Whatever is said of it; a later word leads to a look of its own."""
    for _ in range(10):
        looks.doubt(*[3] * 100)
        looks.network.run(1)
    assert len(looks.opened) == 1
    looks.network.run(AGAIN_SECONDS)
    looks.doubt(3)
    looks.network.run(1)
    assert len(looks.opened) == 2
    assert looks.found == []


def test_only_so_many_chunks_wait_for_a_look(looks: Looks) -> None:
    """And one is looked at at a time."""
    looks.host.drive.seek = 0.1
    looks.doubt(*range(100))
    looks.network.run(0.05)
    assert len(looks.opened) == 1
    looks.network.run(60)
    assert MOST_WAITING <= len(looks.opened) <= MOST_WAITING + 1


def test_a_stop_does_not_wait_for_all_looks(looks: Looks) -> None:
    """What waits is not looked at any more."""
    looks.host.drive.seek = 1.0
    looks.doubt(*range(10))
    looks.network.run(0.5)
    looks.network.result_of(Deferred.fromCoroutine(looks.doubts.stop()), 2)
    assert len(looks.opened) == 1
