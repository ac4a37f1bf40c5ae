"""Downloaders that take turns for nothing, in simulated time: an honest one has its chunks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory

from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.testing.swarm import PEER_PORT
from tests.soak.greedy import Greed

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
            factory = Factory.forProtocol(partial(Greed, host.reactor, kind, {"f": CHUNKS}))
            factory.noisy = False
            for _ in range(connections):
                connected = TCP4ClientEndpoint(host.reactor, self.source.address, PEER_PORT)
                self.greedy.append(self.network.result_of(connected.connect(factory), 10))

    @property
    def offers(self) -> int:
        """How many offers they got."""
        return sum(greed.offers for greed in self.greedy)

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


FOR_NOTHING = ("declines", "puts off", "ignores", "wants")
"""What takes nothing of the line: it is to cost the others no more than their first turn."""


@pytest.mark.parametrize("connections", [3, 10, 250])
@pytest.mark.parametrize("kind", [*FOR_NOTHING, "reads slowly"])
def test_many_connections_of_one_host(world: World, kind: str, connections: int) -> None:
    """However many there are, the others hardly notice, and the source has next to no work."""
    world.surround(kind, 1, connections)
    seconds, offers = world.transfer(), world.offers
    assert seconds <= 1.5 * BASELINE
    assert offers <= 100
    world.network.run(20)
    assert world.offers - offers <= 10, "one in 8 s"


@pytest.mark.parametrize("connections", [1, 5])
@pytest.mark.parametrize("kind", FOR_NOTHING)
def test_fifty_hosts(world: World, kind: str, connections: int) -> None:
    """Each may waste a few turns, and no more; so few are left to them while others want some."""
    world.surround(kind, 50, connections)
    assert world.transfer() <= 3 * BASELINE
    offers = world.offers
    world.network.run(20)
    assert world.offers - offers <= 50 * 8, "each one has to rest ever longer, up to 8 s"


@pytest.mark.parametrize("kind", ["keeps quiet", "asks"])
def test_a_host_that_takes_what_it_gets_has_its_share(world: World, kind: str) -> None:
    """It is a downloader as others are, without good manners: the line is shared by host."""
    world.surround(kind, 1, 250)
    assert world.transfer() <= 2.25 * BASELINE


def test_fifty_hosts_that_never_say_what_they_have(world: World) -> None:
    """They get a chunk or two each, and the one that says it has the rest of the line."""
    world.surround("keeps quiet", 50, 5)
    assert world.transfer() <= 4 * BASELINE
