"""Text for people: sizes, progress, tables."""

from __future__ import annotations

from p2pfs.console.control.messages import ProgressMessage
from p2pfs.console.rendering import progress_text, size_text, table


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
