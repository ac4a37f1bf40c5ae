"""What a person at a terminal is asked, and what is done where there is none."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from tests.cli.program import run
from tests.console.toy import Daemon, toy_program


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("\x03", 1)])
@ensureDeferred
async def test_a_person_is_asked_before_a_shutdown(daemon: Daemon, typed: str, status: int) -> None:
    """Only a yes is one."""
    program = toy_program("--state", str(daemon.state), "exit", tty=True)
    await program.expect("Shut it down? [y/N] ")
    program.type(typed)
    assert await program.end() == status
    assert ("Shutting down." in program.shown) == (status == 0)


@ensureDeferred
async def test_nobody_is_asked_where_nobody_can_answer(daemon: Daemon) -> None:
    """In a script it is meant as it stands; and who says yes is not asked at a terminal."""
    assert await run(daemon, "exit") == (0, "Shutting down.\n", "")
    program = toy_program("--state", str(daemon.state), "exit", "--yes", tty=True)
    assert await program.end() == 0


@pytest.mark.parametrize(
    ("typed", "words", "ended"),
    [
        ("\x03", "It goes on in the peer: 'attach a' shows it", []),
        ("\n", "It goes on in the peer", []),
        ("c\n", "a and b ended.", [("a", "b")]),
    ],
)
@ensureDeferred
async def test_an_interrupt_is_asked_about(
    daemon: Daemon, typed: str, words: str, ended: list[tuple[str, ...]]
) -> None:
    """What goes on in the daemon is left running by a second Ctrl-C, and cancelled by a word."""
    program = toy_program("--state", str(daemon.state), "begin", "a", "b", tty=True)
    await program.expect("waiting")
    program.type("\x03")
    await program.expect("Leave all 2 running in the peer, or cancel? [L/c] ")
    program.type(typed)
    await program.expect(words)
    assert await program.end() == 130
    assert [call.repeated for call in daemon.toy.calls] == ended


@ensureDeferred
async def test_without_a_terminal_an_interrupt_leaves_it_running(daemon: Daemon) -> None:
    """Nobody could say that it was meant otherwise."""
    program = toy_program("--state", str(daemon.state), "begin", "a")
    await program.expect("slow: 25 %")
    program.transport.signalProcess("INT")
    assert await program.end() == 130
    assert "'cancel a' ends it" in program.err
    assert daemon.toy.calls == []
