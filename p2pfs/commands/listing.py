"""The command that lists files, which both daemons have."""

from __future__ import annotations

from p2pfs.commands.definition import Definition, Kind, Option, Parameter

ORDERS = ("name", "size", "new")
"""By what a list may be sorted: sizes descend, and what is newest comes first."""


def listing(summary: str) -> Definition:
    """``list_files`` of a daemon, whose ``summary`` says what it shows."""
    return Definition(
        "list_files",
        summary,
        [
            Parameter(
                "pattern",
                "how the names begin, or a pattern with *, ? or [...]",
                Kind.NAME,
                optional=True,
            )
        ],
        [
            Option("sort", "by name, from the largest, or from the newest", "order", ORDERS),
            Option("long", "show more of each"),
            Option("most", "show no more than that many", "count"),
            Option("after", "go on behind that name", "name", kind=Kind.NAME),
        ],
        [
            "In a pattern, * stands for any characters, also '/', ? for one character, and [...] "
            "for one of those inside of it, or with [!...] for any other. Put it into quotes, or "
            "the shell may fill it in with local files."
        ],
        aliases=["list_file"],
        only_tells=True,
    )
