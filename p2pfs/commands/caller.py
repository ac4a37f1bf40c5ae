"""Who gave a command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """Who gave a command, in words for the log; and as a user of this machine, if it is one.

    ``uid`` and ``gid`` are those of the process that asked, as the kernel tells them.
    """

    who: str
    uid: int | None = None
    gid: int | None = None

    def __str__(self) -> str:
        return self.who


SOMEBODY = Caller("somebody")
"""Of whom nothing is known."""
