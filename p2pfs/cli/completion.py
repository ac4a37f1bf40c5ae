"""What a word of a command line may become: from the definitions, and from a running daemon."""

from __future__ import annotations

import glob
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from p2pfs.cli.arguments import STATE_VARIABLE
from p2pfs.cli.client import connect
from p2pfs.cli.typed_line import remainder, typed, word_start
from p2pfs.commands import Definitions, Kind, expected
from p2pfs.errors import P2pfsError
from p2pfs.paths import default_state_directory, given_path
from p2pfs.printable import printable

MOST_NAMES = 300
"""Names of the network that are offered at most."""

PAGE = 100
"""Names that the daemon is asked for at a time."""

PATIENCE = 1.0
"""Seconds in which a daemon has to answer; what came by then is offered."""

_LAST = "\U0010ffff"
"""Sorts behind all that a name has."""

_OPTIONS = {
    "--state": "the daemon's state directory",
    "--json": "print the answer as JSON",
}
_FIRST_OPTIONS = {**_OPTIONS, "--help": "explain the program", "--version": "print its version"}

_ASSIGNMENT = re.compile(r"\w+=")


@dataclass(frozen=True)
class Candidates:
    """What a word may become, each with what it is, or the empty string.

    ``paths`` says what it may be besides: one of "files" or "directories", or nothing.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    paths: str = ""


Ask = Callable[[Sequence[str]], Any]
"""Runs a command in the daemon and returns its data; raises `P2pfsError`."""


def candidates(
    definitions: Definitions, ask: Ask, words: Sequence[str], current: str
) -> Candidates:
    """What ``current`` may become behind ``words``, of which the first is the command.

    A daemon that does not answer ``ask`` has no names to offer, which is no error.
    """
    wanted = expected(definitions, words, current)
    value = current[len(wanted.head) :]
    found = dict(wanted.words)
    for kind in wanted.kinds:
        names = _names(definitions, ask, kind, value)
        # Of what a terminal does not show as it is, nobody could tell what they are offered.
        found |= {name: "" for name in names if printable(name) == name}
    found = {word: text for word, text in found.items() if word.startswith(value)}
    paths = "files" if Kind.PATH in wanted.kinds else ""
    return Candidates({wanted.head + word: text for word, text in found.items()}, paths)


def asking(state: Callable[[], Path], role: str) -> Ask:
    """Asks the daemon whose state directory that is, for `PATIENCE` seconds in all."""
    deadline = time.monotonic() + PATIENCE

    def ask(words: Sequence[str]) -> Any:
        left = max(0.01, deadline - time.monotonic())
        with connect(state(), role, left) as client:
            return client.request(words, lambda progress: None).data

    return ask


def program_candidates(
    roles: Mapping[str, Definitions],
    environ: Mapping[str, str],
    words: Sequence[str],
    current: str,
) -> Candidates:
    """The same for the program's command line, behind its name; ``roles`` as in `main`."""
    first = role = next(iter(roles))
    state = environ.get(STATE_VARIABLE, "")
    command: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            command += [word, *rest]
        elif word == "--state":
            state = next(rest, "")
            if not state:
                return Candidates(paths="directories")
        elif word.startswith("--state="):
            state = word.removeprefix("--state=")
        elif not command and word in roles and word != first:
            role = word
        elif word != "--json":
            command.append(word)
    if current.startswith("--state="):
        return Candidates(paths="directories")

    def directory() -> Path:
        return given_path(state) if state else default_state_directory(role, environ)

    found = candidates(roles[role], asking(directory, role), command, current)
    if not command:
        others = {} if role != first else {name: "its commands" for name in roles if name != first}
        more = _FIRST_OPTIONS if current.startswith("-") else others
        found = replace(found, words={**found.words, **more})
    elif current.startswith("-") and "--" not in command:
        found = replace(found, words={**found.words, **_OPTIONS})
    return _beginning(found, current)


def completion_lines(
    roles: Mapping[str, Definitions], environ: Mapping[str, str], arguments: Sequence[str]
) -> list[str]:
    """What the scripts of `SCRIPTS` read: a line that says which paths, then the candidates.

    ``arguments`` is "words" and the words behind the program's name, of which the last is
    completed; or "bash", a line up to the cursor, and where bash takes words apart.
    """
    kind, *given = arguments
    if kind == "words":
        *words, current = given or [""]
        found = program_candidates(roles, environ, words, current)
        return [found.paths, *(f"{word}\t{text}" for word, text in found.words.items())]
    text, breaks = given
    line = typed(text)
    words = list(line.words)
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    found = program_candidates(roles, environ, words[1:], line.current)
    start = word_start(line.raw, breaks)
    return [found.paths, *(remainder(line, start, word) for word in found.words)]


def _beginning(found: Candidates, current: str) -> Candidates:
    return replace(found, words={w: t for w, t in found.words.items() if w.startswith(current)})


def _names(definitions: Definitions, ask: Ask, kind: Kind, beginning: str) -> Iterator[str]:
    """Names of a kind, as far as the daemon says; of those in a directory, only that."""
    try:
        if kind is Kind.NAME and "list_files" in definitions:
            yield from _listed(ask, beginning)
        elif kind in (Kind.HELD, Kind.DOWNLOAD):
            entries = ask(["status"])["shares" if kind is Kind.HELD else "downloads"]
            names = (entry["name"] for entry in entries)
            fitting = {_step(name, beginning) for name in names if name.startswith(beginning)}
            yield from sorted(fitting)[:MOST_NAMES]
        elif kind is Kind.MEMBER:
            names = (entry["name"] for entry in ask(["members"]))
            yield from sorted(name for name in names if name.startswith(beginning))[:MOST_NAMES]
    except (P2pfsError, LookupError, TypeError):
        return  # no daemon, or one of another version


def _listed(ask: Ask, beginning: str) -> Iterator[str]:
    """Page by page, but over what is in a directory in one step."""
    pattern, after = beginning, ""
    if glob.escape(beginning) != beginning:
        pattern = f"{glob.escape(beginning)}*"
    for _ in range(MOST_NAMES // PAGE):
        behind = ["--after", after] if after else []
        files: list[Any] = ask(["list_files", "--most", str(PAGE), *behind, "--", pattern])
        more = files.pop() if files and "more_after" in files[-1] else None
        yield from dict.fromkeys(_step(file["name"], beginning) for file in files)
        if more is None:
            return
        step = _step(more["more_after"], beginning)
        after = step + _LAST if step.endswith("/") else step


def _step(name: str, beginning: str) -> str:
    """A name, or the directory that it is in, as seen from one that is typed so far."""
    end = name.find("/", len(beginning))
    return name if end < 0 else name[: end + 1]
