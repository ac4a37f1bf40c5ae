"""What a peer uses of the machine it runs on, beside the reactor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from p2pfs.peer.storage import Disk
from p2pfs.peer.system_limits import SystemLimits, system_limits
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import BackgroundThreads, Threads


@dataclass(frozen=True)
class Machine:
    """The disk, threads for long computations, the network, bytes nobody can foresee, a clock."""

    disk: Disk
    background: Threads
    entropy: Callable[[int], bytes] = os.urandom
    routes: Callable[[], bytes] | None = None
    """Something that changes when the machine gets another address or route, if it can tell."""
    wall_clock: Callable[[], float] = time.time
    """The time of day, in seconds since 1970: shown, compared, and when something is signed."""
    limits: Callable[[], SystemLimits] = system_limits
    """What the system allows the process."""


def this_machine(reactor: ThreadedReactor) -> Machine:
    """The real one: its disk, and a thread for each of its cores."""
    return Machine(Disk(), BackgroundThreads(reactor, os.cpu_count() or 1), routes=_routes)


def _routes() -> bytes:
    """The tables of routes and addresses as the system shows them (Linux; nothing elsewhere)."""
    tables = b""
    for name in ("route", "if_inet6"):
        with suppress(OSError):
            tables += Path("/proc/net", name).read_bytes()
    return tables
