"""What ``list_files`` shows: as many files as an answer holds, and how to see the others."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from p2pfs.commands import Call
from p2pfs.console.command import Answer
from p2pfs.console.rendering import WIDEST, size_text, table
from p2pfs.errors import UsageProblem
from p2pfs.name_pattern import NamePattern
from p2pfs.printable import printable

MOST_FILES = 50_000
"""Files of one answer."""

MOST_CHARACTERS = 8 << 20
"""Characters of the column with their names, as wide as a table may pad it or wider."""

ListedFile = Mapping[str, Any]
"""A file for scripts: its ``name``, ``size``, and ``age``, which may be None."""

_SORT_KEYS: Mapping[str, Callable[[ListedFile], tuple[Any, ...]]] = {
    "name": lambda file: (file["name"],),
    "size": lambda file: (-file["size"], file["name"]),
    "new": lambda file: (file["age"] is None, file["age"], file["name"]),
}
_FIRST = {"size": "largest", "new": "newest"}


@dataclass(frozen=True)
class Column:
    """A column of the table, with the text of a file's cell; ``long`` if only ``--long`` has it."""

    heading: str
    cell: Callable[[ListedFile], object]
    long: bool = False


COLUMNS = (
    Column("name", lambda file: file["name"]),
    Column("size", lambda file: size_text(file["size"])),
    Column("bytes", lambda file: file["size"], long=True),
    Column("chunks", lambda file: file["chunks"], long=True),
    Column("hash", lambda file: file["hash"], long=True),
    Column("listed for", lambda file: age_text(file["age"]), long=True),
)
"""What both daemons show of a file that has ``chunks`` and ``hash``; each adds what it knows."""


class ListedFiles:
    """Files that are asked for, until there are as many as go into one answer.

    They are to be added by name. In another order all have to be gone through, and those
    are kept that come first.
    """

    def __init__(self, call: Call) -> None:
        """``call`` is one of ``list_files``; raises `UsageProblem`."""
        self._call = call
        self.pattern = NamePattern(call.get("pattern") or "")
        """Which names are asked for."""
        self.after = call.options.get("after", "")
        """The name behind which the list begins."""
        self._order = call.options.get("sort", "name")
        if self.after and self._order != "name":
            raise UsageProblem("'--after' needs a list by name; leave out '--sort'.")
        self._most = min(MOST_FILES, _count(call.options.get("most")))
        self._files: list[ListedFile] = []
        self._characters = 0
        self._count = self._bytes = self._here = 0
        self.full = False
        """True when there was no room for one, and it is no use to look at further ones."""

    def add(self, file: ListedFile, here: bool = False) -> bool:
        """Take one more, all of which may be here; False when there is no room for it."""
        self._files.append(file)
        self._characters += _width(file)
        if self._order == "name" and not self._fits():
            self._characters -= _width(self._files.pop())
            self.full = True
            return False
        self._count += 1
        self._bytes += file["size"]
        self._here += here
        if not self._fits(2):
            self._keep_first()
        return True

    def answer(self, columns: Sequence[Column], empty: str, kept_here: bool = False) -> Answer:
        """All of them, and how to go on if there are more.

        ``empty`` is said of which file there is none. With ``kept_here`` the last line says
        how many are here.
        """
        self._keep_first()
        shown = [c for c in columns if "long" in self._call.options or not c.long]
        rows = [[column.cell(file) for column in shown] for file in self._files]
        lines = table([column.heading for column in shown], rows, f"{empty}{self.pattern}.")
        if not self._files:
            return Answer([], lines)
        last = f"{self._count:,} file{'s' if self._count > 1 else ''}, {size_text(self._bytes)}"
        last += f"; {self._here:,} of them here" if kept_here else ""
        if self.full:
            name = self._files[-1]["name"]
            options = {**self._call.options, "after": name}
            go_on = shlex.join(replace(self._call, options=options).words())
            more = f"There are more; give a pattern of their names, or go on with: {go_on}"
            return Answer([*self._files, {"more_after": name}], [*lines, f"{last}. {more}"])
        if left_out := self._count - len(self._files):
            last += f". Shown are the {len(self._files):,} {_FIRST[self._order]}"
            return Answer([*self._files, {"left_out": left_out}], [*lines, f"{last}."])
        return Answer(self._files, [*lines, f"{last}."])

    def _fits(self, times: int = 1) -> bool:
        """Whether all fit into so many answers."""
        return (
            len(self._files) <= times * self._most and self._characters <= times * MOST_CHARACTERS
        )

    def _keep_first(self) -> None:
        self._files.sort(key=_SORT_KEYS[self._order])
        while not self._fits() and self._files:
            self._characters -= _width(self._files.pop())


def _width(file: ListedFile) -> int:
    return max(WIDEST, len(printable(file["name"])))


def age_text(seconds: float | None) -> str:
    """For how long, in the largest unit that it fills, such as ``3 days``; ``-`` if not known."""
    if seconds is None:
        return "-"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{int(seconds)} s"


def _count(text: str | None) -> int:
    if text is None:
        return MOST_FILES
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise UsageProblem(f"'{text}' is no number of files; give one from 1 on.")
    return int(text)
