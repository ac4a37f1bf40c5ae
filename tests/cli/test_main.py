"""The p2pfs program, as a process of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.cli.client import DaemonUnavailable, connect
from p2pfs.cli.local_paths import absolute_path, absolute_words
from p2pfs.cli.progress_display import LineDisplay
from p2pfs.console.control.messages import DescriptionMessage, ParameterMessage, ProgressMessage
from p2pfs.console.rendering import progress_text, size_text, table
from p2pfs.errors import P2pfsError, StartupProblem
from p2pfs.paths import default_state_directory
from tests.console.toy import PROJECT, Daemon, p2pfs, spawn


async def run(daemon: Daemon, *words: str, **options: Any) -> tuple[int, str, str]:
    program = p2pfs("--state", str(daemon.state), *words, **options)
    status = await program.end()
    return status, program.out, program.err


@ensureDeferred
async def test_lines(daemon: Daemon) -> None:
    """The answer's lines go to stdout, and flags behind the command reach the daemon."""
    assert await run(daemon, "echo", "hello", "--loud") == (0, "HELLO\n", "")
    assert await run(daemon, "echo", "--", "--loud") == (0, "--loud\n", "")


@pytest.mark.parametrize("words", [("--json", "echo", "x"), ("echo", "--json", "x")])
@ensureDeferred
async def test_json(daemon: Daemon, words: tuple[str, ...]) -> None:
    """--json gives the data as one document, wherever it stands."""
    status, out, err = await run(daemon, *words)
    assert (status, err) == (0, "")
    assert json.loads(out) == {"text": "x"}
    status, out, _ = await run(daemon, "echo", "--", "--json")
    assert out == "--json\n"


@ensureDeferred
async def test_exit_status(daemon: Daemon) -> None:
    """Failures are 1 and usage problems 2, with the sentence on stderr and never a traceback."""
    status, out, err = await run(daemon, "fail")
    assert (status, out, err) == (1, "", "p2pfs: There is no such thing; look elsewhere.\n")
    for words in (["nonsense"], ["echo"], ["echo", "x", "--quiet"], ["echo", ""] * 2):
        status, out, err = await run(daemon, *words)
        assert (status, out) == (2, "")
        assert err.startswith("p2pfs: ")
        assert err.count("\n") == 1


@ensureDeferred
async def test_json_error(daemon: Daemon) -> None:
    """With --json an error is a JSON document too, and the exit status is the same."""
    status, out, err = await run(daemon, "--json", "fail")
    assert (status, err) == (1, "")
    assert json.loads(out) == {
        "error": "There is no such thing; look elsewhere.",
        "kind": "NotFound",
    }
    status, out, _ = await run(daemon, "--json", "nonsense")
    assert status == 2
    assert json.loads(out)["kind"] == "UsageProblem"


@ensureDeferred
async def test_no_daemon(tmp_path: Path) -> None:
    """Without a daemon the sentence says where it was looked for and what to do."""
    for words, plugin in ((["status"], "p2pfs-peer"), (["tracker", "status"], "p2pfs-tracker")):
        program = p2pfs("--state", str(tmp_path), *words)
        assert await program.end() == 1
        assert str(tmp_path) in program.err
        assert plugin in program.err
        assert "--state" in program.err
        assert program.err.count("\n") == 1


@ensureDeferred
async def test_default_state(tmp_path: Path) -> None:
    """Peer and tracker are found in their default directories, each in its own."""
    (tmp_path / "p2pfs").mkdir()
    peer = Daemon(tmp_path / "p2pfs" / "peer")
    tracker = Daemon(tmp_path / "p2pfs" / "tracker")
    for words, asked in ((["echo", "a"], peer), (["tracker", "echo", "b"], tracker)):
        program = p2pfs(*words, XDG_STATE_HOME=str(tmp_path))
        assert await program.end() == 0
        assert [call["text"] for call in asked.toy.calls] == [words[-1]]
    await peer.service.stopService()
    await tracker.service.stopService()


@ensureDeferred
async def test_options_after_tracker(daemon: Daemon) -> None:
    """Options may follow the word tracker as well as precede it."""
    program = p2pfs("tracker", "--state", str(daemon.state), "--json", "echo", "x")
    assert await program.end() == 0
    assert json.loads(program.out) == {"text": "x"}


@ensureDeferred
async def test_paths(daemon: Daemon, tmp_path: Path) -> None:
    """A local path means what it means where the user is; other arguments stay as they are."""
    (tmp_path / "here").mkdir()
    options = {"cwd": tmp_path / "here", "HOME": "/home/me"}
    for typed, meant in (
        ("x.iso", f"{tmp_path}/here/x.iso"),
        ("../y/", f"{tmp_path}/here/../y/"),
        ("~/z", "/home/me/z"),
        ("/abs/", "/abs/"),
    ):
        _, out, _ = await run(daemon, "copy", "rel", "--over-write", typed, **options)
        assert out == f"source=rel\ntarget={meant}\n"


@ensureDeferred
async def test_help_and_version(daemon: Daemon) -> None:
    """--help explains the program without a daemon, and a command with one."""
    program = p2pfs("--help")
    assert await program.end() == 0
    assert "p2pfs tracker COMMAND" in program.out
    assert "--json" in program.out
    program = p2pfs("--version")
    assert await program.end() == 0
    assert program.out.startswith("p2pfs ")
    status, out, _ = await run(daemon, "copy", "--help")
    assert status == 0
    assert out.startswith("usage: copy <source> [target]")
    program = p2pfs()
    assert await program.end() == 2


@ensureDeferred
async def test_progress_lines(daemon: Daemon) -> None:
    """In a pipe progress is plain lines on stderr, and stdout has the answer alone."""
    status, out, err = await run(daemon, "progress")
    assert (status, out) == (0, "finished\n")
    assert err == "work: 0 % of 1000.0 KiB, 2 sources\n"


@ensureDeferred
async def test_progress_bar(daemon: Daemon) -> None:
    """On a terminal progress is a bar that has gone when the answer comes."""
    program = p2pfs("--state", str(daemon.state), "slow", tty=True)
    await program.expect("25%")
    await program.expect("waiting")
    daemon.toy.hold.callback(None)
    await program.expect("released")
    assert await program.end() == 0
    assert program.out.split("\r")[-2].endswith("released")


@ensureDeferred
async def test_interrupt(daemon: Daemon) -> None:
    """Ctrl-C cancels the command in the daemon, prints one line and exits with 130."""
    program = p2pfs("--state", str(daemon.state), "slow")
    await program.expect("slow: 25 %")
    program.transport.signalProcess("INT")
    assert await program.end() == 130
    await daemon.toy.cancelled.wait()
    assert program.err.splitlines()[1:] == ["p2pfs: 'slow' was cancelled."]


@ensureDeferred
async def test_interrupt_on_terminal(daemon: Daemon) -> None:
    """The Ctrl-C key of a terminal does the same while the bar is shown."""
    program = p2pfs("--state", str(daemon.state), "slow", tty=True)
    await program.expect("waiting")
    program.type("\x03")
    assert await program.end() == 130
    await daemon.toy.cancelled.wait()
    assert "Traceback" not in program.out


@ensureDeferred
async def test_killed_client(daemon: Daemon) -> None:
    """A client that is killed outright leaves no command running."""
    program = p2pfs("--state", str(daemon.state), "slow")
    await program.expect("slow: 25 %")
    program.transport.signalProcess("KILL")
    assert await program.end() == -signal.SIGKILL
    await daemon.toy.cancelled.wait()


@ensureDeferred
async def test_daemon_stops(tmp_path: Path) -> None:
    """A daemon that shuts down under a command says so."""
    daemon = Daemon(tmp_path / "state")
    program = p2pfs("--state", str(daemon.state), "slow")
    await program.expect("slow: 25 %")
    await daemon.service.stopService()
    assert await program.end() == 1
    assert program.err.endswith("p2pfs: The daemon is shutting down.\n")


@ensureDeferred
async def test_broken_pipe(daemon: Daemon) -> None:
    """A reader that had enough, such as head, causes no complaint."""
    command = f"'{sys.executable}' -m p2pfs.cli.main --state '{daemon.state}' flood | head -1"
    program = spawn("/bin/sh", "-c", command)
    assert await program.end() == 0
    assert (program.out, program.err) == ("line 0\n", "")


@ensureDeferred
async def test_words_that_are_no_text(daemon: Daemon) -> None:
    """Bytes that are no text are refused with a sentence."""
    program = spawn(
        "/bin/sh",
        "-c",
        f"'{sys.executable}' -m p2pfs.cli.main --state '{daemon.state}' echo $(printf '\\377')",
    )
    assert await program.end() == 2
    assert "UTF-8" in program.err
    assert "Traceback" not in program.err


def test_starts_without_twisted() -> None:
    """The program does not load Twisted, which would make every command line slow."""
    code = "import sys, p2pfs.cli.main; sys.exit('twisted' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)


def test_socket_path_too_long(tmp_path: Path) -> None:
    """A state directory too deep for a socket is a sentence, not an OSError."""
    with pytest.raises(StartupProblem, match="too long"):
        connect(tmp_path / ("x" * 110))


@pytest.mark.parametrize(
    "reply", [b"", b'{"answer": {"lines"', b"no json\n", b'{"names": []}\n', b'{"answer": 3}\n']
)
def test_strange_daemon(tmp_path: Path, reply: bytes) -> None:
    """A daemon that goes away or answers nonsense is a sentence."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "control"))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(reply)

        thread = Thread(target=serve)
        thread.start()
        try:
            with connect(tmp_path) as client, pytest.raises(DaemonUnavailable):
                client.request(["x"], lambda _: None)
        finally:
            thread.join()


def test_state_directories() -> None:
    """The default follows the XDG rules, relative values being ignored."""
    assert default_state_directory("peer", {"XDG_STATE_HOME": "/s"}) == Path("/s/p2pfs/peer")
    home = {"HOME": "/h", "XDG_STATE_HOME": "relative"}
    assert default_state_directory("tracker", home) == Path("/h/.local/state/p2pfs/tracker")
    with pytest.raises(P2pfsError, match="--state"):
        default_state_directory("peer", {})


def test_absolute_words() -> None:
    """Words are matched with parameters as the daemon's parser does it."""
    description = DescriptionMessage(
        "copy",
        "",
        [ParameterMessage("a", True), ParameterMessage("b"), ParameterMessage("c", True)],
        [],
    )
    here = Path("/here")
    words = ["copy", "--flag", "./a/", "b", "--", "--c", "extra"]
    assert absolute_words(words, description, here) == [
        "copy",
        "--flag",
        "/here/a/",
        "b",
        "--",
        "/here/--c",
        "extra",
    ]
    assert absolute_path("", here) == ""
    assert absolute_path("/", here) == "/"
    assert absolute_path(".", here) == "/here"


def test_line_display() -> None:
    """A line comes every two seconds and whenever the remark changes."""
    stream, now = io.StringIO(), [0.0]
    display = LineDisplay(stream, lambda: now[0])
    for at, note in ((0, "a"), (1, "a"), (1.5, "b"), (3, "b"), (3.5, "b")):
        now[0] = at
        display(ProgressMessage("x", int(at * 10), 100, note))
    assert stream.getvalue().splitlines() == [
        "x: 0 % of 100 B, a",
        "x: 15 % of 100 B, b",
        "x: 35 % of 100 B, b",
    ]


def test_rendering() -> None:
    """Sizes and shares read well, and 100 % is shown for the whole alone."""
    assert [size_text(n) for n in (0, 1023, 1024, 1024**2 - 1, 5 * 1024**5)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.0 MiB",
        "5.0 PiB",
    ]
    assert progress_text(ProgressMessage("x", 9999, 10000)) == "x: 99 % of 9.8 KiB"
    assert progress_text(ProgressMessage("x", 0, 0, "asking")) == "x: asking"
    assert progress_text(ProgressMessage("x", 2048, 0)) == "x: 2.0 KiB"
    assert progress_text(ProgressMessage("x", 0, 0)) == "x"
    assert table(["name", "n"], [("a", 5), ("bcdef", 10)]) == [
        "name    n",
        "a       5",
        "bcdef  10",
    ]
    assert table(["name"], [], "Nothing.") == ["Nothing."]


def test_environment_is_sane() -> None:
    """The tests run the checkout's code, whatever is installed."""
    assert os.path.samefile(PROJECT / "p2pfs", Path(sys.modules["p2pfs"].__file__ or "").parent)
