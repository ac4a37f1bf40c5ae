"""Local paths mean the same in the daemon as where they were typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.cli.local_paths import absolute_path, paths_beginning, with_absolute_paths
from p2pfs.commands import Definition, Definitions, Kind, Option, Parameter
from p2pfs.errors import UsageProblem

COMMANDS = Definitions(
    [
        Definition(
            "copy",
            "Copy.",
            [
                Parameter("source", "a path", Kind.PATH),
                Parameter("name", "no path"),
                Parameter("target", "a path", Kind.PATH, optional=True, default="."),
            ],
            [Option("flag", "a switch")],
        )
    ]
)


def test_paths_of_a_call_are_made_absolute() -> None:
    """Those, what is left out among them, and nothing else."""
    call = COMMANDS.parse(["copy", "--flag", "./a/", "b", "--", "--c"])
    assert with_absolute_paths(call, lambda: Path("/here")).arguments == {
        "source": "/here/a/",
        "name": "b",
        "target": "/here/--c",
    }
    call = COMMANDS.parse(["copy", "a", "b"])
    assert with_absolute_paths(call, lambda: Path("/here"))["target"] == "/here"


def test_who_is_nowhere_may_still_give_whole_paths() -> None:
    """A directory may be removed while somebody is in it."""

    def nowhere() -> Path:
        raise UsageProblem("The directory was removed.")

    call = COMMANDS.parse(["copy", "/a", "b", "/c"])
    assert with_absolute_paths(call, nowhere)["target"] == "/c"
    with pytest.raises(UsageProblem):
        with_absolute_paths(COMMANDS.parse(["copy", "a", "b", "/c"]), nowhere)


def test_a_path_is_as_seen_from_a_directory() -> None:
    """What it says beyond that stays."""
    here = Path("/here")
    assert absolute_path("", here) == ""
    assert absolute_path("/", here) == "/"
    assert absolute_path(".", here) == "/here"


def test_paths_that_may_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they were begun, from here, from the root or from home; hidden ones when asked for."""
    for name in ("image", "index", ".hidden", "bad\nname"):
        (tmp_path / name).touch()
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths_beginning("im") == ["image", "images/"]
    assert paths_beginning("") == ["image", "images/", "index"]
    assert paths_beginning(f"{tmp_path}/ind") == [f"{tmp_path}/index"]
    assert paths_beginning("~/.h") == ["~/.hidden"]
    assert paths_beginning("nowhere/x") == []
    assert paths_beginning("\0") == []
