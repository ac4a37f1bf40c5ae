"""The manual pages in docs/man, made of what the programs say of themselves: `make man`."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from p2pfs import __version__
from p2pfs.cli.arguments import EXAMPLES, EXIT_STATUSES, STATE_VARIABLE, argument_parser
from p2pfs.cli.local_commands import with_local
from p2pfs.cli.main import ROLES
from p2pfs.commands import Definition, Definitions
from p2pfs.daemon import DaemonOptions
from p2pfs.peer.plugin import Options as PeerOptions
from p2pfs.tracker.plugin import Options as TrackerOptions

DIRECTORY = Path(__file__).parent / "man"

_ESCAPES = str.maketrans(
    {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "~": "\\(ti", "^": "\\(ha", '"': "\\(dq"}
)


class Page:
    """A manual page as it grows, in the language of man(7)."""

    def __init__(self, name: str, section: int, what: str) -> None:
        """``what`` says in a few words what the program ``name`` is."""
        self.name = f"{name}.{section}"
        manual = {1: "User Commands", 8: "System Administration"}[section]
        self._lines = [f'.TH {name.upper()} {section} "" "p2pfs {__version__}" "{manual}"']
        # No hyphens: what somebody copies is to be what was meant.
        self._lines += [".nh", ".ad l"]
        self.section("Name")
        self._lines.append(f"{_escaped(name)} \\- {_escaped(what)}")

    def section(self, heading: str) -> None:
        """Begin a section."""
        self._lines.append(f'.SH "{heading.upper()}"')

    def subsection(self, heading: str) -> None:
        """Begin a part of a section."""
        self._lines.append(f'.SS "{_escaped(heading)}"')

    def paragraph(self, text: str) -> None:
        """A paragraph of text."""
        self._lines += [".PP", _text(text)]

    def entries(self, entries: Iterable[tuple[str, str]]) -> None:
        """Terms, each with what it is."""
        for term, text in entries:
            self._lines += [".TP", f"\\fB{_escaped(term)}\\fR", _text(text)]

    def lines(self, lines: Iterable[str]) -> None:
        """Lines that stay as they are."""
        self._lines += [".PP", ".nf", *(f".B {_escaped(line)}" for line in lines), ".fi"]

    @property
    def text(self) -> str:
        """The page as a file has it."""
        return "\n".join(self._lines) + "\n"


def pages() -> list[Page]:
    """All manual pages."""
    return [
        _program(),
        _daemon(PeerOptions(), "peer of p2pfs, which shares, serves and fetches files"),
        _daemon(TrackerOptions(), "tracker of p2pfs, which knows who has which files"),
    ]


def _program() -> Page:
    page = Page("p2pfs", 1, "give commands to a p2pfs peer or tracker on this machine")
    roles = with_local(ROLES)
    parser = argument_parser(roles)
    page.section("Synopsis")
    page.lines(
        [
            "p2pfs [--state DIR] [--json] COMMAND ...",
            "p2pfs [--state DIR] [--json] tracker COMMAND ...",
        ]
    )
    page.section("Description")
    page.paragraph(
        "p2pfs gets big files onto many machines that belong together. A tracker knows which peer "
        "holds which chunk; peers fetch chunks from each other. This program talks to the peer "
        "that runs on this machine, or with the word tracker to its tracker."
    )
    page.paragraph(
        "Local paths are relative to where you are. At a terminal, an answer that is longer than "
        "the screen goes through a pager."
    )
    page.section("Options")
    page.paragraph("--state and --json may also stand behind the command.")
    page.entries(_arguments(parser))
    for role, definitions in roles.items():
        page.section(f"Commands of the {role}")
        _commands(page, definitions)
    page.section("Completion")
    page.paragraph(
        "'p2pfs completion SHELL' prints what makes a shell complete commands, options, names of "
        "the network and paths. In ~/.bashrc, in ~/.zshrc behind compinit, and for fish in "
        "~/.config/fish/config.fish:"
    )
    page.lines(
        [
            'eval "$(p2pfs completion bash)"',
            'eval "$(p2pfs completion zsh)"',
            "p2pfs completion fish | source",
        ]
    )
    page.section("Environment")
    page.entries(
        [
            (STATE_VARIABLE, "Stands for --state where that is not given."),
            (
                "PAGER",
                "The pager, a command line for the shell; less by default. Where it is empty or "
                "cat, one screen is shown.",
            ),
            ("LESS", "Options of less; FRX where it is not set."),
        ]
    )
    page.section("Exit status")
    page.entries((str(status), text) for status, text in EXIT_STATUSES.items())
    page.section("Examples")
    page.lines(EXAMPLES)
    page.section("See also")
    page.paragraph("p2pfs-peer(8), p2pfs-tracker(8)")
    return page


def _arguments(parser: argparse.ArgumentParser) -> Iterable[tuple[str, str]]:
    # There is no public way to the options of a parser.
    for action in parser._actions:
        if action.option_strings:
            term = ", ".join(action.option_strings)
            text = (action.help or "").replace("%(prog)s", "p2pfs")
            yield f"{term} {action.metavar}" if action.metavar else term, _sentence(text)


def _commands(page: Page, definitions: Definitions) -> None:
    for name in definitions.names:
        command = definitions[name]
        page.subsection(command.usage)
        page.paragraph(command.summary)
        page.entries(_terms(command))
        for paragraph in command.details:
            page.paragraph(paragraph)
        if command.aliases:
            page.paragraph(f"Also called {', '.join(command.aliases)}.")


def _terms(command: Definition) -> Iterable[tuple[str, str]]:
    for parameter in command.parameters:
        yield parameter.name.upper(), _sentence(parameter.help)
    for option in command.options:
        yield option.usage, _sentence(option.help)


def _daemon(options: DaemonOptions, what: str) -> Page:
    name = f"p2pfs-{options.role}"
    page = Page(name, 8, what)
    page.section("Synopsis")
    page.lines([f"{name} [options]", f"twistd [options of twistd] {name} [options]"])
    page.section("Description")
    page.paragraph(options.longdesc)
    page.paragraph(
        f"{name} stays in the foreground, with its log on standard output. Under twistd it goes "
        "into the background, unless twistd is given -n."
    )
    page.section("Options")
    page.entries(_daemon_options(options))
    page.section("Files")
    page.entries(
        [
            (f"/etc/p2pfs/{options.role}.toml", "Its options, where it is given no --config."),
            (
                f"~/.local/state/p2pfs/{options.role}",
                "Its state directory, where it is given no --state and XDG_STATE_HOME is not set.",
            ),
        ]
    )
    page.section("See also")
    others = sorted({"p2pfs-peer", "p2pfs-tracker"} - {name})
    page.paragraph(", ".join(["p2pfs(1)", *(f"{other}(8)" for other in others)]))
    return page


def _daemon_options(options: DaemonOptions) -> Iterable[tuple[str, str]]:
    for option in options.longOpt:
        name = option.removesuffix("=")
        value = " " + _VALUES.get(name, "VALUE") if option.endswith("=") else ""
        yield f"--{name}{value}", _sentence(inspect.cleandoc(str(options.docs[name])))


_VALUES = {
    **dict.fromkeys(["state"], "DIR"),
    **dict.fromkeys(["authorized-keys", "config"], "FILE"),
    **dict.fromkeys(["share"], "PATH"),
    **dict.fromkeys(["tracker", "listen", "ssh"], "ENDPOINT"),
    **dict.fromkeys(["upload-rate", "download-rate"], "RATE"),
    **dict.fromkeys(["log-level"], "LEVEL"),
    **dict.fromkeys(["group"], "GROUP"),
}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _text(text: str) -> str:
    escaped = _escaped(text)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _escaped(text: str) -> str:
    shown = " ".join(text.split()).translate(_ESCAPES)
    return "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in shown)


def main(arguments: Sequence[str]) -> None:
    """Write all pages, into docs/man or the directory that is given."""
    directory = Path(arguments[0]) if arguments else DIRECTORY
    for page in pages():
        (directory / page.name).write_text(page.text)


if __name__ == "__main__":
    main(sys.argv[1:])
