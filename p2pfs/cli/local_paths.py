"""Path arguments, made to mean the same in the daemon as where they were typed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from p2pfs.commands import Call, Kind

MOST_PATHS = 300
"""Paths that are offered for what is typed."""


def absolute_path(text: str, directory: Path) -> str:
    """``text`` as an absolute path, seen from ``directory``, with ``~`` expanded.

    A "/" at the end stays, because "into this directory" is what it says.
    ".." stays too: what it leads to is the file system's to tell. The empty
    string is no path and stays as it is.
    """
    if not text:
        return text
    path = str(directory / os.path.expanduser(text))
    return path + "/" if text.endswith("/") and not path.endswith("/") else path


def paths_beginning(text: str) -> list[str]:
    """The local paths that ``text`` may become, directories with "/"; hidden ones if it says so.

    There are none where it leads to no directory that can be read.
    """
    head, slash, last = text.rpartition("/")
    directory = os.path.expanduser(head + slash) or "."
    found: list[str] = []
    with suppress(OSError, ValueError), os.scandir(directory) as entries:
        for entry in entries:
            hidden = entry.name.startswith(".") and not last.startswith(".")
            if entry.name.startswith(last) and not hidden and entry.name.isprintable():
                found.append(head + slash + entry.name + ("/" if entry.is_dir() else ""))
    return sorted(found)[:MOST_PATHS]


def with_absolute_paths(call: Call, here: Callable[[], Path]) -> Call:
    """The same call with its local paths as seen from where the user is.

    ``here`` says where that is, and is asked only for what is relative; it may raise.
    """
    arguments = dict(call.arguments)
    for parameter in call.command.parameters:
        if parameter.kind is Kind.PATH and parameter.name in arguments:
            path = os.path.expanduser(arguments[parameter.name])
            directory = Path("/") if os.path.isabs(path) else here()
            arguments[parameter.name] = absolute_path(path, directory)
    return replace(call, arguments=arguments)
