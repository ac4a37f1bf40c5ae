"""What a peer uses of the machine it runs on, beside the reactor."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from p2pfs.peer.disk import Disk
from p2pfs.threads import BackgroundThreads, Threads


@dataclass(frozen=True)
class Machine:
    """The disk, threads for long computations, and bytes that nobody can foresee."""

    disk: Disk
    background: Threads
    entropy: Callable[[int], bytes] = os.urandom


def this_machine(reactor: Any) -> Machine:
    """The real one: its disk, and a thread for each of its cores."""
    return Machine(Disk(), BackgroundThreads(reactor, os.cpu_count() or 1))
