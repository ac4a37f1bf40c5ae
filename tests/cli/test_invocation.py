"""One command run over a client: its paths, its progress, its help."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.cli.invocation import call_of
from p2pfs.commands import PEER_COMMANDS
from p2pfs.errors import UsageProblem
from tests.cli.program import run
from tests.console.toy import Daemon


@ensureDeferred
async def test_paths(daemon: Daemon, tmp_path: Path) -> None:
    """A local path means what it means where the user is; other arguments stay as they are."""
    (tmp_path / "here").mkdir()
    options = {"cwd": tmp_path / "here", "HOME": "/home/me"}
    for typed, meant in (
        ("x.iso", f"{tmp_path}/here/x.iso"),
        ("../y/", f"{tmp_path}/here/../y/"),
        ("~/z", "/home/me/z"),
        ("/abs/", "/abs/"),
    ):
        _, out, _ = await run(daemon, "copy", "rel", "--over-write", typed, **options)
        assert out == f"source=rel\ntarget={meant}\n"


@ensureDeferred
async def test_help_of_a_command_is_there_behind_it(daemon: Daemon) -> None:
    """Wherever --help stands, but for behind a double dash."""
    for words in (("copy", "--help"), ("copy", "a", "--help")):
        status, out, _ = await run(daemon, *words)
        assert (status, out.splitlines()[0]) == (0, "usage: copy SOURCE [TARGET] [--over-write]")
    assert await run(daemon, "echo", "--", "--help") == (0, "--help\n", "")


@ensureDeferred
async def test_what_is_no_command_is_not_run(daemon: Daemon) -> None:
    """It is known what the daemon takes before anything is begun."""
    status, out, err = await run(daemon, "nonsense", "x")
    assert (status, out) == (2, "")
    assert "There is no command 'nonsense'" in err
    assert daemon.toy.calls == []


def test_a_directory_that_was_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a path is relative to it; other commands do without."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert call_of(PEER_COMMANDS, ["status"]).command.name == "status"
    assert call_of(PEER_COMMANDS, ["publish", "/x"])["path"] == "/x"
    with pytest.raises(UsageProblem, match="The directory where you are was removed"):
        call_of(PEER_COMMANDS, ["download", "x"])
