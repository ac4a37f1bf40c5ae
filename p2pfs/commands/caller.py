"""Who gave a command."""

from __future__ import annotations

from dataclasses import dataclass

from p2pfs.errors import NotAllowed


@dataclass(frozen=True)
class Caller:
    """Who gave a command, in words for the log; and as a user of this machine, if it is one.

    ``uid`` and ``gid`` are those of the process that asked, as the kernel tells them, and
    ``groups`` all those that its user is in. A guest may use the console as a member of its
    group, and is neither root nor the user that runs the daemon.
    """

    who: str
    uid: int | None = None
    gid: int | None = None
    groups: frozenset[int] = frozenset()
    is_guest: bool = False

    def __str__(self) -> str:
        return self.who

    def check_owner(self, what: str) -> None:
        """Raise `NotAllowed` when a guest wants ``what``, as in "use 'connect'"."""
        if self.is_guest:
            raise NotAllowed(
                f"Only root and the user that runs this daemon may {what}; {self.who} may not."
            )


SOMEBODY = Caller("somebody")
"""Of whom nothing is known."""
