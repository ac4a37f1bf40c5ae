"""What does the commands that need no daemon: see `p2pfs.commands.LOCAL_COMMANDS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from p2pfs.cli.completion_scripts import SCRIPTS
from p2pfs.cli.shell import run_shell
from p2pfs.commands import LOCAL_COMMANDS, Call, Definitions
from p2pfs.console.control.messages import AnswerMessage


@dataclass(frozen=True)
class LocalCall:
    """A command of this program, and the daemon before whose commands it stands."""

    role: str
    """Of the daemon: "peer" or "tracker"."""
    state: Path
    """Its state directory."""
    definitions: Definitions
    """What it can do itself."""
    call: Call


Work = Callable[[LocalCall], AnswerMessage | None]
"""Does a command; raises `P2pfsError`. Without an answer, all was shown already."""


def with_local(roles: Mapping[str, Definitions]) -> Mapping[str, Definitions]:
    """Commands of daemons by their roles, and before each the ones that need none."""
    return {role: found.with_local(LOCAL_COMMANDS[role]) for role, found in roles.items()}


def local_work(role: str, call: Call) -> Work | None:
    """What does that command here; None for those of a daemon."""
    is_local = call.command in LOCAL_COMMANDS[role]
    return _WORKS[call.command.name] if is_local else None


def _console(given: LocalCall) -> None:
    run_shell(given.state, given.role, given.definitions)


def _completion(given: LocalCall) -> None:
    print(SCRIPTS[given.call["shell"]], end="")


# These two begin with what takes longer to load than all of this program.


def _join(given: LocalCall) -> AnswerMessage:
    from p2pfs.cli.joining import join

    return join(given.state, given.call)


def _private(given: LocalCall) -> AnswerMessage:
    from p2pfs.cli.founding import found_swarm

    return found_swarm(given.state, given.call)


_WORKS: Mapping[str, Work] = {
    "console": _console,
    "completion": _completion,
    "join": _join,
    "private": _private,
}
