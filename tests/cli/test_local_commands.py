"""Commands that need no daemon stand beside those of daemons."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.cli.local_commands import LocalCall, local_work, with_local
from p2pfs.commands import LOCAL_COMMANDS, PEER_COMMANDS, TRACKER_COMMANDS, Call
from tests.cli.program import run
from tests.console.toy import Daemon, p2pfs

DAEMONS = {"peer": PEER_COMMANDS, "tracker": TRACKER_COMMANDS}


def test_each_has_its_work_and_no_daemon_s_has_one() -> None:
    """Whatever is defined here is done here."""
    for role, definitions in with_local(DAEMONS).items():
        local = {command.name for command in LOCAL_COMMANDS[role]}
        assert local.isdisjoint(DAEMONS[role].names)
        for command in definitions:
            assert (local_work(role, Call(command)) is not None) == (command.name in local)


def test_a_tracker_is_not_joined_to_anything(capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of daemon has its own; the scripts for shells are the same for both."""
    offered = with_local(DAEMONS)
    assert "join" in offered["peer"]
    assert "join" not in offered["tracker"]
    assert "private" not in offered["peer"]
    call = offered["tracker"].parse(["completion", "fish"])
    work = local_work("tracker", call)
    assert work is not None
    assert work(LocalCall("tracker", Path("/"), TRACKER_COMMANDS, call)) is None
    assert "fish" in capsys.readouterr().out


@ensureDeferred
async def test_they_are_explained_as_the_others_are() -> None:
    """By help, and by --help behind them, also where no daemon runs."""
    program = p2pfs("help")
    assert await program.end() == 0
    assert "\njoin " in program.out
    for words in (["help", "join"], ["join", "--help"], ["join", "x", "--help"]):
        program = p2pfs(*words)
        assert await program.end() == 0
        assert program.out.startswith("usage: join [FILE] [--name NAME]\n")
    program = p2pfs("tracker", "private", "--help")
    assert await program.end() == 0
    assert program.out.startswith("usage: private [--ca DIR] [--name NAME]\n")


@ensureDeferred
async def test_what_they_do_not_take_is_told(daemon: Daemon) -> None:
    """With the status of a command that was not understood."""
    for words in (["join", "a", "b"], ["join", "--nam", "x"], ["console", "x"], ["completion"]):
        status, out, err = await run(daemon, *words)
        assert (status, out) == (2, "")
        assert "usage: " in err
