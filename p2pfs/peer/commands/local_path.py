"""Local paths as users write them, for the daemon to use."""

from __future__ import annotations

import os
from pathlib import Path

from p2pfs.errors import UsageProblem
from p2pfs.peer.storage import explained


def local_path(text: str) -> Path:
    """A path as the daemon sees it; surfaces with a directory of their own made it absolute.

    Raises `UsageProblem` for what no path can be, and `StorageProblem` when this process is in
    no directory that is there.
    """
    if not text:
        raise UsageProblem("The local path is empty; give a file or directory.")
    if "\0" in text:
        raise UsageProblem(
            f"The local path {_shown(text)} has a NUL character in it, which no path has; give "
            "another."
        )
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise UsageProblem(
            f"The local path {_shown(text)} has a character in it that no path has here; give "
            "another."
        ) from None
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise UsageProblem(
            f"The user whose home directory {_shown(text)} begins with is not known here; write "
            "the path from '/' on."
        ) from None
    with explained("find", path):
        return path.absolute()


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else text[:77] + "...")
