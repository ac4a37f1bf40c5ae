"""Local paths mean the same in the daemon as where they were typed."""

from __future__ import annotations

from pathlib import Path

from p2pfs.cli.local_paths import absolute_path, absolute_words
from p2pfs.console.control.messages import DescriptionMessage, ParameterMessage


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
