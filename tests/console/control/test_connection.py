"""One client of the control socket: its requests, their order, and what breaks the rules."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.commands import SOMEBODY, Caller
from p2pfs.console.control import connection
from p2pfs.console.control.guests import MOST_OF_A_GUEST
from tests.conftest import LoggedFailures
from tests.console.control.client import connected
from tests.console.toy import Daemon, spawn


@ensureDeferred
async def test_answer(daemon: Daemon) -> None:
    """A command's data and lines arrive as one answer."""
    client = await connected(daemon)
    answer = await client.ask({"words": ["echo", "hello", "--loud"]})
    assert answer == {"answer": {"data": {"text": "HELLO"}, "lines": ["HELLO"]}}
    await client.hang_up()


@ensureDeferred
async def test_sequence(daemon: Daemon) -> None:
    """Requests sent in one go are answered in their order, one after the other."""
    client = await connected(daemon)
    for word in ("slow", "fail"):
        client.sendLine(json.dumps({"words": [word]}).encode())
    client.sendLine(b'{"words": ["echo", "last"]}')
    assert "progress" in await client.next()
    await daemon.toy.started.wait()
    assert client.lines == []
    daemon.toy.hold.callback(None)
    assert (await client.next())["answer"]["data"] == "released"
    assert (await client.next())["kind"] == "NotFound"
    assert (await client.next())["answer"]["data"] == {"text": "last"}
    await client.hang_up()


@ensureDeferred
async def test_error_sentence(daemon: Daemon) -> None:
    """A P2pfsError is its sentence and its class's name."""
    client = await connected(daemon)
    answer = await client.ask({"words": ["fail"]})
    assert answer == {"error": "There is no such thing; look elsewhere.", "kind": "NotFound"}
    answer = await client.ask({"words": ["nonsense"]})
    assert answer["kind"] == "UsageProblem"
    answer = await client.ask({"words": []})
    assert answer["kind"] == "UsageProblem"
    await client.hang_up()


@pytest.mark.parametrize("command", ["crash", "odd"])
@ensureDeferred
async def test_internal_error(
    daemon: Daemon, logged_failures: LoggedFailures, command: str
) -> None:
    """An accident is logged in full, tells the client nothing private, and hurts nobody else."""
    client = await connected(daemon)
    answer = await client.ask({"words": [command]})
    assert answer["kind"] == "InternalError"
    assert "log" in answer["error"]
    assert "secret" not in answer["error"]
    assert len(logged_failures.flush()) == 1
    assert "answer" in await client.ask({"words": ["echo", "on"]})
    await client.hang_up()


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"words": 3}', b"\xff", b""])
@ensureDeferred
async def test_malformed(daemon: Daemon, line: bytes) -> None:
    """Nonsense is answered with an error, and the connection stays of use."""
    client = await connected(daemon)
    client.sendLine(line)
    assert (await client.next())["kind"] == "MalformedMessage"
    assert "answer" in await client.ask({"words": ["echo", "on"]})
    await client.hang_up()


@ensureDeferred
async def test_over_long_request(daemon: Daemon) -> None:
    """A request over 64 KiB closes the connection, with and without a line end."""
    for end in (b"", b"\n"):
        client = await connected(daemon)
        client.transport.write(b"x" * 70_000 + end)
        assert (await client.next())["kind"] == "MalformedMessage"
        await client.closed.wait()


@ensureDeferred
async def test_too_many_requests(daemon: Daemon) -> None:
    """Requests cannot pile up in the daemon without limit; the running one is cancelled."""
    client = await connected(daemon)
    client.transport.write(b'{"words": ["slow"]}\n' * 100)
    await daemon.toy.cancelled.wait()
    await client.closed.wait()
    assert daemon.toy.started.count == 1


@ensureDeferred
async def test_disconnect_cancels(daemon: Daemon) -> None:
    """A command is cancelled when its client goes, and requests behind it are not begun."""
    client = await connected(daemon)
    client.transport.write(b'{"words": ["slow"]}\n{"words": ["echo", "x"]}\n')
    await daemon.toy.started.wait()
    client.transport.loseConnection()
    await daemon.toy.cancelled.wait()
    await client.closed.wait()
    assert daemon.toy.calls == []


@ensureDeferred
async def test_progress_throttled(daemon: Daemon) -> None:
    """A thousand reports become the first and the last, before the answer."""
    client = await connected(daemon)
    first = await client.ask({"words": ["progress"]})
    last = await client.next()
    answer = await client.next()
    assert first["progress"]["done"] == 0
    assert last["progress"] == {
        "label": "work",
        "done": 1_024_000,
        "total": 1_024_000,
        "note": "2 sources",
        "detail": "",
        "rate": None,
        "seconds_left": None,
    }
    assert answer["answer"]["data"] == 1000
    await client.hang_up()


@ensureDeferred
async def test_a_guest_has_so_many_connections(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also such as ask for nothing; the owner gets in all the same, and an end makes room."""
    guest = Caller("ann (uid 54321)", 54321, 54321, is_guest=True)
    monkeypatch.setattr(connection, "caller_behind", lambda *_: guest)
    clients = [await connected(daemon) for _ in range(MOST_OF_A_GUEST)]
    for client in clients:
        assert "answer" in await client.ask({"words": ["echo", "x"]})
    refused = await connected(daemon)
    assert (await refused.next())["kind"] == "NotAllowed"
    await refused.closed.wait()
    with monkeypatch.context() as patch:
        patch.setattr(connection, "caller_behind", lambda *_: SOMEBODY)
        owner = await connected(daemon)
        assert "answer" in await owner.ask({"words": ["echo", "x"]})
    clients.append(owner)
    await clients.pop(0).hang_up()
    while True:  # until the daemon has seen it, too
        clients.append(await connected(daemon))
        answer = await clients[-1].ask({"words": ["echo", "x"]})
        if "answer" in answer:
            break
        await clients.pop().closed.wait()
    for client in clients:
        await client.hang_up()


STRANGER = """
import os, sys
from pathlib import Path
from p2pfs.cli.client import connect
from p2pfs.errors import NotAllowed
os.setgroups([]), os.setgid(54321), os.setuid(54321)
with connect(Path(sys.argv[1])) as client:
    try:
        client.request(["echo", "x"], print)
    except NotAllowed as problem:
        print(problem, flush=True)
        try:
            sys.exit(client._connection.recv(1) != b"")
        except ConnectionResetError:
            pass  # it hung up without having read the request
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@ensureDeferred
async def test_who_is_no_member_is_told_so_and_let_go(place: Path) -> None:
    """Even where modes were changed so that anybody could connect; nothing is run for them."""
    daemon = Daemon(place / "state")
    for path, mode in ((place, 0o755), (daemon.state, 0o755), (daemon.state / "control", 0o666)):
        path.chmod(mode)
    stranger = spawn(sys.executable, "-c", STRANGER, str(daemon.state))
    status = await stranger.end()
    assert (status, "Only root and the user" in stranger.out) == (0, True), stranger.err
    assert daemon.toy.calls == []
    await daemon.service.stopService()
