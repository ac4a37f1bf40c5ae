"""The ``p2pfs`` program: the console of a peer or tracker from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from p2pfs.cli.arguments import Arguments, parse_arguments
from p2pfs.cli.completion import completion_lines
from p2pfs.cli.completion_scripts import SCRIPTS
from p2pfs.cli.invocation import Interrupted, call_of, invoke
from p2pfs.cli.pager import show
from p2pfs.cli.shell import run_shell
from p2pfs.commands import PEER_COMMANDS, TRACKER_COMMANDS, Definitions
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
        status = _complete(words, roles) if words[:1] == [COMPLETE] else _run(words, roles)
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
        arguments = parse_arguments(argv, roles, os.environ)
        as_json = arguments.as_json
        return _run_command(arguments, roles[arguments.role])
    except P2pfsError as error:
        _print_error(error, as_json)
        return 2 if isinstance(error, UsageProblem) else 1


def _run_command(arguments: Arguments, definitions: Definitions) -> int:
    if arguments.words[0] == "completion":
        return _print_script(arguments.words[1:])
    if arguments.words == ["console"]:
        return run_shell(arguments.state, arguments.role, definitions)
    try:
        call = call_of(definitions, arguments.words)
        answer = invoke(arguments.state, arguments.role, definitions, call)
    except (Interrupted, KeyboardInterrupt) as error:
        _print_error(Interrupted(str(error) or "It was interrupted."), arguments.as_json)
        return INTERRUPTED
    if arguments.as_json:
        print(json_document(answer.data))
    else:
        show(answer.lines, sys.stdout)
    return answer.status


def _print_script(words: Sequence[str]) -> int:
    if len(words) != 1 or words[0] not in SCRIPTS:
        raise UsageProblem(f"usage: completion {'|'.join(SCRIPTS)}")
    print(SCRIPTS[words[0]], end="")
    return 0


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
