"""Where a daemon keeps its state when nobody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from p2pfs.errors import StartupProblem


def default_state_directory(role: str, environ: Mapping[str, str]) -> Path:
    """The state directory of a ``peer`` or ``tracker`` that was given none.

    ``environ`` is the process's environment. ``$XDG_STATE_HOME/p2pfs/<role>``
    is used, or the same below ``~/.local/state`` where that variable is unset
    or relative (the XDG specification has relative paths ignored). Raises
    `StartupProblem` when there is no home directory to fall back to.
    """
    base = environ.get("XDG_STATE_HOME", "")
    if base.startswith("/"):
        return Path(base, "p2pfs", role)
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise StartupProblem(
            "There is no home directory to keep state in; give a directory with --state."
        )
    return Path(home, ".local", "state", "p2pfs", role)
