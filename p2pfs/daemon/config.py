"""The configuration file of a daemon: its options in TOML, and errors that name the line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum

from p2pfs.errors import StartupProblem
from p2pfs.printable import printable

MOST_BYTES = 1 << 20
"""A file beyond this size is none of ours."""


class Kind(Enum):
    """What an option takes; the value says how that is written."""

    TEXT = 'text in quotes, such as {name} = "…"'
    LIST = 'a list of texts in quotes, such as {name} = ["…", "…"]'
    FLAG = "true or false, without quotes"


class Configuration:
    """What a configuration file says, by the long names of the options."""

    def __init__(self, data: bytes, source: str, kinds: Mapping[str, Kind]) -> None:
        """Read ``data``; ``source`` is what errors call the file, ``kinds`` the options there are.

        Raises `StartupProblem`, with the line, for what is no TOML, no option, or not of its
        option's kind.
        """
        self._source = source
        self._text = self._decoded(data)
        self.values: dict[str, str | list[str] | bool] = {}
        """Text, a list of texts, or a flag, as the option's kind is."""
        for name, value in self._parsed().items():
            if name not in kinds:
                raise self.problem(name, _unknown(name, value, kinds))
            self.values[name] = self._value(name, value, kinds[name])

    def problem(self, name: str, sentence: str) -> StartupProblem:
        """The error to be raised about the option ``name``, at its line."""
        return self._problem(self._line_of(name), sentence)

    def _problem(self, line: int | None, sentence: str) -> StartupProblem:
        where = self._source if line is None else f"{self._source}, line {line}"
        return StartupProblem(printable(f"{where}: {sentence}"))

    def _decoded(self, data: bytes) -> str:
        if len(data) > MOST_BYTES:
            raise self._problem(None, f"this is longer than {MOST_BYTES} bytes; is it the file?")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise self._problem(line, "this is not UTF-8; save the file as such.") from None

    def _parsed(self) -> dict[str, object]:
        try:
            return tomllib.loads(self._text)
        except RecursionError:
            raise self._problem(None, "lists are too deep; options have texts in them.") from None
        except ValueError as error:  # of the parser, or of `int` about a number without end
            text = str(error)
            at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", text)
            line = self._text.count("\n") + 1
            sentence = text[: at.start()] if at else "a value is out of range"
            if at and at[1]:
                line, sentence = int(at[1]), f"{sentence}, at column {at[2]}"
            raise self._problem(line if at else None, f"this is not TOML ({sentence}).") from None

    def _value(self, name: str, value: object, kind: Kind) -> str | list[str] | bool:
        texts: list[str] = []
        right: str | list[str] | bool
        match kind, value:
            case Kind.FLAG, bool(flag):
                right = flag
            case Kind.TEXT, str(text):
                right, texts = text, [text]
            case Kind.LIST, str(text):
                right = texts = [text]
            case Kind.LIST, list(items) if all(isinstance(item, str) for item in items):
                right = texts = items
            case _:
                raise self.problem(name, f"'{name}' is to be {kind.value.format(name=name)}.")
        # What no command line can have, no option expects.
        if any("\0" in text for text in texts):
            raise self.problem(name, f"'{name}' has a character of number 0 in it; leave it out.")
        return right

    def _line_of(self, name: str) -> int | None:
        """Where ``name`` is set: the parser does not tell."""
        key = re.compile(rf"""\s*\[*\s*(["']?){re.escape(name)}\1\s*[=.\]]""")
        lines = self._text.split("\n")
        for number, line in enumerate(lines):
            # What only looks so, in the midst of a text of several lines, follows on what is
            # no TOML by itself.
            if key.match(line) and _is_toml("\n".join(lines[:number])):
                return number + 1
        return None


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _unknown(name: str, value: object, kinds: Mapping[str, Kind]) -> str:
    if isinstance(value, dict):
        return f"'{name}' is a table; options stand by themselves, in none."
    near = get_close_matches(name.replace("_", "-"), kinds, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(kinds))}."
    return f"there is no option '{name}'; {hint}"
