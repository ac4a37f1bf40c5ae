"""What happens in an SSH session, with OpenSSH's client."""

from __future__ import annotations

import fcntl
import json
import signal
import struct
import subprocess
import termios

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.commands import Caller
from tests.conftest import LoggedFailures
from tests.console.ssh.server import Server, needs_ssh


@needs_ssh
@ensureDeferred
async def test_exec(server: Server) -> None:
    """A command's lines go to stdout, errors to stderr, and the exit status tells."""
    for command, status, out, err in (
        ("echo 'two words' --loud", 0, "TWO WORDS\n", ""),
        ("fail", 1, "", "There is no such thing; look elsewhere.\n"),
        ("unwell", 1, "This is not well.\n", ""),
        ("echo", 2, "", "usage: echo TEXT [--loud]\n"),
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
async def test_exec_of_bytes_that_are_no_text(server: Server) -> None:
    """They are told, not guessed at."""
    ssh = server.ssh(b"echo bad\xff.bin")
    assert (await ssh.end(), ssh.out) == (2, "")
    assert ssh.err.startswith("The command has bytes in it that are not UTF-8 text; rename")


@needs_ssh
@ensureDeferred
async def test_exec_json(server: Server) -> None:
    """With --json before "--" scripts get the data, or the error, and the same exit status."""
    sentence = "There is no such thing; look elsewhere."
    for command, status, data in (
        ("echo --json 'two words'", 0, {"text": "two words"}),
        ("echo x --json", 0, {"text": "x"}),
        ("unwell --json", 1, {"well": False}),
        ("fail --json", 1, {"error": sentence, "kind": "NotFound"}),
    ):
        ssh = server.ssh(command)
        assert (await ssh.end(), json.loads(ssh.out), ssh.err) == (status, data, "")
    for command in ("echo --json", "nonsense --json", "echo --json 'open"):
        ssh = server.ssh(command)
        assert (await ssh.end(), ssh.err) == (2, "")
        assert json.loads(ssh.out)["kind"] == "UsageProblem"
    ssh = server.ssh("echo -- --json")
    assert (await ssh.end(), ssh.out) == (0, "--json\n")


@needs_ssh
@ensureDeferred
async def test_the_caller_is_the_key_and_the_host(server: Server) -> None:
    """As ssh-keygen shows it, whatever user name the client gives."""
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", server.directory / "key.pub"], capture_output=True, text=True
    )
    print_of_key = shown.stdout.split()[1]
    assert await server.ssh("-lroot", "echo x").end() == 0
    ssh = server.ssh("-tt", tty=True)
    await ssh.expect(">>> ")
    ssh.type("echo x\r")
    await ssh.expect("\nx")
    ssh.type("exit\r")
    assert await ssh.end() == 0
    who = f"{print_of_key} a comment from 127.0.0.1 over SSH"
    assert [call.caller for call in server.toy.calls] == [Caller(who)] * 2


@needs_ssh
@ensureDeferred
async def test_exit_as_a_command_is_the_daemons(server: Server) -> None:
    """Where there is no session to leave."""
    ssh = server.ssh("exit")
    assert (await ssh.end(), ssh.out) == (0, "Shutting down.\n")


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
async def test_waiting_is_one_line(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is reported that the time runs out."""
    monkeypatch.setattr("p2pfs.console.ssh.session.PROGRESS_INTERVAL", 0.1)
    ssh = server.ssh("wait")
    assert await ssh.end() == 0
    assert ssh.err.splitlines() == [
        "wait: 25 % of 4 B, downloading, 2 sources",
        "wait: 25 % of 4 B, waiting for a source, for 3 chunks (1-3), gives up in 60 s",
        "wait: 25 % of 4 B, 2 B/s, 0:00:01 left, downloading, 1 source",
    ]
