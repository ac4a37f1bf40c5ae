"""Downloaders that take turns for nothing, in simulated time: an honest one has its chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory

from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.testing.swarm import PEER_PORT
from soak.greedy import KINDS, Greed

BULK = 64
CHUNK = (1 << 20) // BULK
CHUNKS = 40
CONTENT = Random(3).randbytes(CHUNKS * CHUNK)
UP = 5e6
BASELINE = 8.4
"""Seconds that 40 MiB take over 5 MB/s."""


class World:
    """A tracker, a source, an honest downloader, and greedy ones."""

    def __init__(self, place: Path) -> None:
        self.network = Network(place, Random(1), bulk=BULK)
        self.swarm = Swarm(self.network)
        self.tracker = self._host("tracker")
        self.swarm.start_tracker(self.tracker)
        self.source = self._host("source", UP)
        self.sharing = self.swarm.start_peer(self.source, self.tracker, smallest_chunk=CHUNK)
        self.fetcher = self._host("fetcher")
        self.fetching = self.swarm.start_peer(self.fetcher, self.tracker)
        self.greedy: list[Greed] = []
        self.network.run(1)
        path = self.source.directory / "f"
        path.write_bytes(CONTENT)
        self.network.result_of(publish(self.sharing, path), 20)

    def _host(self, name: str, up: float = 50e6) -> Host:
        return self.network.add_host(name, up=up, down=50e6, latency=0.001)

    def surround(self, kind: str, hosts: int, connections: int) -> None:
        """Have greedy downloaders connect to the source: so many of each host."""
        for number in range(hosts):
            host = self._host(f"greedy {number}")
            factory = Factory.forProtocol(
                lambda host=host: Greed(host.reactor, kind, {"f": CHUNKS})
            )
            factory.noisy = False
            for _ in range(connections):
                connected = TCP4ClientEndpoint(host.reactor, self.source.address, PEER_PORT)
                self.greedy.append(self.network.result_of(connected.connect(factory), 10))

    def warm(self) -> None:
        """Let the source know how long a chunk usually takes."""
        fetching = self.swarm.start_peer(self._host("early"), self.tracker)
        self.network.run(1)
        copy = self.source.directory / "early"
        self.network.result_of(download(fetching, "f", copy)[1], 20)
        self.network.result_of(self.swarm.stop(self.network.hosts["early"]), 20)

    def transfer(self, name: str = "f", within: float = 200.0) -> float:
        """Have the honest downloader fetch the file: the seconds it took."""
        began = self.network.timeline.now
        copy = self.fetcher.directory / name
        self.network.result_of(download(self.fetching, "f", copy)[1], within)
        assert copy.read_bytes() == CONTENT
        return self.network.timeline.now - began


@pytest.fixture
def world(place: Path) -> Iterator[World]:
    """A small network, closed in the end."""
    world = World(place)
    yield world
    world.network.close()


@pytest.mark.parametrize("crowd", [(1, 3), (1, 10), (1, 250), (50, 1), (50, 5)])
@pytest.mark.parametrize("kind", [*KINDS, "none"])
def test_an_honest_downloader_has_its_chunks(world: World, kind: str, crowd: tuple[int, int]):
    import time

    if kind == "reads slowly" and crowd[0] > 1:
        world.warm()
    if kind != "none":
        world.surround(kind, *crowd)
    t = time.process_time()
    said0 = sum(g.said for g in world.greedy)
    off0 = sum(g.offers for g in world.greedy)
    tk0 = sum(g.taken for g in world.greedy) * BULK / 2**20
    try:
        seconds = world.transfer()
    except TimeoutError:
        seconds = 999
    cpu = time.process_time() - t
    said = sum(g.said for g in world.greedy) - said0
    off = sum(g.offers for g in world.greedy) - off0
    tk = sum(g.taken for g in world.greedy) * BULK / 2**20 - tk0
    with open("/tmp/d/greedy.txt", "a") as f:
        print(
            f"{kind:14} {crowd}  {seconds:7.2f} s {seconds / BASELINE:5.2f}  said/s {said / seconds:7.1f} offers/s {off / seconds:7.1f} taken {tk:.0f} MiB cpu {cpu:.1f}",
            file=f,
        )
