"""Where a daemon keeps its state when nobody says otherwise; paths as users write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.errors import StartupProblem, UsageProblem
from p2pfs.paths import default_state_directory, given_path, own_state_directory


def test_state_goes_where_the_user_keeps_state() -> None:
    """As XDG has it, and each daemon has a directory of its own there."""
    assert default_state_directory("peer", {"XDG_STATE_HOME": "/s"}) == Path("/s/p2pfs/peer")
    assert default_state_directory("tracker", {"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path(
        "/s/p2pfs/tracker"
    )
    assert own_state_directory({"XDG_STATE_HOME": "/s"}) == Path("/s/p2pfs")


@pytest.mark.parametrize("variable", [{}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}])
def test_otherwise_it_is_below_the_home_directory(variable: dict[str, str]) -> None:
    """A relative directory would be another one wherever a daemon starts: XDG has it ignored."""
    environ = {"HOME": "/h", **variable}
    found = default_state_directory("tracker", environ)
    assert found == Path("/h/.local/state/p2pfs/tracker")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "h"}, {"XDG_STATE_HOME": "s"}])
def test_without_a_home_the_user_is_asked_for_one(environ: dict[str, str]) -> None:
    """State in the working directory would be lost to the next start elsewhere."""
    with pytest.raises(StartupProblem, match="--state"):
        default_state_directory("peer", environ)


def test_a_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From where the daemon is, with its user's home directory; bytes that are no text stay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert given_path("x/y") == tmp_path / "x" / "y"
    assert given_path("~/y") == tmp_path / "home" / "y"
    assert bytes(given_path("/x/bad\udcff.bin")) == b"/x/bad\xff.bin"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("a\0b", r"'a\\x00b' has a NUL character"),
        ("half\ud800", r"'half\\ud800' has a character in it that no path has"),
        ("~nosuchuser/x", "'~nosuchuser/x' begins with a user who is not known"),
        ("\0" * 5000, r"\.\.\.' has a NUL"),
    ],
)
def test_what_no_path_can_be_is_told(text: str, reason: str) -> None:
    """Before anything of the system is asked for it."""
    with pytest.raises(UsageProblem, match=reason):
        given_path(text)


def test_a_relative_path_needs_a_directory_to_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon's own may have been removed."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageProblem, match=r"'x' is relative to a directory that was removed"):
        given_path("x")
