"""Against a downloader: sources and trackers that lie, and a file that is right in the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory

from p2pfs.errors import P2pfsError
from p2pfs.peer.commands import peer_commands
from tests.hostile.conftest import Honest, LogLines
from tests.hostile.lines import BAD_NAMES, KINDS, NUMBERS, RUBBISH
from tests.hostile.raw import Lying, LyingConnection, buffered
from tests.swarm.foreign import ForeignSource, JsonLines
from tests.swarm.harness import MIB, Swarm, download, random_bytes, until

NAME = "x.bin"
DATA = random_bytes(3 * MIB + 5, seed=8)

Lie = Callable[[LyingConnection, dict[str, Any]], None]
Join = Callable[..., Awaitable[Lying]]


@pytest.fixture
def join(swarm: Swarm, guests: list[ForeignSource]) -> Join:
    """Adds liars that claim all of `DATA`."""

    async def add(instead_of: str, lie: Lie) -> Lying:
        source = Lying(DATA, instead_of, lie)
        guests.append(source)
        await source.join(swarm.port, NAME)
        return source

    return add


async def fetch(swarm: Swarm, alone: bool = True) -> None:
    """An honest source joins the liars; a downloader gets the file, from it ``alone``."""
    source = await swarm.peer("source")
    honest = Honest(swarm, source, await swarm.peer("fetcher", patience={"silence": 0.15}))
    await honest.share(NAME, DATA)
    copy = swarm.directory / "copy"
    fetched = await download(honest.fetcher, NAME, copy)
    assert copy.read_bytes() == DATA
    if alone:
        assert list(fetched.sources) == [f"127.0.0.1:{honest.source_port}"]
    await honest.transfer()


def header(request: dict[str, Any], **fields: Any) -> bytes:
    """The line of a chunk."""
    number = request["chunknum"]
    line = {"type": "PEER_REPLY_CHUNK", "filename": NAME, "chunknum": number, "digest": "00" * 32}
    return json.dumps({**line, **fields}).encode() + b"\n"


# Sources


@ensureDeferred
@pytest.mark.parametrize("kind", KINDS)
async def test_every_message_in_place_of_an_answer(
    swarm: Swarm, join: Join, log: LogLines, kind: str
) -> None:
    """Of a ping, of the hash list, of a chunk: no answer of that kind ends a download."""
    requests = ("PEER_PING_PONG", "PEER_REQUEST_DIGESTS", "PEER_REQUEST_CHUNK")
    for request in requests:
        if (request, kind) == ("PEER_PING_PONG", "PEER_PING_PONG"):
            continue  # that is the answer
        await join(request, lambda connection, _: connection.transport.write(b"".join(KINDS[kind])))
    await fetch(swarm, alone=False)
    assert sum("Banned" in line for line in log.lines) <= len(requests)


@ensureDeferred
@pytest.mark.parametrize(
    "request_type", ["PEER_PING_PONG", "PEER_REQUEST_DIGESTS", "PEER_REQUEST_CHUNK"]
)
async def test_rubbish_in_place_of_an_answer(
    swarm: Swarm, join: Join, log: LogLines, request_type: str
) -> None:
    """Of every sort, however often it comes."""
    for line in RUBBISH.values():
        lie = (line + b"\n") * 20
        await join(request_type, lambda connection, _, lie=lie: connection.transport.write(lie))
    await fetch(swarm, alone=False)
    assert sum("Banned" in line for line in log.lines) <= len(RUBBISH)


@ensureDeferred
@pytest.mark.parametrize("field", ["chunknum", "length"])
async def test_numbers_in_the_line_of_a_chunk(
    swarm: Swarm, join: Join, log: LogLines, field: str
) -> None:
    """A chunk of another number or length is not waited for, and nothing is set aside for it."""
    template = (
        b'{"type":"PEER_REPLY_CHUNK","filename":"%s","digest":"%s","chunknum":%s,"length":%s}\n'
    )

    def lie(connection: LyingConnection, request: dict[str, Any], number: bytes) -> None:
        fields = {"chunknum": b"%d" % request["chunknum"], "length": b"5", field: number}
        reply = template % (NAME.encode(), b"0" * 64, fields["chunknum"], fields["length"])
        connection.transport.write(reply + b"12345")

    for number in NUMBERS.values():
        await join("PEER_REQUEST_CHUNK", partial(lie, number=number))
    await fetch(swarm)
    assert sum("Banned" in line for line in log.lines) <= len(NUMBERS)


@ensureDeferred
async def test_many_liars_with_digests_of_their_own(
    swarm: Swarm, join: Join, log: LogLines
) -> None:
    """Wrong bytes with the matching digest: each liar is found out once, and one line says so."""

    def lie(connection: LyingConnection, request: dict[str, Any]) -> None:
        number = request["chunknum"]
        data = b"?" * len(DATA[number * MIB : (number + 1) * MIB])
        digest = hashlib.sha256(data).hexdigest()
        connection.transport.write(header(request, length=len(data), digest=digest) + data)

    liars = [await join("PEER_REQUEST_CHUNK", lie) for _ in range(20)]
    await fetch(swarm)
    banned = [line for line in log.lines if "Banned" in line]
    assert len(banned) == sum(bool(liar.lies) for liar in liars)
    assert len(set(banned)) == len(banned)


@ensureDeferred
@pytest.mark.parametrize("more", [1, 1 << 40])
async def test_more_announced_than_a_chunk_has(
    swarm: Swarm, join: Join, log: LogLines, more: int
) -> None:
    """A length beyond that of the chunk is a lie at once."""
    liar = await join(
        "PEER_REQUEST_CHUNK",
        lambda connection, request: connection.transport.write(header(request, length=MIB + more)),
    )
    await fetch(swarm)
    assert sum("wrong length" in line for line in log.lines) == bool(liar.lies)


@ensureDeferred
@pytest.mark.parametrize("then", ["nothing", "the end", "another line"])
async def test_less_sent_than_was_announced(swarm: Swarm, join: Join, then: str) -> None:
    """The chunk is asked of others after a time of silence, at the end, or as a wrong one."""

    def lie(connection: LyingConnection, request: dict[str, Any]) -> None:
        number = request["chunknum"]
        length = len(DATA[number * MIB : (number + 1) * MIB])
        connection.transport.write(header(request, length=length) + DATA[: length // 2])
        if then == "the end":
            connection.transport.loseConnection()
        elif then == "another line":
            connection.transport.write(header(request, length=length) + DATA[:length])

    await join("PEER_REQUEST_CHUNK", lie)
    await fetch(swarm)


@ensureDeferred
@pytest.mark.parametrize("beginning", [b"", b'{"type":"PEER_REPLY_CHUNK","filename":"'])
@pytest.mark.parametrize("request_type", ["PEER_PING_PONG", "PEER_REQUEST_DIGESTS"])
async def test_a_line_without_end(
    swarm: Swarm, join: Join, request_type: str, beginning: bytes
) -> None:
    """More than a line may have is not kept."""
    kept = []

    def lie(connection: LyingConnection, request: dict[str, Any]) -> None:
        connection.transport.write(beginning + b"x" * (10 * MIB))
        kept.append(connection)

    await join(request_type, lie)
    most = 0

    def look() -> bool:
        nonlocal most
        for reader in reactor.getReaders():
            protocol = getattr(reader, "protocol", None)
            if type(protocol).__name__ == "SourceConnection":
                most = max(most, buffered(protocol))
        return False

    watching = until(lambda: look() or not kept or not kept[0].connected)
    await fetch(swarm, alone=False)
    await watching
    assert most <= 4 * MIB + 512 * 1024


@ensureDeferred
async def test_answers_nobody_asked_for(swarm: Swarm, join: Join, log: LogLines) -> None:
    """Thousands of them, beside right answers: the connection ends, and nothing comes of them."""

    def flood(connection: LyingConnection, request: dict[str, Any]) -> None:
        connection.sendLine(json.dumps(request).encode())
        pong, chunk = b'{"type":"PEER_PING_PONG"}\n', header({"chunknum": 0}, length=5) + b"12345"
        connection.transport.write(pong * 5000 + chunk * 5000)

    liar = await join("PEER_PING_PONG", flood)
    await fetch(swarm, alone=False)
    assert not any(connection.connected for connection in liar.connections)
    assert len(log.lines) < 40


@ensureDeferred
async def test_holders_that_do_not_exist(swarm: Swarm, join: Join) -> None:
    """A hundred addresses at which nobody listens do not hide the one that has it."""
    conversations = []
    for port in range(100):
        source = await join("none", lambda *_: None)
        await maybeDeferred(source.port.stopListening)
        conversations.append(port)
    await fetch(swarm)


# Trackers


class LyingTracker(Factory):
    """Answers requests as it likes, by their type; others in order."""

    noisy = False

    def __init__(self, **lies: Any) -> None:
        self.lies = lies
        self.connections: list[Any] = []
        self.port = reactor.listenTCP(0, self, interface="127.0.0.1")

    def buildProtocol(self, addr: object) -> Any:
        factory = self

        class Connection(JsonLines):
            def connectionLost(self, reason: Any = None) -> None:
                self.connected = 0

            def lineReceived(self, line: bytes) -> None:
                request = json.loads(line)
                lie = factory.lies.get(request["type"])
                if lie is not None:
                    self.transport.write(lie(request) if callable(lie) else lie)
                elif request["type"] == "REQUEST_REGISTER":
                    self.say(type="REPLY_REGISTER", address="127.0.0.1:7001")

        self.connections.append(Connection())
        return self.connections[-1]

    async def stop(self) -> None:
        """Close everything."""
        await maybeDeferred(self.port.stopListening)
        for connection in self.connections:
            if connection.connected:
                connection.transport.abortConnection()
        await until(lambda: not any(connection.connected for connection in self.connections))


@pytest_twisted.async_yield_fixture()
async def lying_tracker() -> AsyncIterator[Callable[..., LyingTracker]]:
    """Makes trackers that lie."""
    made: list[LyingTracker] = []

    def make(**lies: Any) -> LyingTracker:
        made.append(LyingTracker(**lies))
        return made[-1]

    yield make
    for tracker in made:
        await tracker.stop()


def line(**message: Any) -> bytes:
    """A message as it is sent."""
    return json.dumps(message).encode() + b"\n"


async def victim(swarm: Swarm, tracker: LyingTracker, patience: float = 0.1) -> Any:
    """A peer of a lying tracker."""
    port = tracker.port.getHost().port
    return swarm.start_peer(
        "victim", tracker=f"tcp:127.0.0.1:{port}", patience={"tracker": patience}
    )


async def outcome(peer: Any, *words: str) -> str:
    """What a command comes to, in words."""
    commands = peer_commands(peer.peer)
    try:
        answer = await commands.run(commands.definitions.parse(words), lambda progress: None)
    except P2pfsError as error:
        return str(error)
    return "\n".join(answer.lines)


@ensureDeferred
@pytest.mark.parametrize("kind", KINDS)
async def test_every_message_of_a_tracker_in_place_of_an_answer(
    honest: Honest, lying_tracker: Any, log: LogLines, kind: str
) -> None:
    """Whatever was asked, there is an answer or a sentence; and the peer lives on."""
    lie = b"".join(KINDS[kind])
    asked = ("REQUEST_FILE_LIST", "REQUEST_FILE_LOCATION", "REQUEST_PUBLISH")
    tracker = lying_tracker(**dict.fromkeys(asked, lie))
    peer = await victim(honest.swarm, tracker)
    await until(lambda: peer.peer.announcer.joined)
    path = honest.swarm.directory / "mine"
    path.write_bytes(b"12345")
    for words in (["list_file"], ["download", "f", str(path) + ".copy"], ["publish", str(path)]):
        assert await outcome(peer, *words)
        assert await outcome(peer, "status")
    await honest.transfer()


@ensureDeferred
@pytest.mark.parametrize("address", ["", "\x1b[2J", ":0", "x" * 100_000, "h:1:2", "[::]"])
async def test_what_a_tracker_recorded_is_no_address(
    honest: Honest, lying_tracker: Any, log: LogLines, address: str
) -> None:
    """Its connection ends, and what it said is neither shown nor logged."""
    tracker = lying_tracker(REQUEST_REGISTER=line(type="REPLY_REGISTER", address=address))
    peer = await victim(honest.swarm, tracker)
    await until(lambda: len(tracker.connections) > 1)
    shown = await outcome(peer, "status")
    assert "no address" in shown or "tried again" in shown
    assert all(text.isprintable() for text in [*log.lines, *shown.split("\n")])
    await honest.transfer()


@ensureDeferred
async def test_a_tracker_names_what_is_no_holder(
    honest: Honest, swarm: Swarm, lying_tracker: Any
) -> None:
    """Hosts with impossible names, no hosts at all, and one right address among them."""
    await honest.share(NAME, DATA)
    holding = honest.source.peer.library.get(NAME)
    assert holding is not None
    info = msgspec.to_builtins(holding.info)
    import base64

    claim = base64.b64encode(holding.chunks.to_bitfield()).decode()
    wrong = ["a..b:1", "x" * 70 + ":1", "-:1", ".:1", ":1", "127.0.0.1:1", "\x1b:1", "h:0"]
    wrong += ["[fe80::1%lo]:1", "255.255.255.255:1", "0.0.0.0:1", "a" * 300 + ":1", "_._:1"]
    named = dict.fromkeys([*wrong, f"127.0.0.1:{honest.source_port}"], claim)
    named["127.0.0.1:2"] = "////"
    reply = line(type="REPLY_FILE_LOCATION", filename=NAME, fileinfo=info, chunkinfo=named)
    peer = await victim(swarm, lying_tracker(REQUEST_FILE_LOCATION=reply), 5.0)
    await until(lambda: peer.peer.announcer.joined)
    copy = swarm.directory / "copy"
    await download(peer, NAME, copy)
    assert copy.read_bytes() == DATA
    await honest.transfer()


@ensureDeferred
async def test_names_of_a_tracker_are_checked_and_shown_safely(
    honest: Honest, lying_tracker: Any
) -> None:
    """A list has no name that is none, and none that could turn a terminal's text round."""
    info = {"filesize": 3, "totalchunknum": 3, "chunksize": 1}
    good = ["invoice\u202efdp.exe", "pay\u200bpal", "paypal", "p\u0430ypal"]
    names = [name for name in BAD_NAMES.values() if name != "\udc80"] + good
    reply = line(type="REPLY_FILE_LIST", filelist=dict.fromkeys(names, info), more=False)
    refusal = line(
        type="REPLY_PUBLISH", filename="mine", result=False, message="\x1b[2J\u202e" + "x" * 3000
    )
    tracker = lying_tracker(REQUEST_FILE_LIST=reply, REQUEST_PUBLISH=refusal)
    peer = await victim(honest.swarm, tracker)
    await until(lambda: peer.peer.announcer.joined)
    shown = (await outcome(peer, "list_file")).split("\n")
    assert len(shown) == 1 + len(good) + 1
    assert r"invoice\u202efdp.exe" in shown[1]
    path = honest.swarm.directory / "mine"
    path.write_bytes(b"12345")
    refused = await outcome(peer, "publish", str(path))
    assert len(refused) < 500
    status = (await outcome(peer, "status")).split("\n")
    assert all(text.isprintable() for text in [*shown, refused, *status])
    await honest.transfer()
