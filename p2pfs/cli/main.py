"""The ``p2pfs`` program: the console of a peer or tracker from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from p2pfs.cli.arguments import Arguments, parse_arguments
from p2pfs.cli.completion import completion_lines
from p2pfs.cli.invocation import Interrupted, call_of, invoke
from p2pfs.cli.local_commands import LocalCall, local_work, with_local
from p2pfs.cli.pager import show
from p2pfs.commands import PEER_COMMANDS, TRACKER_COMMANDS, Definitions
from p2pfs.console.control.messages import AnswerMessage
from p2pfs.console.json_text import error_document, json_document
from p2pfs.errors import P2pfsError, UsageProblem

INTERRUPTED = 130

COMPLETE = "__complete"
"""The command by which the scripts for shells ask what a word may become."""

ROLES = {"peer": PEER_COMMANDS, "tracker": TRACKER_COMMANDS}
"""The commands of each kind of daemon."""


def main(argv: Sequence[str] | None = None, roles: Mapping[str, Definitions] = ROLES) -> int:
    """Run the program with ``argv``, or the process's own arguments; returns its exit status."""
    words = sys.argv[1:] if argv is None else argv
    try:
        is_completion = words[:1] == [COMPLETE]
        status = _complete(words, with_local(roles)) if is_completion else _run(words, roles)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader had enough (`p2pfs list_files | head`). Python would
        # complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _run(argv: Sequence[str], roles: Mapping[str, Definitions]) -> int:
    as_json = "--json" in argv
    try:
        arguments = parse_arguments(argv, with_local(roles), os.environ)
        as_json = arguments.as_json
        return _run_command(arguments, roles[arguments.role])
    except P2pfsError as error:
        _print_error(error, as_json)
        return 2 if isinstance(error, UsageProblem) else 1


def _run_command(arguments: Arguments, definitions: Definitions) -> int:
    try:
        answer = _answer(arguments, definitions)
    except (Interrupted, KeyboardInterrupt) as error:
        _print_error(Interrupted(str(error) or "It was interrupted."), arguments.as_json)
        return INTERRUPTED
    if answer is None:
        return 0
    if arguments.as_json:
        print(json_document(answer.data))
    else:
        show(answer.lines, sys.stdout)
    return answer.status


def _answer(arguments: Arguments, definitions: Definitions) -> AnswerMessage | None:
    """What the command came to, here or in the daemon, which has those ``definitions``."""
    role, state = arguments.role, arguments.state
    offered = with_local({role: definitions})[role]
    call = call_of(offered, arguments.words)
    work = local_work(role, call)
    if work is None:
        return invoke(state, role, offered, call)
    return work(LocalCall(role, state, definitions, call))


def _complete(words: Sequence[str], roles: Mapping[str, Definitions]) -> int:
    for line in completion_lines(roles, os.environ, words[1:]):
        print(line)
    return 0


def _print_error(error: P2pfsError, as_json: bool) -> None:
    if as_json:
        print(error_document(type(error).__name__, str(error)))
    else:
        print(f"p2pfs: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
