"""How the program shows progress: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import io

from pytest_twisted import ensureDeferred

from p2pfs.cli.progress_display import BarDisplay, LineDisplay
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
    await program.expect("slow:  25 % |")
    await program.expect("| of 4 B, ")
    await program.expect("waiting")
    daemon.toy.hold.callback(None)
    await program.expect("released")
    assert await program.end() == 0
    assert program.out.split("\r")[-2].endswith("released")


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


def bars(*reports: ProgressMessage) -> list[str]:
    """What is drawn of each report, on a terminal of 80 columns."""
    stream = io.StringIO()
    display = BarDisplay(stream)
    drawn = []
    for report in reports:
        stream.truncate(0)
        display(report)
        drawn.append(stream.getvalue().rpartition("\r")[2].rstrip())
    display.close()
    assert stream.getvalue().endswith("\r")
    return drawn


def test_a_bar_shows_the_daemons_figures() -> None:
    """Also of what goes on at 40 %: tqdm would reckon what was there before as speed."""
    mib = 1 << 20
    assert bars(
        ProgressMessage("x", 0, 0, "asking the tracker"),
        ProgressMessage("x", 0, 1000 * mib, "checking what was there before"),
        ProgressMessage("x", 400 * mib, 1000 * mib, "downloading", "2 sources"),
        ProgressMessage("x", 410 * mib, 1000 * mib, "downloading", "2 sources", 10 * mib, 59),
    ) == [
        "x: asking the tracker",
        "x:   0 % |          | of 1000.0 MiB, checking what was there before",
        "x:  40 % |####      | of 1000.0 MiB, downloading, 2 sources",
        "x:  41 % |####1     | of 1000.0 MiB, 10.0 MiB/s, 0:00:59 left, downloading, 2 so",
    ]


def test_a_long_name_leaves_room_for_the_bar() -> None:
    """Its end is what tells it from others."""
    [drawn] = bars(ProgressMessage("d/" * 150 + "x.iso", 1, 4, "hashing"))
    assert drawn == "…d/d/d/d/d/d/d/d/d/d/x.iso:  25 % |##5       | of 4 B, hashing"
