"""When progress is worth a line."""

from __future__ import annotations

from p2pfs.console.command import Progress
from p2pfs.console.progress_lines import QUIET_SECONDS, ProgressLines


def test_a_change_of_what_is_done_is_a_line() -> None:
    """At once, and also back again; another file is another thing."""
    lines = ProgressLines()
    told = [
        lines.line(Progress(label, 0, 0, note), at / 10)
        for at, (label, note) in enumerate(
            [("x", "a"), ("x", "b"), ("x", "b"), ("x", "a"), ("y", "a"), ("y", "a")]
        )
    ]
    assert told == ["x: a", "x: b", None, "x: a", "y: a", None]


def test_numbers_are_a_line_once_a_minute() -> None:
    """However many there are, and counted from the line before."""
    lines = ProgressLines()

    def line(at: float, note: str = "a") -> str | None:
        return lines.line(Progress("x", round(at), 1000, note, f"{at:g} s", 5, 7), at)

    assert line(10.0) == "x: 1 % of 1000 B, 5 B/s, 0:00:07 left, a, 10 s"
    assert line(10.0 + QUIET_SECONDS / 2, "b") is not None
    assert line(10.0 + QUIET_SECONDS, "b") is None
    assert line(10.0 + 1.5 * QUIET_SECONDS, "b") is not None
