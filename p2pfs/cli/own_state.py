"""The state directory of a daemon, for commands that prepare it before the daemon runs."""

from __future__ import annotations

from pathlib import Path

from p2pfs.errors import StartupProblem


def made_state_directory(state: Path) -> None:
    """Make it as the daemon would, for its user only, if it is not there.

    Raises `StartupProblem`.
    """
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StartupProblem(
            f"The state directory {state} cannot be used ({error.strerror}); give another with "
            "--state."
        ) from None
