"""Those who take all of a source's connections, or of its attention, in simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall

from p2pfs.peer.serving.factory import MAX_CONNECTIONS
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.testing.swarm import PEER_PORT
from p2pfs.wire import messages as m
from p2pfs.wire.admission import IDLE

CONTENT = Random(3).randbytes(1_000_000)
NAME = "shared"


class Deaf(Protocol):
    """A connection that does not care what comes."""


class Crowded:
    """A source with others' connections, and a downloader."""

    def __init__(self, place: Path) -> None:
        self.network = Network(place, Random(1))
        self.swarm = Swarm(self.network)
        self.tracker = self._host("tracker")
        self.swarm.start_tracker(self.tracker)
        self.source, self.fetcher = self._host("source"), self._host("fetcher")
        self.sharing = self.swarm.start_peer(self.source, self.tracker)
        self.fetching = self.swarm.start_peer(self.fetcher, self.tracker)
        self.network.run(1)
        path = self.source.directory / NAME
        path.write_bytes(CONTENT)
        self.network.result_of(publish(self.sharing, path), 20)
        self.clients: list[Any] = []
        self._loops: list[LoopingCall] = []

    def _host(self, name: str) -> Host:
        return self.network.add_host(name, up=1e6, down=1e6, latency=0.01)

    def crowd(self, hosts: int, count: int) -> None:
        """Open so many connections to the source, from so many hosts."""
        attackers = [self._host(f"attacker-{number}") for number in range(hosts)]
        for number in range(count):
            reactor = attackers[number % hosts].reactor
            endpoint = TCP4ClientEndpoint(reactor, self.source.address, PEER_PORT)
            joined = endpoint.connect(Factory.forProtocol(Deaf))
            joined.addCallback(self.clients.append)
        self.network.run(1)
        assert len(self.clients) == count

    def all_say(self, line: bytes, every: float) -> None:
        """Have all of them say that, now and from then on."""
        for client in self.clients:
            loop = LoopingCall(client.transport.write, line)
            loop.clock = self.source.reactor
            loop.start(every).addErrback(lambda _: None)
            self._loops.append(loop)

    def fetch(self, within: float) -> float:
        """Have the downloader fetch the file; the seconds that it takes."""
        begun, copy = self.source.reactor.seconds(), self.fetcher.directory / NAME
        self.network.result_of(download(self.fetching, NAME, copy)[1], within)
        assert copy.read_bytes() == CONTENT
        return self.source.reactor.seconds() - begun

    def close(self) -> None:
        """End it all."""
        for loop in self._loops:
            loop.stop()
        self.network.close()


@pytest.fixture
def crowded(place: Path) -> Iterator[Crowded]:
    """A world of its own."""
    world = Crowded(place)
    yield world
    world.close()


@pytest.mark.parametrize("hosts", [1, MAX_CONNECTIONS])
@pytest.mark.parametrize(
    "line", [m.encode(m.PeerPingPong()), b"nonsense\n"], ids=["ping", "rubbish"]
)
def test_connections_that_do_nothing_keep_nobody_out(
    crowded: Crowded, hosts: int, line: bytes
) -> None:
    """All of a source's connections, whose ever they are, that send a ping now and then."""
    crowded.crowd(hosts, MAX_CONNECTIONS)
    crowded.all_say(line, 9)
    crowded.network.run(IDLE)
    assert crowded.fetch(within=3) < 2


def test_want_lists_of_many_connections_keep_nobody_waiting(crowded: Crowded) -> None:
    """Twenty times the rate of a host, from 50 of its connections, while another fetches."""
    crowded.crowd(1, 50)
    want = m.encode(m.PeerWant(NAME, b"\0", 0))
    crowded.all_say(want * 40, 0.1)
    assert crowded.fetch(within=4) < 2
