"""The commands that need no daemon."""

from __future__ import annotations

from p2pfs.cli.completion_scripts import SCRIPTS
from p2pfs.commands import LOCAL_COMMANDS
from p2pfs.commands.local import SHELLS


def test_each_shell_has_its_script() -> None:
    """What is offered is there."""
    assert list(SHELLS) == list(SCRIPTS)


def test_no_secret_is_an_argument() -> None:
    """Everybody on a machine can see arguments; the help of who joins says so."""
    [join] = [command for command in LOCAL_COMMANDS["peer"] if command.name == "join"]
    assert any("no argument" in paragraph for paragraph in join.details)
    assert [option.name for option in join.options] == ["name"]
