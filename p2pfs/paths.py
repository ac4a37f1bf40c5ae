"""Where a daemon keeps its state when nobody says otherwise; paths as users write them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from p2pfs.errors import StartupProblem, UsageProblem


def default_state_directory(role: str, environ: Mapping[str, str]) -> Path:
    """The state directory of a ``peer`` or ``tracker`` that was given none.

    ``environ`` is the process's environment. ``$XDG_STATE_HOME/p2pfs/<role>``
    is used, or the same below ``~/.local/state`` where that variable is unset
    or relative (the XDG specification has relative paths ignored). Raises
    `StartupProblem` when there is no home directory to fall back to.
    """
    return own_state_directory(environ) / role


def own_state_directory(environ: Mapping[str, str]) -> Path:
    """The directory in which a user has those of all daemons; raises `StartupProblem`."""
    base = environ.get("XDG_STATE_HOME", "")
    if base.startswith("/"):
        return Path(base, "p2pfs")
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise StartupProblem(
            "There is no home directory to keep state in; give a directory with --state."
        )
    return Path(home, ".local", "state", "p2pfs")


def given_path(text: str) -> Path:
    """A path that a user gave, absolute, and with ``~`` expanded.

    Raises `UsageProblem` for what no path can be, and for a relative one where there is nothing
    that it could be relative to.
    """
    if not text:
        raise UsageProblem("The local path is empty; give a file or directory.")
    if "\0" in text:
        raise _no_path(text, "has a NUL character in it, which no path has; give another")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise _no_path(text, "has a character in it that no path has here; give another") from None
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        reason = "begins with a user who is not known here; write it from '/' on"
        raise _no_path(text, reason) from None
    except OSError:
        raise _no_path(text, "is relative to a directory that was removed; go to another") from None


def _no_path(text: str, reason: str) -> UsageProblem:
    shown = ascii(text if len(text) <= 80 else text[:77] + "...")
    return UsageProblem(f"The local path {shown} {reason}.")
