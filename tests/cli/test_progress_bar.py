"""The bar that shows progress on a terminal."""

from __future__ import annotations

import io

from pytest_twisted import ensureDeferred

from p2pfs.cli.progress_bar import BarDisplay
from p2pfs.console.control.messages import ProgressMessage
from tests.console.toy import Daemon, toy_program


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
