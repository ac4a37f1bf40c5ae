"""The control socket, over a real UNIX socket."""

from __future__ import annotations

import json
import os
import socket
import stat
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from p2pfs.console.command import Progress
from p2pfs.console.control.service import ControlService
from p2pfs.console.throttle import ThrottledReport
from p2pfs.errors import StartupProblem
from tests.conftest import LoggedFailures
from tests.console.toy import TIMEOUT, Daemon, Event, Toy


class Client(LineReceiver):
    """Sends requests as they are written in the protocol, and collects lines."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 24

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.closed = Event()
        self._waiting: list[Deferred[dict[str, Any]]] = []

    def lineReceived(self, line: bytes) -> None:
        message = json.loads(line)
        if self._waiting:
            self._waiting.pop(0).callback(message)
        else:
            self.lines.append(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.happen()
        for waiting in self._waiting:
            waiting.errback(AssertionError("the connection was closed"))

    def ask(self, request: dict[str, Any]) -> Deferred[dict[str, Any]]:
        self.sendLine(json.dumps(request).encode())
        return self.next()

    def next(self) -> Deferred[dict[str, Any]]:
        deferred: Deferred[dict[str, Any]] = Deferred()
        if self.lines:
            deferred.callback(self.lines.pop(0))
        else:
            self._waiting.append(deferred)
            deferred.addTimeout(TIMEOUT, reactor)
        return deferred

    def hang_up(self) -> Deferred[None]:
        self.transport.loseConnection()
        return self.closed.wait()


async def connected(daemon: Daemon) -> Client:
    endpoint = UNIXClientEndpoint(reactor, str(daemon.state / "control"))
    return await connectProtocol(endpoint, Client())


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


@ensureDeferred
async def test_describe_and_complete(daemon: Daemon) -> None:
    """A client learns the names and which arguments are local paths."""
    client = await connected(daemon)
    names = (await client.ask({"complete": ""}))["names"]
    assert {"echo", "help", "slow"} <= set(names)
    assert (await client.ask({"complete": "ec"})) == {"names": ["echo"]}
    description = (await client.ask({"describe": "copy"}))["description"]
    assert [p["is_path"] for p in description["parameters"]] == [False, True]
    assert description["flags"] == ["over-write"]
    assert (await client.ask({"describe": "nonsense"}))["kind"] == "UsageProblem"
    await client.hang_up()


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"{}", b'{"words": 3}', b'{"words": [], "complete": ""}', b"\xff", b""]
)
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
    }
    assert answer["answer"]["data"] == 1000
    await client.hang_up()


def test_throttle() -> None:
    """Reports come no closer than the interval, and the latest is never lost or late."""
    clock = Clock()
    shown: list[tuple[float, int]] = []
    report = ThrottledReport(clock, 0.2, lambda p: shown.append((clock.seconds(), p.done)))
    for done in range(1, 11):
        report(Progress("x", done, 10))
        clock.advance(0.0625)
    clock.advance(1)
    times = [time for time, _ in shown]
    assert shown[0] == (0, 1)
    assert shown[-1][1] == 10
    assert min(b - a for a, b in pairwise(times)) >= 0.2
    clock.advance(1)
    report(Progress("x", 11, 11))
    report(Progress("x", 12, 12))
    report.finish()
    report(Progress("x", 13, 13))
    assert shown[-1][1] == 11
    assert clock.getDelayedCalls() == []


@ensureDeferred
async def test_stop_cancels(tmp_path: Path) -> None:
    """Stopping cancels what runs, says why, closes everything and removes the socket."""
    daemon = Daemon(tmp_path / "state")
    busy, idle = await connected(daemon), await connected(daemon)
    assert "progress" in await busy.ask({"words": ["slow"]})
    await daemon.service.stopService()
    assert daemon.toy.cancelled.count == 1
    assert (await busy.next())["error"] == "The daemon is shutting down."
    await busy.closed.wait()
    await idle.closed.wait()
    assert not (daemon.state / "control").exists()


@ensureDeferred
async def test_stop_without_socket_file(tmp_path: Path) -> None:
    """A socket file that somebody removed does not keep the service from stopping."""
    daemon = Daemon(tmp_path / "state")
    (daemon.state / "control").unlink()
    await daemon.service.stopService()


@ensureDeferred
async def test_start_after_open(tmp_path: Path) -> None:
    """A socket opened ahead of the start is used by it, and the service can start again."""
    service = ControlService(reactor, tmp_path / "control", Toy().commands)
    service.open()
    for _ in range(2):
        service.startService()
        await service.stopService()


@ensureDeferred
async def test_mode(daemon: Daemon) -> None:
    """Only the daemon's user may connect."""
    mode = os.stat(daemon.state / "control").st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


@ensureDeferred
async def test_stale_socket(tmp_path: Path) -> None:
    """A daemon that was killed leaves a socket, which does not keep the next from starting."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "control"))
    daemon = Daemon(tmp_path)
    client = await connected(daemon)
    assert "answer" in await client.ask({"words": ["echo", "x"]})
    await client.hang_up()
    await daemon.service.stopService()


@pytest.mark.parametrize("problem", ["long", "missing", "file"])
def test_cannot_listen(tmp_path: Path, problem: str) -> None:
    """A socket that cannot be opened is a sentence at start, and nothing is destroyed."""
    path = {
        "long": tmp_path / ("x" * 120),
        "missing": tmp_path / "missing" / "control",
        "file": tmp_path / "control",
    }[problem]
    if problem == "file":
        path.write_text("precious")
    with pytest.raises(StartupProblem, match=r"\."):
        ControlService(reactor, path, Toy().commands).startService()
    if problem == "file":
        assert path.read_text() == "precious"
