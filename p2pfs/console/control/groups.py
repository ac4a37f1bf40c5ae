"""Groups of this machine's users: who is in one, and what is opened to it."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import NamedTuple

from p2pfs.errors import StartupProblem


class Group(NamedTuple):
    """A UNIX group whose members may use a daemon's console."""

    name: str
    gid: int

    @classmethod
    def named(cls, name: str) -> Group:
        """The group of that name; raises `StartupProblem` when there is none."""
        try:
            return cls(name, grp.getgrnam(name).gr_gid)
        except (KeyError, ValueError):
            raise StartupProblem(
                f"There is no group '{name}' on this machine; make it with 'groupadd {name}', or "
                "give another with --group."
            ) from None

    def let_into(self, path: Path, mode: int) -> None:
        """Give a file to the group, with that mode; raises `StartupProblem`."""
        try:
            os.chown(path, -1, self.gid)
            path.chmod(mode)
        except PermissionError:
            raise StartupProblem(
                f"{path} cannot be opened to the group '{self.name}', as this daemon's user does "
                f"not own it or is not in the group; run 'usermod -aG {self.name} USER' with the "
                "user that runs this daemon, or give another group."
            ) from None
        except OSError as error:
            raise StartupProblem(
                f"{path} cannot be opened to the group '{self.name}' ({error.strerror}); give "
                "another state directory."
            ) from None

    def kept_out_by(self, path: Path) -> Path | None:
        """A directory above ``path`` that members of the group cannot pass as such, if any."""
        for directory in reversed(path.resolve().parents):
            status = directory.stat()
            if not status.st_mode & (0o010 if status.st_gid == self.gid else 0o001):
                return directory
        return None


def groups_of(uid: int, gid: int) -> frozenset[int]:
    """All groups of a user, among them ``gid``, that of a process of theirs."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return frozenset([gid])
    return frozenset([gid, *os.getgrouplist(name, gid)])
