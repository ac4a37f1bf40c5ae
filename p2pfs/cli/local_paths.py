"""Path arguments, made to mean the same in the daemon as where they were typed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from p2pfs.console.control.messages import DescriptionMessage


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


def absolute_words(
    words: Sequence[str], description: DescriptionMessage, directory: Path
) -> list[str]:
    """The words of a command with those that are local paths made absolute.

    ``words`` begins with the command's name, ``description`` says which of its
    positional arguments are paths, ``directory`` is where the user is. The
    words are read as `CommandSet.parse` reads them.
    """
    result = list(words[:1])
    parameters = iter(description.parameters)
    only_values = False
    for word in words[1:]:
        if not only_values and word.startswith("--"):
            only_values = word == "--"
            result.append(word)
            continue
        parameter = next(parameters, None)
        is_path = parameter is not None and parameter.is_path
        result.append(absolute_path(word, directory) if is_path else word)
    return result
