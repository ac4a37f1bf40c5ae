"""The ``p2pfs`` program: the console of a peer or tracker from the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from p2pfs import __version__
from p2pfs.cli.client import connect
from p2pfs.cli.invocation import invoke
from p2pfs.cli.shell import run_shell
from p2pfs.errors import Cancelled, P2pfsError, UsageProblem
from p2pfs.paths import default_state_directory

INTERRUPTED = 130

DESCRIPTION = """\
Talk to the p2pfs peer that runs on this machine, or to its tracker.

  p2pfs COMMAND ...           run one command of the peer
  p2pfs tracker COMMAND ...   run one command of the tracker
  p2pfs console               a prompt with history and Tab completion
  p2pfs tracker console       the same for the tracker
"""

EPILOG = """\
'p2pfs help' lists the commands of the peer, 'p2pfs help COMMAND' explains one;
the daemon has to run for that. Local paths are relative to where you are.

examples:
  p2pfs publish ./image.iso
  p2pfs download image.iso /srv/images/ --overwrite
  p2pfs --json list_file

exit status: 0 done, 1 failed, 2 not understood, 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with ``argv``, or the process's own arguments; returns its exit status."""
    try:
        status = _run(_options(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader had enough (`p2pfs list_files | head`). Python would
        # complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _options(argv: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for: role, state, json and the words of the command."""
    parser = argparse.ArgumentParser(
        "p2pfs",
        usage="p2pfs [--state DIR] [--json] [tracker] COMMAND ...",
        description=DESCRIPTION,
        epilog=EPILOG,
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
    options = parser.parse_args(argv)
    options.role = "peer"
    if options.words[:1] == ["tracker"]:
        # Options are as welcome after "tracker" as before it.
        options = parser.parse_args(options.words[1:], options)
        options.role = "tracker"
    end = options.words.index("--") if "--" in options.words else len(options.words)
    if "--json" in options.words[1:end]:
        options.json = True
        options.words = [
            word for at, word in enumerate(options.words) if at >= end or word != "--json"
        ]
    if not options.words:
        parser.error("no command was given; 'p2pfs help' lists them")
    return options


def _run(options: argparse.Namespace) -> int:
    try:
        if options.state is not None:
            state = Path(options.state).expanduser().absolute()
        else:
            state = default_state_directory(options.role, os.environ)
        if options.words == ["console"]:
            return run_shell(state, options.role)
        with connect(state, options.role) as client:
            answer = invoke(client, options.words)
    except P2pfsError as error:
        _print_error(error, options.json)
        return 2 if isinstance(error, UsageProblem) else 1
    except KeyboardInterrupt:
        # The client is closed by now, which cancels the command.
        _print_error(Cancelled(f"'{options.words[0]}' was cancelled."), options.json)
        return INTERRUPTED
    if options.json:
        _print_json(answer.data)
    else:
        for line in answer.lines:
            print(line)
    return 0


def _print_error(error: P2pfsError, as_json: bool) -> None:
    if as_json:
        _print_json({"error": str(error), "kind": type(error).__name__})
    else:
        print(f"p2pfs: {error}", file=sys.stderr)


def _print_json(data: object) -> None:
    text = msgspec.json.format(msgspec.json.encode(data)).decode()
    # Whatever a terminal does not show is inside of strings, and stays what it is when escaped.
    print("".join(c if c == "\n" or c.isprintable() else _json_escape(c) for c in text))


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


if __name__ == "__main__":
    sys.exit(main())
