"""What may be written for a local path, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.errors import StorageProblem, UsageProblem
from p2pfs.peer.commands.local_path import local_path


def test_a_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From where the daemon is, with its user's home directory; bytes that are no text stay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert local_path("x/y") == tmp_path / "x" / "y"
    assert local_path("~/y") == tmp_path / "home" / "y"
    assert bytes(local_path("/x/bad\udcff.bin")) == b"/x/bad\xff.bin"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("a\0b", r"'a\\x00b' has a NUL character"),
        ("half\ud800", r"'half\\ud800' has a character in it that no path has"),
        ("~nosuchuser/x", "'~nosuchuser/x' begins with is not known"),
        ("\0" * 5000, r"\.\.\.' has a NUL"),
    ],
)
def test_what_no_path_can_be_is_told(text: str, reason: str) -> None:
    """Before anything of the system is asked for it."""
    with pytest.raises(UsageProblem, match=reason):
        local_path(text)


def test_a_relative_path_needs_a_directory_to_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon's own may have been removed."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(StorageProblem, match=r"Cannot find x: it is not there"):
        local_path("x")
