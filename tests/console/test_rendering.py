"""Text for people: sizes, progress, tables."""

from __future__ import annotations

from p2pfs.console.control.messages import ProgressMessage
from p2pfs.console.rendering import (
    WIDEST,
    duration_text,
    progress_text,
    rate_text,
    size_text,
    table,
)


def test_rendering() -> None:
    """Sizes and parts of them read well, and 100 % is shown for the whole alone."""
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


def test_what_is_wide_pads_nobody_else() -> None:
    """A name of 300 characters is shown whole, in a line of its own length."""
    long, wide = "x" * 300, "w" * WIDEST
    assert table(["name", "n"], [("a", 5), (long, 10)]) == [
        "name   n",
        "a      5",
        f"{long}  10",
    ]
    assert table(["name", "n"], [("a", 5), (wide, 10)])[1] == f"a{' ' * WIDEST}  5"
    assert table(["name"], [(long,)]) == ["name", long]


def test_what_is_known_of_a_rate_is_said() -> None:
    """In binary units; what is not known is left out of a line, and a dash in a table."""
    assert rate_text(10 << 20) == "10.0 MiB/s"
    assert rate_text(0.4) == "0 B/s"
    assert duration_text(3725.4) == "1:02:05"
    assert (rate_text(None), duration_text(None)) == ("-", "-")
    known = ProgressMessage("x", 40, 100, "downloading", "2 sources", 1024, 61)
    assert progress_text(known) == (
        "x: 40 % of 100 B, 1.0 KiB/s, 0:01:01 left, downloading, 2 sources"
    )
    assert progress_text(ProgressMessage("x", 0, 0, "a", rate=5)) == "x: 5 B/s, a"
