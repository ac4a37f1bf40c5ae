"""The control socket, over a real UNIX socket."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from p2pfs.console.control.groups import Group
from p2pfs.console.control.service import ControlService
from p2pfs.errors import StartupProblem
from tests.console.control.client import connected
from tests.console.toy import Daemon, Toy


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to any group")
@ensureDeferred
async def test_a_groups_members_may_connect(tmp_path: Path) -> None:
    """And nobody else."""
    path = tmp_path / "control"
    service = ControlService(reactor, path, Toy().commands, Group("some", 12345))
    service.open()
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o660, 12345)
    service.startService()
    await service.stopService()


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
