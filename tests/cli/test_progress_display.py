"""How the program shows progress: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import io

from pytest_twisted import ensureDeferred

from p2pfs.cli.progress_display import LineDisplay
from p2pfs.console.control.messages import ProgressMessage
from tests.cli.program import run
from tests.console.toy import Daemon


@ensureDeferred
async def test_progress_lines(daemon: Daemon) -> None:
    """In a pipe progress is plain lines on stderr, and stdout has the answer alone."""
    status, out, err = await run(daemon, "progress")
    assert (status, out) == (0, "finished\n")
    assert err == "work: 0 % of 1000.0 KiB, 2 sources\n"


@ensureDeferred
async def test_waiting_in_a_pipe_is_one_line(daemon: Daemon) -> None:
    """A countdown and a list of chunks are no news, however often they are reported."""
    status, out, err = await run(daemon, "wait")
    assert (status, out) == (0, "waited\n")
    assert err.splitlines() == [
        "wait: 25 % of 4 B, downloading, 2 sources",
        "wait: 25 % of 4 B, waiting for a source, for 3 chunks (1-3), gives up in 60 s",
        "wait: 25 % of 4 B, 2 B/s, 0:00:01 left, downloading, 1 source",
    ]


def test_lines_come_once_a_minute() -> None:
    """And with them the numbers as they are by then."""
    stream, now = io.StringIO(), [0.0]
    display = LineDisplay(stream, lambda: now[0])
    for second in range(130):
        now[0] = second
        display(ProgressMessage("x", second, 200, "waiting", f"{200 - second} s left"))
    assert stream.getvalue().splitlines() == [
        "x: 0 % of 200 B, waiting, 200 s left",
        "x: 30 % of 200 B, waiting, 140 s left",
        "x: 60 % of 200 B, waiting, 80 s left",
    ]
