"""Against a serving peer: whatever is asked is answered or cut off, and others get their chunks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred

from p2pfs.peer.serving import factory as serving_factory
from p2pfs.peer.serving.factory import MAX_CONNECTIONS
from p2pfs.wire import messages as m
from tests.hostile.conftest import CHUNK, Honest, LogLines
from tests.hostile.lines import BAD_NAMES, KINDS, NUMBERS, RUBBISH
from tests.hostile.raw import HOSTILE, RawClient, buffered, connect, crowd, disperse
from tests.peer.serving.test_file_sender import descriptors
from tests.swarm.harness import Swarm, random_bytes, until

NAME = "shared.bin"
DATA = random_bytes(4 * CHUNK, seed=9)
RAW = m.encode(m.PeerRequestChunk(NAME, 1, encoding="raw"))
BASE64 = m.encode(m.PeerRequestChunk(NAME, 1))
BARRIER = b'{"type":"PEER_PING_PONG","barrier":1}'


@pytest_twisted.async_yield_fixture()
async def attacker(honest: Honest) -> AsyncIterator[RawClient]:
    """A connection to the source, which shares `DATA`, from another host."""
    await honest.share(NAME, DATA)
    client = await connect(honest.source_port)
    yield client
    await client.hang_up()


async def answers_to(client: RawClient, *lines: bytes) -> list[dict[str, Any]]:
    """What comes in answer to lines, up to the echo of one more."""
    client.send(b"".join(line + b"\n" for line in (*lines, BARRIER)))
    await until(lambda: client.closed or BARRIER in client.lines)
    assert not client.closed
    return [json.loads(line) for line in client.lines[: client.lines.index(BARRIER)]]


@ensureDeferred
@pytest.mark.parametrize("kind", KINDS)
async def test_every_message_at_every_moment(
    honest: Honest, attacker: RawClient, log: LogLines, kind: str
) -> None:
    """Before, behind and between requests for chunks: answered in order, or with an error."""
    lines = [line.rstrip(b"\n") for line in KINDS[kind]]
    chunk = BASE64.rstrip(b"\n")
    answers = await answers_to(attacker, *lines, chunk, *lines, chunk, *lines)
    chunks = [answer for answer in answers if answer.get("data")]
    assert len(chunks) == 2
    others = [answer for answer in answers if not answer.get("data")]
    unanswered = ("ERROR", "PEER_HAVE", "PEER_BUSY", "PEER_READY")
    once = [] if kind in unanswered else ["ERROR"] * len(lines)
    if kind == "PEER_PING_PONG":
        # Who says that it knows turns is told that the source does, before the echo.
        greeting = {False: [kind], True: ["PEER_TURNS", kind]}
        once = [answer for line in lines for answer in greeting[b'"turns"' in line]]
    assert [answer["type"] for answer in others] == 3 * once
    await honest.transfer()
    assert log.of(HOSTILE) == []


@ensureDeferred
@pytest.mark.parametrize("line", RUBBISH.values(), ids=RUBBISH)
async def test_rubbish(honest: Honest, attacker: RawClient, log: LogLines, line: bytes) -> None:
    """Each line is answered with a short error; the log has one line on a hundred of them."""
    answers = await answers_to(attacker, *[line] * 100)
    assert [answer["type"] for answer in answers] == ["ERROR"] * 100
    assert max(map(len, attacker.lines)) < 1000
    await honest.transfer()
    [said] = log.of(HOSTILE)
    assert said.isprintable()


@ensureDeferred
@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
async def test_chunks_outside_of_the_file(
    honest: Honest, attacker: RawClient, number: bytes
) -> None:
    """There is no such chunk."""
    line = b'{"type":"PEER_REQUEST_CHUNK","filename":"%s","chunknum":%s,"encoding":"raw"}'
    answers = await answers_to(attacker, line % (NAME.encode(), number))
    assert [answer["type"] for answer in answers] == ["ERROR"]
    await honest.transfer()


@ensureDeferred
@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
async def test_names_that_are_none(honest: Honest, attacker: RawClient, name: str) -> None:
    """Only what is shared is served, whatever lies on the disk."""
    root = "ab" * 32
    chunk = {"type": "PEER_REQUEST_CHUNK", "filename": name, "chunknum": 0}
    digests = {"type": "PEER_REQUEST_DIGESTS", "filename": name, "root": root}
    lines = [json.dumps(message).encode() for message in (chunk, digests)]
    answers = await answers_to(attacker, *lines)
    assert [answer["type"] for answer in answers] == ["ERROR"] * 2
    await honest.transfer()


@ensureDeferred
@pytest.mark.parametrize("beginning", [b"", b'{"type":"PEER_REQUEST_CHUNK","filename":"'])
async def test_a_line_without_end(honest: Honest, log: LogLines, beginning: bytes) -> None:
    """More than a line may have is not kept, and it is noted once for ten connections."""
    await honest.share(NAME, DATA)
    clients = await crowd(honest.source_port, 10)
    connections = list(honest.source.peer.reception.connections)
    for client in clients:
        client.send(beginning + b"x" * 10_000_000)
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, *(buffered(c) for c in connections if not c.closed), 0)
        return all(client.closed for client in clients)

    await honest.transfer()
    await until(over)
    assert most <= 1 << 20
    [said] = log.of(HOSTILE)
    assert "longer than" in said


@ensureDeferred
@pytest.mark.parametrize("request_line", [RAW, BASE64], ids=["raw", "base64"])
async def test_chunks_that_are_not_read(honest: Honest, request_line: bytes) -> None:
    """Thousands of requests on each of some connections cost an answer and a queue on each."""
    path = await honest.share(NAME, DATA)
    clients = await crowd(honest.source_port, 20)
    connections = list(honest.source.peer.reception.connections)
    for client in clients:
        client.deaf()
        client.send(request_line * 5000)
    await until(lambda: all(connection.input_held for connection in connections))
    await honest.transfer()
    assert max(map(buffered, connections)) <= (1 << 20)
    assert max(len(connection._queue) for connection in connections) <= 64
    # Beside these there may be that of the honest transfer, just about to be closed.
    await until(lambda: descriptors(path) <= 20)
    await disperse(clients)
    await until(lambda: descriptors(path) == 0)
    await until(lambda: not any(connection.at_work for connection in connections))


@ensureDeferred
async def test_thousands_of_connections(honest: Honest, log: LogLines) -> None:
    """A host that takes all connections keeps nobody out, and is noted once."""
    clients = await crowd(honest.source_port, 1000)
    await until(lambda: sum(client.closed for client in clients) >= 1000 - MAX_CONNECTIONS)
    await honest.transfer()
    assert len(honest.source.peer.reception.connections) <= MAX_CONNECTIONS
    assert len(log.of(HOSTILE)) == 1
    await disperse(clients)


@ensureDeferred
async def test_who_is_at_work_is_not_idle(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """When others make its host give up connections, those that wait for nothing go first."""
    monkeypatch.setattr(serving_factory, "MAX_CONNECTIONS", 8)
    source = await swarm.peer("source", upload_rate=2 * CHUNK, smallest_chunk=CHUNK)
    honest = Honest(swarm, source, await swarm.peer("fetcher"))
    await honest.share(NAME, DATA)
    slow = await connect(honest.source_port)
    slow.send(RAW)
    await until(lambda: slow.lines)
    # Younger ones of the same host, which ask for what is answered at once.
    idle = await crowd(honest.source_port, 7)
    for client in idle:
        client.send(BARRIER + b"\n")
    await until(lambda: all(client.lines for client in idle))
    others = [await connect(honest.source_port, f"127.0.0.{n}") for n in range(70, 74)]
    await until(lambda: sum(client.closed for client in idle) == 4)
    assert not slow.closed
    await disperse([slow, *idle, *others])


@ensureDeferred
async def test_what_cannot_be_read_is_said_once(honest: Honest, log: LogLines) -> None:
    """However often somebody asks for it."""
    path = await honest.share(NAME, DATA)
    reader = type(honest.source.peer.serving.files).open

    async def fails(factory: Any, holding: Any) -> Any:
        from p2pfs.errors import StorageProblem

        raise StorageProblem(f"{path}: input/output error")

    honest.source.peer.serving.files.open = fails.__get__(honest.source.peer.serving.files)  # type: ignore[method-assign]
    client = await connect(honest.source_port)
    answers = await answers_to(client, *[RAW.rstrip(b"\n")] * 100)
    assert [answer["type"] for answer in answers] == ["ERROR"] * 100
    assert not any(str(path) in answer["message"] for answer in answers)
    assert len(log.of(HOSTILE)) == 1
    honest.source.peer.serving.files.open = reader.__get__(honest.source.peer.serving.files)  # type: ignore[method-assign]
    await honest.transfer()
    await client.hang_up()
