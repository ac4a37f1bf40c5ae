"""Path arguments, made to mean the same in the daemon as where they were typed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from p2pfs.commands import Call, Kind


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
