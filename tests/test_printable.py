"""Names and messages of other people's choice, on a terminal."""

from __future__ import annotations

import pytest

from p2pfs.console.command import Answer, Progress
from p2pfs.console.rendering import table
from p2pfs.printable import encodable, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202efdp.exe", r"invoice\u202efdp.exe"),
        ("\u2066a\u2069", r"\u2066a\u2069"),
        ("pay\u200bpal", r"pay\u200bpal"),
        ("\ufeffa", r"\ufeffa"),
        ("a\x1b[2Jb\n", r"a\u001b[2Jb\u000a"),
        ("a\u2028b", r"a\u2028b"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("half\udc80", r"half\udc80"),
    ],
)
def test_what_moves_the_text_or_is_not_seen_is_spelled_out(text: str, shown: str) -> None:
    """A name can neither turn round nor erase what stands beside it."""
    assert printable(text) == shown
    assert printable(shown) == shown


@pytest.mark.parametrize(
    "text", ["Grüße €.txt", "データ\u3000一覧", "a\u00a0b", "\u0440\u0430\u0443\u0440\u0430l", ""]
)
def test_what_can_be_read_stays(text: str) -> None:
    """Letters of any script, and spaces of any width. Those that look alike are other names."""
    assert printable(text) == text


def test_every_way_to_the_terminal_is_guarded() -> None:
    """Lines of an answer, cells of a table (with its columns in place), and progress."""
    name = "a\u202eb"
    assert Answer(name, [name]).lines == [r"a\u202eb"]
    assert Answer(name, [name]).data == name
    assert table(["x", "y"], [(name, 1)]) == ["x         y", r"a\u202eb  1"]
    progress = Progress(name, 1, 2, name)
    assert (progress.label, progress.note) == (r"a\u202eb", r"a\u202eb")


def test_what_utf8_has_no_bytes_for_is_escaped() -> None:
    """Half characters, as Python has them for bytes that are no text; and nothing else."""
    assert encodable("bad\udcff\ud800.bin") == r"bad\udcff\ud800.bin"
    assert encodable("n\xe4me\u202e\n\U0001f600") == "n\xe4me\u202e\n\U0001f600"
