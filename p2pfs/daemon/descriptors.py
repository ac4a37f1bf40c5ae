"""How many files and connections the system lets this process have open, and what they are for."""

from __future__ import annotations

import resource
from dataclasses import dataclass

MOST = 65_536
"""Descriptors a daemon asks for, where the system would allow even more."""

RESERVED = 36
"""Descriptors for what a daemon cannot do without: its log, ports, state file and tracker (some
20), consoles over the control socket, and connections that are turned away."""


@dataclass(frozen=True)
class Descriptors:
    """What a daemon may open beside what is reserved; each kind has its own, lest one use up all.

    ``connections`` are those of a listening side, ``ssh`` those of the SSH console;
    ``downloads`` run at a time, and have ``sources`` connections together.
    """

    connections: int = MOST
    ssh: int = MOST
    downloads: int = MOST
    sources: int = MOST

    @classmethod
    def of_tracker(cls, free: int) -> Descriptors:
        """What a tracker makes of ``free`` descriptors: an eighth is for SSH."""
        ssh = _part(free, 1, 8)
        return cls(connections=max(1, free - ssh), ssh=ssh)

    @classmethod
    def of_peer(cls, free: int) -> Descriptors:
        """What a peer makes of them.

        A connection that is served has a file open, too, and a download has its part
        file and its journal.
        """
        return cls(
            connections=_part(free, 4, 8) // 2 or 1,
            ssh=_part(free, 1, 8),
            downloads=_part(free, 1, 8) // 2 or 1,
            sources=_part(free, 2, 8),
        )


def allow_many() -> None:
    """Raise the soft limit: every connection takes a descriptor, and 1,024 are soon used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(MOST, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def free_descriptors() -> int:
    """How many there are at the present limit, beside those that are reserved."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(1, soft - RESERVED)


def _part(free: int, parts: int, of: int) -> int:
    return max(1, free * parts // of)
