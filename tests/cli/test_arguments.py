"""Which daemon a command line is for, how it is to be answered, and what it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pfs.cli.arguments import Arguments, parse_arguments
from p2pfs.errors import StartupProblem, UsageProblem
from tests.console.toy_commands import TOY_COMMANDS

ROLES = {"peer": TOY_COMMANDS, "tracker": TOY_COMMANDS}
HOME = {"HOME": "/home/me"}
PEER = Path("/home/me/.local/state/p2pfs/peer")


def parsed(*argv: str, **environ: str) -> Arguments:
    return parse_arguments(argv, ROLES, {**HOME, **environ})


@pytest.mark.parametrize(
    "line",
    [
        "--state /s --json tracker echo a",
        "tracker --json --state /s echo a",
        "tracker --state=/s echo --json a",
        "tracker echo a --state /s --json",
        "tracker echo --state=/s a --json",
    ],
)
def test_options_may_stand_before_and_behind(line: str) -> None:
    """The role, and the command."""
    assert parsed(*line.split()) == Arguments("tracker", Path("/s"), True, ["echo", "a"])


def test_what_is_behind_a_double_dash_is_the_commands() -> None:
    """Whatever it looks like."""
    words = ["echo", "--", "--state", "--json"]
    assert parsed(*words) == Arguments("peer", PEER, False, words)


def test_the_environment_may_name_the_state() -> None:
    """Unless the command line does, or it is empty."""
    assert parsed("echo", P2PFS_STATE="/e").state == Path("/e")
    assert parsed("tracker", "echo", P2PFS_STATE="/e").state == Path("/e")
    assert parsed("echo", "--state", "/s", P2PFS_STATE="/e").state == Path("/s")
    assert parsed("echo", P2PFS_STATE="").state == PEER


@pytest.mark.parametrize("words", [["echo", "--state"], ["echo", "--state="]])
def test_a_state_needs_a_directory(words: list[str]) -> None:
    """It is not taken for the present one."""
    with pytest.raises(UsageProblem, match="--state needs"):
        parsed(*words)


def test_without_a_home_a_state_is_to_be_named() -> None:
    """It is not looked for anywhere else."""
    with pytest.raises(StartupProblem):
        parse_arguments(["echo"], ROLES, {})


@pytest.mark.parametrize("argv", [[], ["tracker"], ["--json"], ["--nonsense", "echo"]])
def test_what_is_no_command_line_ends_the_program(argv: list[str]) -> None:
    """With the usage, and exit status 2."""
    with pytest.raises(SystemExit) as caught:
        parsed(*argv)
    assert caught.value.code == 2


@pytest.mark.parametrize("state", ["~nosuchuser/x", "bad\0"])
def test_a_state_directory_that_cannot_be_is_told(state: str) -> None:
    """In a sentence, as every other path."""
    with pytest.raises(UsageProblem, match="The local path"):
        parsed("--state", state, "echo")
