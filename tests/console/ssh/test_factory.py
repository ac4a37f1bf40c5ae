"""The console over SSH, with OpenSSH's client."""

from __future__ import annotations

import fcntl
import shutil
import signal
import stat
import struct
import subprocess
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort

from p2pfs.console.ssh.factory import ssh_factory
from p2pfs.errors import StartupProblem
from tests.conftest import LoggedFailures
from tests.console.toy import Program, Toy, spawn

needs_ssh = pytest.mark.skipif(
    shutil.which("ssh") is None or shutil.which("ssh-keygen") is None,
    reason="OpenSSH's client is not installed",
)


def make_key(path: Path, kind: str = "ed25519") -> str:
    """Make a key pair; returns the line of its public half."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a comment", "-f", str(path)]
    subprocess.run(command, check=True)
    return path.with_suffix(".pub").read_text()


class Server:
    """A console over SSH on a port of its own, and the client's files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.state.mkdir()
        self.authorized_keys = directory / "authorized_keys"
        line = make_key(directory / "key")
        self.authorized_keys.write_text(f"# who may log in\n\n{line}")
        # Whatever the umask is here.
        self.authorized_keys.chmod(0o600)
        self.toy = Toy()
        self.factory = ssh_factory(
            self.state, self.authorized_keys, self.toy.commands, {"number": 42}, reactor
        )
        self.port: IListeningPort = reactor.listenTCP(0, self.factory, interface="127.0.0.1")

    def ssh(self, *arguments: str, key: str = "key", tty: bool = False) -> Program:
        """Start ``ssh`` without any of the user's configuration; options before the command."""
        options = {
            "UserKnownHostsFile": str(self.directory / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "accept-new",
            "IdentityFile": str(self.directory / key),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "ConnectTimeout": "20",
        }
        words = ["ssh", "-F", "none", "-p", str(self.port.getHost().port)]
        for name, value in options.items():
            words += ["-o", f"{name}={value}"]
        before = [word for word in arguments if word.startswith("-")]
        command = [word for word in arguments if not word.startswith("-")]
        return spawn(
            shutil.which("ssh") or "ssh", *words[1:], *before, "me@127.0.0.1", *command, tty=tty
        )

    async def stop(self) -> None:
        await self.port.stopListening()
        await self.factory.all_closed()


@pytest_twisted.async_yield_fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path)
    yield server
    await server.stop()


@needs_ssh
@ensureDeferred
async def test_exec(server: Server) -> None:
    """A command's lines go to stdout, errors to stderr, and the exit status tells."""
    for command, status, out, err in (
        ("echo 'two words' --loud", 0, "TWO WORDS\n", ""),
        ("fail", 1, "", "There is no such thing; look elsewhere.\n"),
        ("echo", 2, "", "usage: echo <text> [--loud]\n"),
        (
            "echo 'open",
            2,
            "",
            "The line cannot be read (No closing quotation); check its quotes.\n",
        ),
        ("progress", 0, "finished\n", "work: 0 % of 1000.0 KiB, 2 sources\n"),
    ):
        ssh = server.ssh(command)
        assert (await ssh.end(), ssh.out, ssh.err) == (status, out, err)


@needs_ssh
@ensureDeferred
async def test_exec_crash(server: Server, logged_failures: LoggedFailures) -> None:
    """An accident is logged, and the client learns no more than that."""
    ssh = server.ssh("crash")
    assert await ssh.end() == 1
    assert "internal error" in ssh.err
    assert "secret" not in ssh.err
    assert len(logged_failures.flush()) == 1


@needs_ssh
@ensureDeferred
async def test_exec_long_answer(server: Server) -> None:
    """An answer larger than SSH's window arrives whole."""
    ssh = server.ssh("flood")
    assert await ssh.end() == 0
    assert ssh.out.count("\n") == 50000


@needs_ssh
@ensureDeferred
async def test_exec_without_input(server: Server) -> None:
    """A client whose stdin is at its end, as in cron, still gets its answer."""
    ssh = server.ssh("-n", "slow")
    await server.toy.started.wait()
    await ssh.expect("slow: 25 %")
    server.toy.hold.callback(None)
    assert await ssh.end() == 0
    assert ssh.out == "released\n"


@needs_ssh
@ensureDeferred
async def test_interrupt_cancels(server: Server) -> None:
    """Ctrl-C at the client cancels the command in the daemon."""
    ssh = server.ssh("slow")
    await ssh.expect("slow: 25 %")
    ssh.transport.signalProcess("INT")
    await server.toy.cancelled.wait()
    await ssh.end()


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
    assert [call["text"] for call in server.toy.calls] == ["x"]


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
async def test_shell_needs_terminal(server: Server) -> None:
    """Without a terminal the client is told what to do instead of getting control codes."""
    ssh = server.ssh("-T")
    assert await ssh.end() == 2
    assert ssh.out == ""
    assert "ssh -t" in ssh.err


@needs_ssh
@ensureDeferred
async def test_manhole(server: Server) -> None:
    """The prompt takes commands and Python, shows later results, and leaves on Ctrl-D."""
    ssh = server.ssh("-tt", tty=True)
    await ssh.expect(">>> ")
    assert "Ctrl-D" in ssh.shown
    ssh.type("echo hello --loud\r")
    await ssh.expect("\nHELLO")
    ssh.type('echo("python")\r')
    await ssh.expect("\npython")
    ssh.type("number + 1\r")
    await ssh.expect("\n43")
    ssh.type("slow\r")
    await ssh.expect("slow: 25 % of 4 B, waiting")
    await ssh.expect(">>> ")
    server.toy.hold.callback(None)
    await ssh.expect("released")
    ssh.type("\x04")
    assert await ssh.end() == 0
    # Neither screen nor scroll-back of the user's terminal are cleared.
    assert "\x1bc" not in ssh.out
    assert "\x1b[2J" not in ssh.out


@needs_ssh
@ensureDeferred
async def test_manhole_piped(server: Server) -> None:
    """Lines piped into a forced terminal are run, and its end waits for their results."""
    ssh = server.ssh("-tt")
    await ssh.expect(">>> ")
    ssh.type("slow\r")
    await server.toy.started.wait()
    ssh.transport.closeStdin()
    await ssh.expect("slow: 25 %")
    server.toy.hold.callback(None)
    assert await ssh.end() == 0
    assert "released" in ssh.shown


@needs_ssh
@ensureDeferred
async def test_manhole_window_change(server: Server) -> None:
    """A terminal that changes its size disturbs nothing."""
    ssh = server.ssh("-tt", tty=True)
    await ssh.expect(">>> ")
    fcntl.ioctl(ssh.transport.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    ssh.transport.signalProcess(signal.SIGWINCH)
    ssh.type("echo on\r")
    await ssh.expect("\non")
    ssh.type("\x04")
    assert await ssh.end() == 0


@needs_ssh
@ensureDeferred
async def test_manhole_disconnect_cancels(server: Server) -> None:
    """A client that vanishes leaves nothing running."""
    ssh = server.ssh("-tt", tty=True)
    await ssh.expect(">>> ")
    ssh.type("slow\r")
    await server.toy.started.wait()
    ssh.transport.signalProcess("KILL")
    await server.toy.cancelled.wait()
    await ssh.end()


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
async def test_host_key(server: Server, tmp_path: Path) -> None:
    """The host key is private, stays the same over restarts, and is what clients see."""
    path = server.state / "ssh_host_ed25519_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    ssh_factory(server.state, server.authorized_keys, server.toy.commands, {}, reactor)
    assert path.read_bytes() == before
    await server.ssh("echo x").end()
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(path)], check=True, capture_output=True, text=True
    ).stdout.split()[1]
    assert shown in (tmp_path / "known_hosts").read_text()


@pytest.mark.parametrize(
    "content",
    [None, "", "# only a comment\n", "ssh-ed25519\n", "ssh-ed25519 %%%\nrubbish\n", "\xff\x00\n"],
)
def test_no_authorized_key(tmp_path: Path, content: str | None) -> None:
    """A console that nobody could use is refused at start, with a sentence."""
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_text(content, encoding="latin-1")
    with pytest.raises(StartupProblem, match=str(keys)):
        ssh_factory(tmp_path, keys, Toy().commands, {}, reactor)


@needs_ssh
@pytest.mark.parametrize("problem", ["broken", "directory"])
def test_unusable_host_key(tmp_path: Path, problem: str) -> None:
    """A host key that cannot be used is a sentence, and is not replaced in silence."""
    keys = tmp_path / "keys"
    keys.write_text(make_key(tmp_path / "key"))
    path = tmp_path / "ssh_host_ed25519_key"
    if problem == "broken":
        path.write_text("half a k")
    else:
        path.mkdir()
    with pytest.raises(StartupProblem, match="host key"):
        ssh_factory(tmp_path, keys, Toy().commands, {}, reactor)
    assert path.exists()
