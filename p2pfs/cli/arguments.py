"""The command line of the program ``p2pfs``: which daemon, how to answer, and what to run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from p2pfs import __version__
from p2pfs.commands import Definitions
from p2pfs.errors import UsageProblem
from p2pfs.paths import default_state_directory, given_path

STATE_VARIABLE = "P2PFS_STATE"
"""The environment variable that stands for ``--state`` where that is not given."""

_DESCRIPTION = """\
Talk to the p2pfs peer that runs on this machine, or to its tracker.

  p2pfs COMMAND ...           run one command of the peer
  p2pfs tracker COMMAND ...   run one command of the tracker
  p2pfs console               a prompt with history and Tab completion
  p2pfs tracker console       the same for the tracker
  p2pfs tracker private       make the swarm a private one, for members only
  p2pfs join                  become a member of one, by an invitation on standard input
  p2pfs completion SHELL      what makes bash, zsh or fish complete words; for bash in
                              ~/.bashrc: eval "$(p2pfs completion bash)"
"""

EXAMPLES = (
    "p2pfs publish ./image.iso",
    "p2pfs download image.iso /srv/images/ --overwrite",
    "p2pfs list_files '*.iso' --sort new",
    "p2pfs --json list_files",
)
"""Command lines that show how the program is used."""

EXIT_STATUSES = {
    0: "done",
    1: "failed, or done and not well",
    2: "not understood",
    130: "interrupted",
}
"""What the program's exit status says."""

_EPILOG = f"""\
'p2pfs help COMMAND' explains a command. Local paths are relative to where you are.
--state and --json may also stand behind the command; the environment variable
{STATE_VARIABLE} stands for --state.

examples:
{chr(10).join(f"  {example}" for example in EXAMPLES)}

exit status:
{chr(10).join(f"  {status:<3}  {text}" for status, text in EXIT_STATUSES.items())}
"""


@dataclass(frozen=True)
class Arguments:
    """What a command line asks for: ``role`` is "peer" or "tracker", ``words`` the command."""

    role: str
    state: Path
    as_json: bool
    words: Sequence[str]


def parse_arguments(
    argv: Sequence[str], roles: Mapping[str, Definitions], environ: Mapping[str, str]
) -> Arguments:
    """Read a command line.

    ``roles`` has the commands of each kind of daemon, the first of which is meant where none
    is named. Raises `UsageProblem`, `StartupProblem` where there is no place for state, and
    SystemExit after ``--help`` and ``--version``, and for what argparse does not understand.
    """
    parser = argument_parser(roles)
    options = parser.parse_args(argv)
    role = next(iter(roles))
    if options.words and options.words[0] in roles and options.words[0] != role:
        role = options.words[0]
        # Options are as welcome after the role as before it.
        options = parser.parse_args(options.words[1:], options)
    words = _take_options(options)
    if not words:
        parser.error("no command was given; 'p2pfs help' lists them")
    state = options.state if options.state is not None else environ.get(STATE_VARIABLE) or None
    return Arguments(
        role,
        default_state_directory(role, environ) if state is None else given_path(state),
        options.json,
        words,
    )


def argument_parser(roles: Mapping[str, Definitions]) -> argparse.ArgumentParser:
    """What knows the program's own options; ``roles`` are those of `parse_arguments`."""
    parser = argparse.ArgumentParser(
        "p2pfs",
        usage="p2pfs [--state DIR] [--json] [tracker] COMMAND ...",
        description=_DESCRIPTION,
        epilog="\n\n".join([*map(_commands_text, roles, roles.values()), _EPILOG]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"p2pfs {__version__}")
    parser.add_argument(
        "--state",
        metavar="DIR",
        help="the daemon's state directory (default: $XDG_STATE_HOME/p2pfs/peer, or .../tracker, "
        "below ~/.local/state where that is unset)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the answer, or the error, as one JSON document"
    )
    parser.add_argument("words", metavar="COMMAND", nargs=argparse.REMAINDER, help="what to run")
    return parser


def _commands_text(role: str, definitions: Definitions) -> str:
    lines = definitions.help_lines()
    return "\n".join([f"commands of the {role}:", *(f"  {line}" for line in lines)])


def _take_options(options: argparse.Namespace) -> list[str]:
    """The words of the command, without the program's own options, which are noted."""
    words: list[str] = []
    rest = iter(options.words)
    for word in rest:
        if word == "--":
            return [*words, word, *rest]
        if word == "--json":
            options.json = True
        elif word == "--state" or word.startswith("--state="):
            value = next(rest, "") if word == "--state" else word.removeprefix("--state=")
            if not value:
                raise UsageProblem("--state needs the daemon's state directory.")
            options.state = value
        else:
            words.append(word)
    return words
