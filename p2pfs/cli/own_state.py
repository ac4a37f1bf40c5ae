"""The state directory of a daemon, for commands that prepare it before the daemon runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from p2pfs.errors import StartupProblem


def made_state_directory(state: Path, user: Callable[[], int] = os.geteuid) -> None:
    """Make it as the daemon would, for its user only, if it is not there.

    ``user`` says as whom this runs. Raises `StartupProblem`, also where the directory is another
    user's: that one's daemon could not read what root writes there.
    """
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        owner = state.stat().st_uid
    except OSError as error:
        raise StartupProblem(
            f"The state directory {state} cannot be used ({error.strerror}); give another with "
            "--state."
        ) from None
    if owner != user():
        raise StartupProblem(
            f"The state directory {state} belongs to the user with number {owner}; give this "
            f"command as that user: sudo -u '#{owner}' p2pfs --state {state} ..."
        )
