"""How many files and connections the system lets this process have open."""

from __future__ import annotations

import resource

MOST = 65_536
"""Descriptors a daemon asks for, where the system would allow even more."""

SPARE = 128
"""Descriptors for ports, logs, consoles, and connections on their way in and out."""


def allow_many() -> None:
    """Raise the soft limit: every connection takes a descriptor, and 1,024 are soon used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(MOST, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_possible() -> int:
    """How many connections there can be at the present limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(1, soft - SPARE)
