"""The directory in which one daemon keeps its state, and which no second one may use."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from p2pfs.console.control.groups import Group
from p2pfs.errors import StartupProblem


class StateDirectory:
    """A state directory claimed by this process, until `release`.

    It is created with mode 0700; members of a group can pass it, but see nothing of it. The
    claim is a lock on a file in it, which the kernel drops when the process ends, however it
    ends.
    """

    def __init__(self, path: Path, group: Group | None = None) -> None:
        """Claim ``path``; raises `StartupProblem` when it is unusable or in use.

        Members of ``group`` get through it, to what is opened to them in it.
        """
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartupProblem(
                f"The state directory {path} cannot be used ({error.strerror}); "
                "give another with --state."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StartupProblem(
                f"Another daemon uses the state directory {path}; stop it, or give another "
                "directory with --state."
            ) from None

        if group is not None:
            try:
                group.let_into(path, 0o710)
            except StartupProblem:
                os.close(self._lock)
                raise

    @property
    def is_gone(self) -> bool:
        """True when it was removed, or replaced by another, since it was claimed."""
        try:
            return not os.path.samestat(os.fstat(self._lock), os.stat(self.path / "lock"))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # it cannot be told just now

    def release(self) -> None:
        """Give the directory up."""
        os.close(self._lock)
