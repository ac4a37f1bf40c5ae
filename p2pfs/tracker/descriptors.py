"""How many connections the system lets this process have."""

from __future__ import annotations

import resource

SPARE = 128
"""Descriptors for ports, logs, consoles, and connections on their way in and out."""


def connections_possible() -> int:
    """As many as the hard limit of open files allows, to which the soft one is raised.

    The soft limit is commonly 1,024, for programs that cannot handle more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    unlimited = hard == resource.RLIM_INFINITY
    return 1 << 30 if unlimited else max(1, hard - SPARE)
