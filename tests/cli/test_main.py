"""The p2pfs program, as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from tests.cli.program import run
from tests.console.toy import PROJECT, Daemon, p2pfs, spawn, toy_program


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
async def test_an_answer_may_say_that_something_is_not_well(daemon: Daemon) -> None:
    """It is one all the same, on stdout; scripts see it by the exit status."""
    assert await run(daemon, "unwell") == (1, "This is not well.\n", "")
    status, out, _ = await run(daemon, "unwell", "--json")
    assert (status, json.loads(out)) == (1, {"well": False})


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
    for words, plugin in ((["fail"], "p2pfs-peer"), (["tracker", "fail"], "p2pfs-tracker")):
        program = toy_program("--state", str(tmp_path), *words)
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
        program = toy_program(*words, XDG_STATE_HOME=str(tmp_path))
        assert await program.end() == 0
        assert [call["text"] for call in asked.toy.calls] == [words[-1]]
    await peer.service.stopService()
    await tracker.service.stopService()


@ensureDeferred
async def test_options_after_tracker(daemon: Daemon) -> None:
    """Options may follow the word tracker as well as precede it."""
    program = toy_program("tracker", "--state", str(daemon.state), "--json", "echo", "x")
    assert await program.end() == 0
    assert json.loads(program.out) == {"text": "x"}


@ensureDeferred
async def test_help_and_version() -> None:
    """--help explains the program, and a command; neither needs a daemon."""
    program = p2pfs("--help")
    assert await program.end() == 0
    assert "p2pfs tracker COMMAND" in program.out
    assert "--json" in program.out
    assert re.search(r"commands of the peer:\n(  .*\n)*  download ", program.out)
    assert re.search(r"commands of the tracker:\n(  .*\n)*  list_peers ", program.out)
    program = toy_program("--version")
    assert await program.end() == 0
    assert program.out.startswith("p2pfs ")
    for words in (["help", "list_peers"], ["list_peers", "--help"]):
        program = p2pfs("tracker", *words)
        assert await program.end() == 0
        assert program.out.startswith("usage: list_peers\n")
    program = p2pfs("help", "--json")
    assert await program.end() == 0
    assert "download" in json.loads(program.out)
    program = toy_program()
    assert await program.end() == 2


@ensureDeferred
async def test_interrupt(daemon: Daemon) -> None:
    """Ctrl-C cancels the command in the daemon, prints one line and exits with 130."""
    program = toy_program("--state", str(daemon.state), "slow")
    await program.expect("slow: 25 %")
    program.transport.signalProcess("INT")
    assert await program.end() == 130
    await daemon.toy.cancelled.wait()
    assert program.err.splitlines()[1:] == ["p2pfs: 'slow' was cancelled."]


@ensureDeferred
async def test_interrupt_on_terminal(daemon: Daemon) -> None:
    """The Ctrl-C key of a terminal does the same while the bar is shown."""
    program = toy_program("--state", str(daemon.state), "slow", tty=True)
    await program.expect("waiting")
    program.type("\x03")
    assert await program.end() == 130
    await daemon.toy.cancelled.wait()
    assert "Traceback" not in program.out


@ensureDeferred
async def test_killed_client(daemon: Daemon) -> None:
    """A client that is killed outright leaves no command running."""
    program = toy_program("--state", str(daemon.state), "slow")
    await program.expect("slow: 25 %")
    program.transport.signalProcess("KILL")
    assert await program.end() == -signal.SIGKILL
    await daemon.toy.cancelled.wait()


@ensureDeferred
async def test_daemon_stops(tmp_path: Path) -> None:
    """A daemon that shuts down under a command says so."""
    daemon = Daemon(tmp_path / "state")
    program = toy_program("--state", str(daemon.state), "slow")
    await program.expect("slow: 25 %")
    await daemon.service.stopService()
    assert await program.end() == 1
    assert program.err.endswith("p2pfs: The daemon is shutting down.\n")


@ensureDeferred
async def test_broken_pipe(daemon: Daemon) -> None:
    """A reader that had enough, such as head, causes no complaint."""
    command = f"'{sys.executable}' -m tests.cli.toy_main --state '{daemon.state}' flood | head -1"
    program = spawn("/bin/sh", "-c", command)
    assert await program.end() == 0
    assert (program.out, program.err) == ("line 0\n", "")


@ensureDeferred
async def test_words_that_are_no_text(daemon: Daemon) -> None:
    """Bytes that are no text are refused with a sentence."""
    program = spawn(
        "/bin/sh",
        "-c",
        f"'{sys.executable}' -m tests.cli.toy_main --state '{daemon.state}' echo $(printf '\\377')",
    )
    assert await program.end() == 2
    assert "UTF-8" in program.err
    assert "Traceback" not in program.err


def test_starts_without_twisted() -> None:
    """The program does not load Twisted, which would make every command line slow."""
    code = "import sys, p2pfs.cli.main; sys.exit('twisted' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)
    # Nor what only those load who join or found a swarm, who do without Twisted too.
    code = "import sys, p2pfs.cli.main; sys.exit('cryptography' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)
    modules = "p2pfs.cli.joining, p2pfs.cli.founding"
    code = f"import sys, {modules}; sys.exit('twisted' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)


def test_environment_is_sane() -> None:
    """The tests run the checkout's code, whatever is installed."""
    assert os.path.samefile(PROJECT / "p2pfs", Path(sys.modules["p2pfs"].__file__ or "").parent)
