"""Against a tracker: whatever is sent is answered or cut off, and honest peers go on."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred

from p2pfs.tracker.quotas import Quotas
from p2pfs.wire.handling import LINES_PER_TURN
from tests.hostile.conftest import Honest, LogLines
from tests.hostile.lines import BAD_NAMES, KINDS, NUMBERS, RUBBISH
from tests.hostile.raw import HOSTILE, RawClient, buffered, connect, crowd, disperse
from tests.swarm.harness import Swarm, until

MIB = 1 << 20
INFO = {"filesize": 3, "totalchunknum": 3, "chunksize": 1}
BARRIER = {"type": "REQUEST_FILE_LIST", "prefix": "no such file"}


@pytest_twisted.async_yield_fixture()
async def attacker(honest: Honest) -> AsyncIterator[RawClient]:
    """A connection to the tracker from another host."""
    client = await connect(honest.swarm.port)
    yield client
    await client.hang_up()


async def answers_to(client: RawClient, *lines: bytes) -> list[dict[str, Any]]:
    """What comes in answer to lines, up to the answer to one more request."""
    known = len(client.lines)
    client.send(b"".join(line + b"\n" for line in lines))
    client.say(**BARRIER)
    await until(lambda: client.closed or (client.lines[known:] and _ends(client.lines[-1])))
    assert not client.closed
    return client.heard[known:-1]


def _ends(line: bytes) -> bool:
    message = json.loads(line)
    return bool(message["type"] == "REPLY_FILE_LIST" and not message["filelist"])


async def register(client: RawClient, port: int = 7001) -> None:
    """Have a client join."""
    reply = await client.ask(type="REQUEST_REGISTER", address=f":{port}")
    assert (reply["type"], reply["address"]) == ("REPLY_REGISTER", f"{HOSTILE}:{port}")


# What is sent


@ensureDeferred
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_every_message_at_every_moment(
    honest: Honest, attacker: RawClient, log: LogLines, kind: str, joined: bool
) -> None:
    """Each is answered with its reply or an error, or is one that is not answered."""
    if joined:
        await register(attacker)
    lines = [line.rstrip(b"\n") for line in KINDS[kind] * 3]
    answers = await answers_to(attacker, *lines)
    reply = kind.replace("REQUEST", "REPLY") if kind.startswith("REQUEST_") else "ERROR"
    reply = {"REPLY_UNPUBLISH": "REPLY_PUBLISH"}.get(reply, reply)
    assert {answer["type"] for answer in answers} <= {reply, "ERROR", "REPLY_CHALLENGE"}
    assert all(a["request"] == kind for a in answers if a["type"] == "ERROR")
    if kind == "ERROR":
        assert answers == []
    elif kind not in ("REQUEST_CHUNK_REGISTER", "REQUEST_REACHED"):
        assert len(answers) == len(lines)
    await honest.transfer()
    assert len(log.of(HOSTILE)) <= 1  # that it joined


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
async def test_numbers(honest: Honest, attacker: RawClient, log: LogLines, number: bytes) -> None:
    """No number in any place makes a holder, or a file, of what cannot be."""
    await register(attacker)
    await honest.share("f", b"12345")
    chunk = b'{"type":"REQUEST_CHUNK_REGISTER","filename":"f","chunknum":%s}'
    publish = b'{"type":"REQUEST_PUBLISH","filename":"g","fileinfo":%s}'
    answers = await answers_to(
        attacker,
        chunk % number,
        publish % (b'{"filesize":%s,"totalchunknum":1,"chunksize":1}' % number),
        publish % (b'{"filesize":1,"totalchunknum":%s,"chunksize":1}' % number),
        publish % (b'{"filesize":1,"totalchunknum":1,"chunksize":%s}' % number),
        publish % (b'{"filesize":%s,"totalchunknum":%s,"chunksize":1}' % (number, number)),
    )
    assert [answer["type"] for answer in answers] == ["ERROR"] * 5
    directory = honest.swarm.tracker.tracker.directory
    assert list(directory) == ["f"]
    assert directory.held_by(f"{HOSTILE}:7001") == {}
    await honest.transfer()
    assert len(log.of(HOSTILE)) <= 2


@ensureDeferred
@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
async def test_names_that_are_none(honest: Honest, attacker: RawClient, name: str) -> None:
    """They are refused in every request that could list them."""
    await register(attacker)
    publish = {"type": "REQUEST_PUBLISH", "filename": name, "fileinfo": INFO}
    add = {"type": "REQUEST_CHUNK_REGISTER", "filename": name, "chunknum": 0, "fileinfo": INFO}
    lines = [json.dumps(message).encode() for message in (publish, add)]
    answers = await answers_to(attacker, *lines)
    assert [answer.get("result", False) for answer in answers] == [False, False]
    assert all(len(answer["message"]) < 300 for answer in answers)
    assert list(honest.swarm.tracker.tracker.directory) == []
    await honest.transfer()


@ensureDeferred
async def test_names_that_look_alike_are_different_names(
    honest: Honest, attacker: RawClient
) -> None:
    """Who lists the one has no part in the other."""
    await register(attacker)
    await honest.share("paypal", b"honest")
    alike = ["p\u0430ypal", "pay\u200bpal", "paypal\u202e", "paypa\u0131"]
    for name in alike:
        reply = await attacker.ask(type="REQUEST_PUBLISH", filename=name, fileinfo=INFO)
        assert reply["result"]
    reply = await attacker.ask(type="REQUEST_PUBLISH", filename="paypal", fileinfo=INFO)
    assert not reply["result"]
    assert len(honest.swarm.tracker.tracker.directory["paypal"].holders) == 1
    await honest.transfer()


@ensureDeferred
@pytest.mark.parametrize("beginning", [b"", b'{"type":"REQUEST_FILE_LIST","prefix":"', b"["])
async def test_a_line_without_end(honest: Honest, log: LogLines, beginning: bytes) -> None:
    """A line may have 4 MiB, ten of them take no more than a host's share, and are noted once.

    That is also where a name of 10 MB ends.
    """
    clients = await crowd(honest.swarm.port, 10)
    connections = [c for c in honest.swarm.tracker.tracker.factory.connections if c.host == HOSTILE]
    assert len(connections) == 10
    most = 0
    for client in clients:
        client.send(beginning + b"x" * (10 * MIB))

    def over() -> bool:
        nonlocal most
        most = max(most, *(buffered(c) for c in connections if not c.closed), 0)
        return all(client.closed for client in clients)

    transfer = honest.transfer()
    await transfer
    await until(over)
    assert most <= 4 * MIB + 256 * 1024
    assert len(log.of(HOSTILE)) == 1
    assert "has begun too much" in log.of(HOSTILE)[0]


@ensureDeferred
async def test_floods_of_requests_leave_others_their_turn(honest: Honest) -> None:
    """An honest request is answered after five times what each may send in a turn, at most."""
    await honest.share("f", b"12345")
    clients = await crowd(honest.swarm.port, 20)
    visitor = await connect(honest.swarm.port, "127.0.0.77")
    line = b'{"type":"REQUEST_FILE_LOCATION","filename":"f"}\n'
    for client in clients:
        client.send(line * 20 * LINES_PER_TURN)
    await until(lambda: any(client.lines for client in clients))
    before = sum(len(client.lines) for client in clients)
    visitor.say(**BARRIER)
    await until(lambda: visitor.lines)
    meanwhile = sum(len(client.lines) for client in clients) - before
    assert meanwhile <= 5 * LINES_PER_TURN * len(clients)
    await disperse([*clients, visitor])
    await honest.transfer()


@ensureDeferred
async def test_answers_that_are_not_read(honest: Honest) -> None:
    """A client that asks for long lists and reads none costs two answers and its questions."""
    tracker = honest.swarm.tracker
    tracker.tracker.directory.join("other:1")
    for number in range(5000):
        tracker.tracker.directory.publish("other:1", f"{number:04}" + "x" * 200, _info(), 0.0)
    clients = await crowd(honest.swarm.port, 10)
    connections = [c for c in tracker.tracker.factory.connections if c.host == HOSTILE]
    for client in clients:
        client.deaf()
        client.send(b'{"type":"REQUEST_FILE_LIST"}\n' * 10_000)
    await until(lambda: all(connection.input_held for connection in connections))
    await honest.transfer()
    assert max(map(buffered, connections)) < 4 * MIB
    await disperse(clients)
    tracker.tracker.directory.leave("other:1", 0.0)


def _info() -> Any:
    from p2pfs.chunks import FileInfo

    return FileInfo(3, 3, 1)


# Who it says it is


@ensureDeferred
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:7001",
        "192.0.2.1:80",
        "[::1]:7001",
        "localhost:80",
        "[::ffff:127.0.0.1]:7001",
        ":0",
        ":65536",
        ":-1",
        ":1e3",
        "",
        "x" * 100_000,
        "\u202e:7001",
    ],
)
async def test_an_address_of_somebody_else(
    honest: Honest, attacker: RawClient, address: str
) -> None:
    """Only the host that the connection comes from can be announced."""
    reply = await attacker.ask(type="REQUEST_REGISTER", address=address)
    assert (reply["type"], reply["request"]) == ("ERROR", "REQUEST_REGISTER")
    assert len(reply["message"]) < 300
    assert not any(
        peer.startswith(HOSTILE) for peer in honest.swarm.tracker.tracker.directory.peers
    )
    await honest.transfer()


@ensureDeferred
async def test_a_port_where_somebody_else_listens(honest: Honest) -> None:
    """Who is sent to the tracker, or to a peer that has nothing of it, goes on elsewhere.

    Another process of the same host may announce such ports.
    """
    path = await honest.share("f", os.urandom(200_000))
    info = msgspec.to_builtins(honest.source.peer.library["f"].info)
    clients = []
    for port in (honest.swarm.port, honest.fetcher.peer.address.port + 1, 1):
        client = await connect(honest.swarm.port, "127.0.0.1")
        await client.ask(type="REQUEST_REGISTER", address=f":{port}")
        reply = await client.ask(type="REQUEST_PUBLISH", filename="f", fileinfo=info)
        assert reply["result"]
        clients.append(client)
    from tests.swarm.harness import download

    copy = honest.swarm.directory / "f.copy"
    await download(honest.fetcher, "f", copy)
    assert copy.read_bytes() == path.read_bytes()
    await disperse(clients)


@ensureDeferred
async def test_an_address_taken_over(honest: Honest, log: LogLines) -> None:
    """Somebody at the same host registers it too: its owner stays, and is the one named there."""
    await honest.transfer()
    tracker, mine = honest.swarm.tracker, f":{honest.source_port}"
    owner = tracker.tracker.factory.joined[f"127.0.0.1{mine}"]
    thieves = [await connect(honest.swarm.port, "127.0.0.1") for _ in range(5)]
    for thief in thieves:
        assert (await thief.ask(type="REQUEST_REGISTER", address=mine))["type"] == "REPLY_REGISTER"
        await thief.ask(type="REQUEST_PUBLISH", filename="thief", fileinfo=INFO)
    await until(lambda: all(thief.closed for thief in thieves[:-1]))  # each by the next
    assert tracker.tracker.factory.joined[f"127.0.0.1{mine}"] is owner
    await honest.transfer()
    asked = await thieves[-1].ask(type="REQUEST_FILE_LOCATION", filename="thief")
    assert asked["chunkinfo"] == {}
    assert len(log.of("127.0.0.1")) <= 20
    await thieves[-1].hang_up()


# How much there is of it


@ensureDeferred
async def test_register_and_vanish(honest: Honest, log: LogLines) -> None:
    """A thousand times over real connections: no peer, no file, no descriptor is left."""
    tracker = honest.swarm.tracker
    await honest.transfer()
    open_files = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        clients = await crowd(honest.swarm.port, 50)
        for number, client in enumerate(clients):
            client.say(type="REQUEST_REGISTER", address=f":{7000 + number}")
            client.say(type="REQUEST_PUBLISH", filename=f"f{number}", fileinfo=INFO)
        await until(lambda clients=clients: all(len(c.lines) == 2 for c in clients))
        await disperse(clients)
    await until(lambda: len(tracker.tracker.factory.connections) == 2)
    assert len(tracker.tracker.factory.joined) == len(tracker.tracker.directory.peers) == 2
    assert len(tracker.tracker.factory.admission) == 2
    assert list(tracker.tracker.directory) == ["honest-1"]
    assert len(os.listdir("/proc/self/fd")) <= open_files
    assert len(log.of(HOSTILE)) <= 20
    await honest.transfer()


@ensureDeferred
async def test_thousands_of_connections(swarm: Swarm, log: LogLines) -> None:
    """A host that takes all connections keeps nobody out: others join and share meanwhile."""
    await swarm.stop_all()
    swarm.start_tracker(quotas=Quotas(connections=100))
    clients = await crowd(swarm.port, 1000)
    await until(lambda: sum(client.closed for client in clients) >= 900)
    honest = Honest(swarm, await swarm.peer("source"), await swarm.peer("fetcher"))
    await honest.transfer()
    factory = swarm.tracker.tracker.factory
    assert len(factory.connections) == len(factory.admission) == 100
    assert len(log.of(HOSTILE)) == 1
    await disperse(clients)


@ensureDeferred
async def test_one_host_with_many_peers_has_the_share_of_a_host(
    swarm: Swarm, log: LogLines
) -> None:
    """Whoever registers one port after the other gets no further than to half of what there is."""
    await swarm.stop_all()
    swarm.start_tracker(quotas=Quotas(names_per_peer=10, names_per_host=25, names=100))
    clients = await crowd(swarm.port, 20)
    for number, client in enumerate(clients):
        await register(client, 7000 + number)
        for name in range(10):
            line = {"type": "REQUEST_PUBLISH", "filename": f"{number}-{name}", "fileinfo": INFO}
            client.say(**line)
    await until(lambda: all(len(client.lines) == 11 for client in clients))
    replies = [reply for client in clients for reply in client.heard[1:]]
    assert sum(reply["result"] for reply in replies) == 50
    assert "peers of your host hold 50 files" in replies[-1]["message"]
    honest = Honest(swarm, await swarm.peer("source"), await swarm.peer("fetcher"))
    await honest.transfer()
    assert sum("was told" in line for line in log.of(HOSTILE)) == 1
    # What a peer held is its host's to use again.
    await clients[0].hang_up()
    await until(lambda: len(swarm.tracker.tracker.directory.peers) == 21)
    more = {"type": "REQUEST_PUBLISH", "filename": "more", "fileinfo": INFO}
    assert (await clients[-1].ask(**more))["result"]
    await disperse(clients)
