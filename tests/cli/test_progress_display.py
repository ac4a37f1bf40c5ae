"""How the program shows progress: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import io

from pytest_twisted import ensureDeferred

from p2pfs.cli.progress_display import LineDisplay
from p2pfs.console.control.messages import ProgressMessage
from tests.cli.program import run
from tests.console.toy import Daemon, toy_program


@ensureDeferred
async def test_progress_lines(daemon: Daemon) -> None:
    """In a pipe progress is plain lines on stderr, and stdout has the answer alone."""
    status, out, err = await run(daemon, "progress")
    assert (status, out) == (0, "finished\n")
    assert err == "work: 0 % of 1000.0 KiB, 2 sources\n"


@ensureDeferred
async def test_progress_bar(daemon: Daemon) -> None:
    """On a terminal progress is a bar that has gone when the answer comes."""
    program = toy_program("--state", str(daemon.state), "slow", tty=True)
    await program.expect("25%")
    await program.expect("waiting")
    daemon.toy.hold.callback(None)
    await program.expect("released")
    assert await program.end() == 0
    assert program.out.split("\r")[-2].endswith("released")


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
