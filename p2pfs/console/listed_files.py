"""What ``list_file`` shows: as many files as an answer holds, and how to see the others."""

from __future__ import annotations

import shlex
from typing import Any

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.console.command import Answer
from p2pfs.console.rendering import WIDEST, size_text, table
from p2pfs.printable import printable

MOST_FILES = 50_000
"""Files of one answer."""

MOST_CHARACTERS = 8 << 20
"""Characters of the column with their names, as wide as a table may pad it or wider."""


class ListedFiles:
    """Files that the network offers, until there are as many as go into one answer."""

    def __init__(self) -> None:
        self._files: list[dict[str, Any]] = []
        self._characters = 0
        self.full = False
        """True when there was no room for one."""

    def add(self, name: str, info: FileInfo, here: ChunkSet | None) -> bool:
        """Take one more, of which those chunks are here; False when there is no room for it."""
        self._characters += max(WIDEST, len(printable(name)))
        if len(self._files) >= MOST_FILES or self._characters > MOST_CHARACTERS:
            self.full = True
            return False
        have = "no"
        if here is not None and here.whole:
            have = "yes"
        elif here:
            have = f"{100 * len(here) // info.totalchunknum} %"
        self._files.append(
            {"name": name, "size": info.filesize, "chunks": info.totalchunknum, "have": have}
        )
        return True

    def answer(self, prefix: str) -> Answer:
        """All of them, and how to go on with those that begin with ``prefix`` if there are more."""
        rows = [(f["name"], size_text(f["size"]), f["chunks"], f["have"]) for f in self._files]
        empty = "The network offers no file" + (f" beginning with '{prefix}'." if prefix else ".")
        lines = table(["name", "size", "chunks", "here"], rows, empty)
        if not self.full:
            return Answer(self._files, lines)
        last = self._files[-1]["name"]
        go_on = f"list_file {shlex.quote(prefix)} {shlex.quote(last)}"
        more = f"There are more; give a prefix of their names, or go on with: {go_on}"
        return Answer([*self._files, {"more_after": last}], [*lines, more])
