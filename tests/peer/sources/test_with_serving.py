"""Both ends of a connection between peers: what one sends, the other understands."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet
from p2pfs.errors import Refused
from p2pfs.hashing import Hash
from p2pfs.peer.library import Library
from p2pfs.peer.payloads import ChunkSink, Lender
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving import ServedFiles, ServingFactory
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Answer, Incoming
from p2pfs.peer.sources.connection import SourceConnection, SourceFactory
from p2pfs.peer.storage import Disk, PartFile
from p2pfs.secure import A_PEER, Door, OpenDoor
from p2pfs.wire import messages as m
from tests.peer.holdings import content, described, shared
from tests.peer.serving.test_file_sender import private_door
from tests.peer.serving_pair import Downloader, Serving, join
from tests.peer.sources.test_connection import outcome

DATA = content(95)
INFO, HASHES = described(DATA, 20)


@pytest.mark.parametrize("function", Hash)
def test_a_downloader_and_a_serving_peer_understand_each_other(
    tmp_path: Path, function: Hash
) -> None:
    """Hash list, ping, chunks and a refusal over one connection, pipelined."""
    info, digests = described(DATA, 20, function)
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", DATA, 20, function=function))
    down = Downloader(info, serving.clock)
    ours, theirs = down.connect(), serving.connect()
    hashes = down.source.fetch_hash_list("f", info)
    ping = down.source.ping()
    asked = [down.fetch(number) for number in (4, 0, 3)]
    refused = down.fetch(1, name="unknown")
    asked += [down.fetch(number) for number in (2, 1)]
    join(ours, theirs)
    assert bytes(outcome(hashes)) == bytes(digests)
    assert outcome(ping) == 0
    assert all(one.called for one in asked)
    assert [outcome(down.sinks[n].finish()) for n in range(5)] == [digests[n] for n in range(5)]
    assert isinstance(outcome(refused), Refused)
    assert down.written() == DATA
    assert serving.factory.serving.uploads.total == len(DATA)
    ours.hang_up()
    theirs.hang_up()
    assert not serving.clock.getDelayedCalls()
    down.close()


def test_a_whole_file_comes_by_offers(tmp_path: Path) -> None:
    """A whole file by offers: each is fetched, and its arrival brings the next."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", DATA, 20))
    down = Downloader(INFO)
    ours, theirs = down.connect(), serving.connect()
    down.source.ping()
    join(ours, theirs)

    def take(chunknum: int, spare: bool) -> Answer:
        fetched = down.fetch(chunknum)
        fetched.addCallback(lambda _: down.sinks[chunknum].finish())
        fetched.addCallback(lambda _: down.source.have("f", chunknum))
        return Answer.TAKEN

    down.source.want("f", INFO, ChunkSet.full(5), 2, take, lambda _: None)
    join(ours, theirs)
    assert down.written() == DATA
    ours.hang_up()
    serving.done(theirs)
    down.close()


@pytest.mark.parametrize("function", Hash)
def test_a_large_chunk_in_base64_is_made_and_taken_in_pieces(
    tmp_path: Path, function: Hash
) -> None:
    """What one makes of a large chunk, the other takes; it compares a claim of the same hash."""
    chunk = 15 << 18
    data = content(chunk + 1000)
    info, hashes = described(data, chunk, function)
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", data, chunk, function=function))
    down = Downloader(info, serving.clock)
    ours, theirs = down.connect(), serving.connect(stuck=True)
    asked = [down.fetch(0), down.fetch(1)]
    ours.take()
    theirs.deliver(m.encode(m.PeerRequestChunk("f", 0)) + m.encode(m.PeerRequestChunk("f", 1)))
    join(ours, theirs)
    serving.clock.advance(0)
    join(ours, theirs)
    known = [hashes[0], hashes[1]]
    assert [outcome(one) for one in asked] == (known if function is Hash.SHA256 else [None, None])
    assert [outcome(down.sinks[n].finish()) for n in range(2)] == known
    assert down.written() == data
    down.close()


@pytest.mark.parametrize("function", Hash)
@pytest.mark.parametrize("lent", [False, True])
@pytest.mark.parametrize("make_door", [OpenDoor, private_door])
@ensureDeferred
async def test_chunks_over_tcp_with_real_threads(
    tmp_path: Path, function: Hash, lent: bool, make_door: Callable[[], Door]
) -> None:
    """Large chunks, all asked for at once, between two real ends; also read by a thread.

    In an open swarm, and in a private one, with TLS.
    """
    door = make_door()
    lender = Lender(reactor, RateLimit(), worth=1) if lent else None
    size, chunksize = 5_000_000, 1_500_000
    data = content(size)
    holding = shared(tmp_path / "f", data, chunksize, function=function)
    library = Library()
    library.add(holding)
    files = ServedFiles(reactor, Disk(), library, lambda *_: None)
    serving = ServingFactory(reactor, files, RateLimit(), Random(1))
    port = reactor.listenTCP(0, door.guard(serving), interface="127.0.0.1")
    address = Address("127.0.0.1", port.getHost().port)
    endpoint = TCP4ClientEndpoint(reactor, address.host, address.port)
    make = partial(SourceConnection, reactor, address, Patience(), Incoming(lender=lender))
    source = await door.connect(endpoint, SourceFactory(make), A_PEER)
    assert isinstance(source, SourceConnection)
    part = PartFile.create(Disk(), tmp_path / "part", size)
    info, sinks = holding.info, []
    asked = []
    for number in range(info.totalchunknum):
        place = info.offset(number), info.length(number)
        sinks.append(ChunkSink(reactor, part, *place, info.hasher()))
        asked.append(source.fetch("f", info, number, sinks[-1]))
    await gatherResults(asked)
    assert await gatherResults([s.finish() for s in sinks]) == [holding.hashes[n] for n in range(4)]
    assert part.path.read_bytes() == data
    part.close()
    source.hang_up()
    await source.ended()
    for connection in list(serving.connections):
        connection.abort()
    await maybeDeferred(port.stopListening)
