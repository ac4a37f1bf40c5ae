"""The console over SSH, with OpenSSH's client."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.logger import LogLevel

from tests.conftest import LoggedFailures
from tests.console.ssh.server import Server, make_key, needs_ssh
from tests.log import log_lines


@needs_ssh
@ensureDeferred
async def test_any_user_and_later_keys(server: Server) -> None:
    """A key added while the daemon runs may log in, one that was removed may not."""
    line = make_key(server.directory / "other")
    ssh = server.ssh("echo x", key="other")
    assert await ssh.end() == 255
    assert "Permission denied (publickey)" in ssh.err
    server.authorized_keys.write_text(line)
    ssh = server.ssh("-lsomebody", "echo x", key="other")
    assert await ssh.end() == 0
    ssh = server.ssh("echo x")
    assert await ssh.end() == 255
    server.authorized_keys.unlink()
    ssh = server.ssh("echo x", key="other")
    assert await ssh.end() == 255
    [call] = server.toy.calls
    assert call["text"] == "x"
    assert call.caller.who.endswith(" a comment from 127.0.0.1 over SSH")


@needs_ssh
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
@ensureDeferred
async def test_kinds_of_keys(server: Server, kind: str) -> None:
    """Users may have other kinds of keys than the daemon."""
    server.authorized_keys.write_text(make_key(server.directory / "other", kind))
    ssh = server.ssh("echo x", key="other")
    assert (await ssh.end(), ssh.out) == (0, "x\n")


@needs_ssh
@ensureDeferred
async def test_password_refused(server: Server) -> None:
    """Passwords are not even asked for."""
    ssh = server.ssh(
        "-oPubkeyAuthentication=no",
        "-oPreferredAuthentications=password,keyboard-interactive",
        "-oBatchMode=no",
        "-oNumberOfPasswordPrompts=1",
        "echo x",
    )
    assert await ssh.end() == 255
    assert "Permission denied (publickey)" in ssh.err


@needs_ssh
@ensureDeferred
async def test_nothing_else_is_offered(server: Server, logged_failures: LoggedFailures) -> None:
    """Neither files nor other hosts can be reached through the console."""
    ssh = server.ssh("-s", "sftp")
    assert await ssh.end() != 0
    assert "subsystem request failed" in ssh.err
    ssh = server.ssh("-W127.0.0.1:1")
    assert await ssh.end() != 0
    assert "forwarding failed" in ssh.err
    ssh = server.ssh("-R0:127.0.0.1:1", "-oExitOnForwardFailure=yes", "echo x")
    assert await ssh.end() != 0
    # conch logs a channel that it refuses as a failure.
    assert all("unknown channel" in str(e["log_failure"].value) for e in logged_failures.flush())
    assert server.toy.calls == []


@needs_ssh
@ensureDeferred
async def test_stop_closes_sessions(tmp_path: Path) -> None:
    """When the port stops listening, sessions end and their commands are cancelled."""
    server = Server(tmp_path)
    busy, prompt = server.ssh("slow"), server.ssh("-tt", tty=True)
    await busy.expect("slow: 25 %")
    await prompt.expect(">>> ")
    await server.stop()
    await server.toy.cancelled.wait()
    await busy.end()
    await prompt.end()


@needs_ssh
@ensureDeferred
async def test_what_conch_tells_of_its_work_is_no_news(server: Server) -> None:
    """A session begins and ends; a prompt too, and who may not log in: nothing of it is ours."""
    with log_lines() as lines, log_lines(LogLevel.error, "twisted.conch") as errors:
        assert await server.ssh("echo x").end() == 0
        prompt = server.ssh("-tt", tty=True)
        await prompt.expect(">>> ")
        prompt.type("quit\r")
        await prompt.end()
        make_key(server.directory / "other")
        assert await server.ssh("echo x", key="other").end() == 255
    assert not lines
    assert any("Got remote error" in line for line in errors)
