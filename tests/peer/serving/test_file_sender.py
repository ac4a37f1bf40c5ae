"""The serving side over real TCP, where raw chunks go from the file to the socket."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from p2pfs.chunks import ChunkSet
from p2pfs.peer.library import Library
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving import ServedFiles, ServingFactory, ServingProtocol
from p2pfs.peer.serving.chunk_sender import UNSENT, USUAL_UNSENT
from p2pfs.peer.storage import Disk
from p2pfs.secure import A_PEER, Door, OpenDoor, TlsDoor
from p2pfs.wire import messages as m
from tests.peer.holdings import content, shared
from tests.secure.certificates import Authority

# More than the sockets of both ends buffer.
CHUNK = 24 << 20
REQUEST = m.encode(m.PeerRequestChunk("f", 0, encoding="raw"))
WISH = m.encode(m.PeerWant("f", ChunkSet(1, 0b1).to_bitfield(), 1, None))


class Reader(Protocol):
    """Collects what comes, and may stop reading."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.begun: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if not self.begun.called:
            self.begun.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class Server:
    """A serving peer at a port, with one file of one large chunk."""

    def __init__(self, folder: Path, door: Door) -> None:
        self.door = door
        self.changes: list[Any] = []
        self.library = Library()
        self.data = content(CHUNK)
        self.path = folder / "f"
        self.library.add(shared(self.path, self.data, CHUNK))
        self.factory = ServingFactory(
            reactor,
            ServedFiles(reactor, Disk(), self.library, lambda *change: self.changes.append(change)),
            RateLimit(),
            Random(1),
        )
        self.port = reactor.listenTCP(0, door.guard(self.factory), interface="127.0.0.1")

    async def begin(self, asks: bytes = REQUEST) -> tuple[Reader, ServingProtocol]:
        """Connect, ask for the chunk, and stop reading as something comes; both ends."""
        before = set(self.factory.connections)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        reader = await self.door.connect(endpoint, Factory.forProtocol(Reader), A_PEER)
        assert isinstance(reader, Reader)
        reader.transport.write(asks)
        await reader.begun
        reader.transport.pauseProducing()
        (connection,) = set(self.factory.connections) - before
        return reader, connection


def private_door() -> Door:
    """That of a member of a swarm, by which it also gets in at its own."""
    authority = Authority()
    return TlsDoor(reactor, authority.certificate, authority.member("x"), authority.check)


@pytest_twisted.async_yield_fixture(params=[OpenDoor, private_door])
async def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """A serving peer that has no patience with those who do not read; plain, and with TLS."""
    monkeypatch.setattr(ServingProtocol, "stall_timeout", 0.2)
    server = Server(tmp_path, request.param())
    yield server
    await maybeDeferred(server.port.stopListening)


async def at_rest(connection: ServingProtocol) -> None:
    """Wait, but not long, until a connection is gone and nothing works for it any more."""
    for _ in range(100):
        if connection.closed and connection.at_work is None:
            return
        await deferLater(reactor, 0.01)
    raise AssertionError("the work for a connection did not end with it")


def descriptors(path: Path) -> int:
    """How many open descriptors this process has of a file."""
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            continue
    return links.count(str(path))


@ensureDeferred
async def test_a_reader_that_pauses_gets_the_chunk(server: Server) -> None:
    """Header and payload are whole, though the socket was full for a while."""
    reader, connection = await server.begin()
    await deferLater(reactor, 0.01)
    reader.transport.resumeProducing()
    while len(reader.data) < CHUNK:
        await deferLater(reactor, 0)
    header, _, payload = bytes(reader.data).partition(b"\n")
    assert json.loads(header)["length"] == CHUNK
    assert payload == server.data
    assert server.factory.serving.uploads.total == CHUNK
    reader.transport.loseConnection()
    await at_rest(connection)
    assert descriptors(server.path) == 0


@pytest.mark.skipif(
    not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no such option"
)
@pytest.mark.parametrize("others", [0, 1])
@ensureDeferred
async def test_the_system_takes_little_ahead_while_others_wait(server: Server, others: int) -> None:
    """What it has taken counts as sent here, so it must not be a whole chunk; alone it may be."""
    ends = [await server.begin(WISH) for _ in range(others)]
    reader, connection = await server.begin(WISH + REQUEST)
    reader.transport.resumeProducing()
    while len(reader.data) < CHUNK // 2:
        await deferLater(reactor, 0)
    handle = connection.transport.getHandle()
    unsent = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
    assert unsent == (UNSENT if others else USUAL_UNSENT)
    for end, served in [*ends, (reader, connection)]:
        end.transport.abortConnection()
        await at_rest(served)


@ensureDeferred
async def test_a_downloader_that_never_reads_is_cut_off(server: Server) -> None:
    """After the stall time-out connection, timers and open file are gone."""
    reader, connection = await server.begin()
    await at_rest(connection)
    assert descriptors(server.path) == 0
    assert not server.factory.connections
    reader.transport.resumeProducing()
    await reader.lost
    assert len(reader.data) < CHUNK


@ensureDeferred
async def test_a_downloader_that_vanishes_leaves_nothing(server: Server) -> None:
    """In the midst of a payload."""
    reader, connection = await server.begin()
    reader.transport.abortConnection()
    await at_rest(connection)
    assert descriptors(server.path) == 0


@ensureDeferred
async def test_a_file_cut_short_midway_cuts_the_connection(server: Server) -> None:
    """Nothing stands in for the missing bytes, and the peer itself is told of the change."""
    reader, connection = await server.begin()
    os.truncate(server.path, CHUNK - 1)
    reader.transport.resumeProducing()
    await reader.lost
    await at_rest(connection)
    payload = bytes(reader.data).partition(b"\n")[2]
    assert len(payload) < CHUNK
    assert server.data.startswith(payload)
    assert len(server.changes) == 1
    assert descriptors(server.path) == 0


@ensureDeferred
async def test_an_over_long_line_during_a_payload_leaves_nothing(server: Server) -> None:
    """The work for the connection ends with it, and no open file is left behind."""
    reader, connection = await server.begin()
    reader.transport.write(b"x" * (m.SERVING_LINE_LIMIT + 2))
    reader.transport.resumeProducing()
    await reader.lost
    await at_rest(connection)
    assert descriptors(server.path) == 0
    payload = bytes(reader.data).partition(b"\n")[2]
    assert server.data.startswith(payload[:CHUNK])


SMALL, COUNT = 64 << 10, 12


class CountingDisk(Disk):
    """Counts how often something is opened."""

    opened = 0

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        self.opened += 1
        return super().open(path, flags, mode)


@pytest.mark.parametrize(("kept_open", "opened"), [(60.0, 1), (0.0, COUNT)])
@ensureDeferred
async def test_a_train_of_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_open: float, opened: int
) -> None:
    """Chunk behind chunk, in order, offers between them; the file is opened anew now and then.

    When nothing is asked for any more, it is closed.
    """
    monkeypatch.setattr("p2pfs.peer.serving.chunk_sender.KEPT_OPEN", kept_open)
    data, disk, library = content(SMALL * COUNT), CountingDisk(), Library()
    library.add(shared(tmp_path / "f", data, SMALL))
    files = ServedFiles(reactor, disk, library, lambda *change: None)
    factory = ServingFactory(reactor, files, RateLimit(), Random(1))
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    reader = await connectProtocol(endpoint, Reader())
    wish = m.PeerWant("f", ChunkSet.full(COUNT).to_bitfield(), COUNT, None)
    asked = [m.encode(m.PeerRequestChunk("f", n, encoding="raw")) for n in range(COUNT)]
    reader.transport.write(m.encode(wish) + b"".join(asked))
    got: list[bytes] = []
    offers = 0
    stream = memoryview(b"")
    while len(got) < COUNT:
        await deferLater(reactor, 0.001)
        stream = memoryview(bytes(reader.data))
        got, offers = [], 0
        while stream and (end := bytes(stream[:1000]).find(b"\n")) >= 0:
            message = json.loads(bytes(stream[:end]))
            stream = stream[end + 1 :]
            if message["type"] == "PEER_OFFER":
                offers += 1
                continue
            assert (message["type"], message["chunknum"]) == ("PEER_REPLY_CHUNK", len(got))
            if len(stream) < SMALL:
                break
            got.append(bytes(stream[:SMALL]))
            stream = stream[SMALL:]
    assert b"".join(got) == data
    assert offers
    assert disk.opened == opened
    (connection,) = factory.connections
    while connection.at_work is not None:
        await deferLater(reactor, 0.001)
    assert descriptors(tmp_path / "f") == 0
    reader.transport.loseConnection()
    await at_rest(connection)
    await maybeDeferred(port.stopListening)
