"""One command, run over a client: what the command line and the prompt have in common."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from p2pfs.cli.client import connect
from p2pfs.cli.interruption import Confirm, confirmed, interrupted
from p2pfs.cli.local_paths import with_absolute_paths
from p2pfs.cli.progress_display import display_for
from p2pfs.commands import HELP, Call, Definitions
from p2pfs.console.control.messages import AnswerMessage
from p2pfs.errors import Cancelled, UsageProblem


class Interrupted(Cancelled):
    """The user pressed Ctrl-C; the sentence says what became of the command."""


def call_of(definitions: Definitions, words: Sequence[str]) -> Call:
    """The call that ``words`` are; ``--help`` among them asks for the command's help instead.

    Local paths are made absolute, as the daemon runs in a directory of its own. Raises
    `UsageProblem`.
    """
    if not words:
        raise UsageProblem("No command was given; 'help' lists them.")
    options = words[1 : words.index("--")] if "--" in words else words[1:]
    if "--help" in options:
        words = [HELP.name, words[0]]
    return with_absolute_paths(definitions.parse(words), _here)


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:
        raise UsageProblem(
            "The directory where you are was removed; go to another, or give the path from '/' on."
        ) from None


def invoke(
    state: Path, role: str, definitions: Definitions, call: Call, confirm: Confirm = confirmed
) -> AnswerMessage:
    """Run a command in the daemon whose state directory is ``state``, its progress on stderr.

    Help needs no daemon. Raises what `ControlClient.request` raises, and `Interrupted` after
    Ctrl-C, which cancels the command, or leaves it running, if it may and the user wants that.
    """
    if call.command is HELP:
        name = call.get("command")
        return AnswerMessage(definitions.help_data(name), definitions.help_lines(name))
    if call.command.question and "yes" not in call.options and not confirm(call.command.question):
        raise Cancelled(f"'{call.command.name}' was not done.")
    try:
        return _request(state, role, call.words())
    except KeyboardInterrupt:
        # The client is closed by now, which cancels what does not go on in the background.
        if not call.command.background:
            raise Interrupted(f"'{call.command.name}' was cancelled.") from None
        names = call.repeated or (call["name"],)
        if interrupted(names, role):
            lines = _request(state, role, ["cancel", "--", *names]).lines
            raise Interrupted(" ".join(lines)) from None
        raise Interrupted(
            f"It goes on in the {role}: 'attach {names[0]}' shows it, 'cancel {names[0]}' ends it."
        ) from None


def _request(state: Path, role: str, words: Sequence[str]) -> AnswerMessage:
    with connect(state, role) as client, closing(display_for(sys.stderr)) as display:
        return client.request(words, display)
