"""One byte a second, to each side, in simulated time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall

from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.testing.swarm import PEER_PORT, TRACKER_PORT
from tests.simulation.parts import Notes, Servers
from tests.swarm.foreign import JsonLines, fileinfo

CONTENT = Random(3).randbytes(2_000_000)


class World:
    """A tracker, a source, a downloader, and somebody slow."""

    def __init__(self, place: Path) -> None:
        self.network = Network(place, Random(1))
        self.swarm = Swarm(self.network)
        self.tracker = self._host("tracker")
        self.swarm.start_tracker(self.tracker)
        self.source, self.sharing = self._peer("source")
        self.fetcher, self.fetching = self._peer("fetcher")
        self.slow = self._host("slow")
        self.network.run(1)

    def _host(self, name: str) -> Host:
        return self.network.add_host(name, up=1e6, down=1e6, latency=0.01)

    def _peer(self, name: str) -> tuple[Host, PeerService]:
        host = self._host(name)
        return host, self.swarm.start_peer(host, self.tracker)

    def share(self, name: str) -> None:
        """Have the source publish `CONTENT`."""
        path = self.source.directory / name
        path.write_bytes(CONTENT)
        self.network.result_of(publish(self.sharing, path), 20)

    def transfer(self, name: str, within: float) -> None:
        """Have the downloader fetch it."""
        copy = self.fetcher.directory / name
        self.network.result_of(download(self.fetching, name, copy)[1], within)
        assert copy.read_bytes() == CONTENT

    def drip(self, transport: Any, data: bytes) -> None:
        """Send a byte a second from now on."""
        left = iter(data)

        def one() -> None:
            byte = next(left, None)
            if byte is not None:
                transport.write(bytes([byte]))

        loop = LoopingCall(one)
        loop.clock = self.slow.reactor
        loop.start(1.07)  # lest a byte be on its way just when time is up


@pytest.fixture
def world(place: Path) -> Iterator[World]:
    """A small network, closed in the end."""
    world = World(place)
    yield world
    world.network.close()


@pytest.mark.parametrize("side", ["tracker", "source"])
def test_a_request_of_one_byte_a_second(world: World, side: str) -> None:
    """It may take a minute; then there is an error, and the end. Others are served meanwhile."""
    host, port = (world.tracker, TRACKER_PORT) if side == "tracker" else (world.source, PEER_PORT)
    made = Servers(lambda: Notes(world.network))
    endpoint = TCP4ClientEndpoint(world.slow.reactor, host.address, port)
    client = world.network.result_of(endpoint.connect(made), 10)
    began = world.network.timeline.now
    world.drip(client.transport, b'{"type":"REQUEST_FILE_LIST","prefix":"' + b"x" * 1000)
    world.share("f")
    world.transfer("f", 10)
    world.network.run(80)
    assert client.lost_at is not None
    assert 55 <= client.lost_at - began <= 65
    assert json.loads(client.received)["type"] == "ERROR"
    world.share("g")
    world.transfer("g", 10)


@pytest.mark.parametrize("what", ["ping", "hash list", "chunk"])
def test_an_answer_of_one_byte_a_second(world: World, what: str) -> None:
    """A source that drips is given up after ten seconds, and others have it all along."""
    kinds = {"ping": "PING", "hash list": "DIGESTS", "chunk": "REQUEST_CHUNK"}
    dripped: list[float] = []

    class Slow(JsonLines):
        def lineReceived(self, line: bytes) -> None:
            request = json.loads(line)
            if kinds[what] not in request["type"]:
                if request["type"] == "PEER_PING_PONG":
                    self.sendLine(line)
                return
            dripped.append(world.network.timeline.now)
            header = {"type": "PEER_REPLY_CHUNK", "filename": "f", "length": 1 << 20}
            text = json.dumps({**header, "chunknum": 0, "digest": "00" * 32}).encode() + b"\n"
            if what == "chunk":
                self.transport.write(text)
                text = b"x" * 10_000
            world.drip(self.transport, text)

        def connectionLost(self, reason: Any = None) -> None:
            ended.append(world.network.timeline.now)

    ended: list[float] = []
    factory = Factory.forProtocol(Slow)
    factory.noisy = False
    world.slow.reactor.listenTCP(PEER_PORT, factory)
    endpoint = TCP4ClientEndpoint(world.slow.reactor, world.tracker.address, TRACKER_PORT)
    claims = world.network.result_of(endpoint.connect(Factory.forProtocol(JsonLines)), 10)
    claims.lineReceived = lambda line: None
    claims.say(type="REQUEST_REGISTER", address=f":{PEER_PORT}")
    claims.say(type="REQUEST_PUBLISH", filename="f", fileinfo=fileinfo(CONTENT))
    world.network.run(1)
    world.share("f")
    world.transfer("f", 40)
    world.network.run(20)
    if dripped:  # by chance the other source was asked for everything
        assert ended
        assert ended[0] - dripped[0] <= 20
