"""Sources that are slow, by nature or by design: who delivers is waited for, who drips is not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.task import LoopingCall

from p2pfs.errors import DownloadFailed
from p2pfs.peer.service import PeerService
from tests.swarm.foreign import ForeignConnection, ForeignSource, hash_list
from tests.swarm.harness import MIB, Swarm, download, publish, random_bytes, until

NAME = "x.bin"
DATA = random_bytes(4 * MIB, seed=5)
SMALL = random_bytes(30_000, seed=6)

Answer = Callable[[ForeignConnection, dict[str, Any]], None]


class Trickle:
    """Sends to each connection a piece of what there is to say, in turns of a tenth of a second."""

    def __init__(self, piece: int) -> None:
        self._piece = piece
        self._waiting: dict[ForeignConnection, bytes] = {}
        self._loop = LoopingCall(self._turn)
        self._loop.start(0.1, now=False)

    def __call__(self, connection: ForeignConnection, request: dict[str, Any]) -> None:
        """Answer a request for a chunk in raw bytes: the header at once, the rest slowly."""
        number = request["chunknum"]
        data = connection.source.data[number * MIB : (number + 1) * MIB]
        digest = connection.source.digests[32 * number : 32 * (number + 1)].hex()
        header = {"type": "PEER_REPLY_CHUNK", "filename": NAME, "chunknum": number}
        line = json.dumps({**header, "digest": digest, "length": len(data)}).encode()
        self.say(connection, line + b"\n" + data)

    def in_base64(self, connection: ForeignConnection, request: dict[str, Any]) -> None:
        """The same, all of it slowly, in one long line."""
        number = request["chunknum"]
        data = connection.source.data[number * MIB : (number + 1) * MIB]
        header = {"type": "PEER_REPLY_CHUNK", "filename": NAME, "chunknum": number, "digest": ""}
        line = json.dumps({**header, "data": base64.b64encode(data).decode()})
        self.say(connection, line.encode() + b"\n")

    def say(self, connection: ForeignConnection, what: bytes) -> None:
        """Send that after what there is to send already."""
        self._waiting[connection] = self._waiting.get(connection, b"") + what

    def stop(self) -> None:
        """Send no more."""
        self._loop.stop()

    def _turn(self) -> None:
        for connection, waiting in self._waiting.items():
            if connection.connected:
                connection.transport.write(waiting[: self._piece])
                self._waiting[connection] = waiting[self._piece :]


@pytest.fixture
def trickle() -> Iterator[Callable[[int], Trickle]]:
    """Makes slow senders."""
    made: list[Trickle] = []

    def make(piece: int) -> Trickle:
        made.append(Trickle(piece))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def join(swarm: Swarm, guests: list[ForeignSource]) -> Callable[..., Any]:
    """Adds foreign sources to the swarm."""

    async def add(data: bytes, answer: Answer) -> ForeignSource:
        source = ForeignSource(data, answer)
        guests.append(source)
        await source.join(swarm.port, NAME)
        return source

    return add


async def honest_peer(swarm: Swarm, name: str = "honest") -> PeerService:
    """A quick source of `DATA`."""
    peer = await swarm.peer(name)
    (swarm.directory / NAME).write_bytes(DATA)
    await publish(peer, swarm.directory / NAME)
    return peer


@ensureDeferred
@pytest.mark.parametrize("form", ["raw", "base64"])
async def test_a_sole_source_that_drips_ends_the_download(
    swarm: Swarm, join: Any, trickle: Any, form: str
) -> None:
    """In the header or in the payload: the download ends, and the error says what it was."""
    slow = trickle(1)
    await join(DATA, slow if form == "raw" else slow.in_base64)
    fetcher = await swarm.peer("fetcher")
    _, fetched = fetcher.peer.downloads.start(NAME, swarm.directory / "copy")
    await until(lambda: fetched.called)
    with pytest.raises(DownloadFailed, match="less than 64 bytes a second"):
        await fetched


@ensureDeferred
async def test_a_slow_but_honest_sole_source_succeeds(
    swarm: Swarm, join: Any, trickle: Any
) -> None:
    """It takes longer than a source would be waited for, but it comes."""
    await join(SMALL, trickle(1000))
    fetcher = await swarm.peer("fetcher", patience={"silence": 0.4})
    begun = reactor.seconds()
    await download(fetcher, NAME, swarm.directory / "copy")
    assert (swarm.directory / "copy").read_bytes() == SMALL
    assert reactor.seconds() - begun > 1.5  # the patience for a source, or it proves nothing


@ensureDeferred
async def test_a_slow_source_does_not_hold_up_the_end(
    swarm: Swarm, join: Any, trickle: Any
) -> None:
    """What it would need minutes for is asked of the quick one, which then delivers all."""
    slow = await join(DATA, trickle(1000))
    quick = await honest_peer(swarm)
    fetcher = await swarm.peer("fetcher", patience={"no_source": 30.0})
    _, fetched = fetcher.peer.downloads.start(NAME, swarm.directory / "copy")
    await until(lambda: fetched.called)
    result = await fetched
    assert slow.requests
    assert result.sources == {quick.peer.announcer.address: len(DATA)}
    assert (swarm.directory / "copy").read_bytes() == DATA


@ensureDeferred
async def test_a_source_that_comes_late_stands_in(swarm: Swarm, join: Any, trickle: Any) -> None:
    """Even when all that is missing is in flight at a slow one, and its own speed unknown."""
    slow = await join(DATA[: 2 * MIB], trickle(1000))
    fetcher = await swarm.peer("fetcher", patience={"no_source": 30.0, "silence": 0.5})
    _, fetched = fetcher.peer.downloads.start(NAME, swarm.directory / "copy")
    await until(lambda: len(slow.requests) == 1)
    quick = await swarm.peer("quick")
    (swarm.directory / NAME).write_bytes(DATA[: 2 * MIB])
    await publish(quick, swarm.directory / NAME)
    await until(lambda: fetched.called)
    assert (await fetched).sources == {quick.peer.announcer.address: 2 * MIB}


@ensureDeferred
async def test_slow_sources_do_not_take_from_each_other(
    swarm: Swarm, join: Any, trickle: Any
) -> None:
    """Two equally slow sources are left to what they do."""
    data = random_bytes(MIB + 30_000, seed=7)
    answer = trickle(40_000)
    sources = [await join(data, answer), await join(data, answer)]
    fetcher = await swarm.peer("fetcher")
    await download(fetcher, NAME, swarm.directory / "copy")
    assert (swarm.directory / "copy").read_bytes() == data
    assert sorted(sources[0].requests + sources[1].requests) == [0, 1]


@ensureDeferred
async def test_a_dripped_hash_list_does_not_hold_up_the_beginning(
    swarm: Swarm, join: Any, trickle: Any
) -> None:
    """Above the least rate, but far too slow: another source is asked for it."""
    slow = trickle(10)

    class SlowHashes(ForeignConnection):
        def lineReceived(self, line: bytes) -> None:
            request = json.loads(line)
            if request["type"] == "PEER_REQUEST_DIGESTS":
                asked.append(self)
                reply = {"type": "PEER_REPLY_DIGESTS", "filename": NAME, "root": request["root"]}
                data = base64.b64encode(hash_list(DATA)).decode()
                slow.say(self, json.dumps({"padding": "x" * 9000, **reply, "data": data}).encode())
            else:
                super().lineReceived(line)

    asked: list[SlowHashes] = []
    for _ in range(3):
        source = await join(DATA, ForeignConnection.send_chunk)
        source.buildProtocol = lambda addr, source=source: SlowHashes(source)
    await honest_peer(swarm)
    fetcher = await swarm.peer("fetcher", patience={"no_source": 30.0, "silence": 0.5})
    _, fetched = fetcher.peer.downloads.start(NAME, swarm.directory / "copy")
    await until(lambda: fetched.called)
    await fetched
    assert asked
