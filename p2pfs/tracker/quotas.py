"""How much of a tracker its peers may use."""

from __future__ import annotations

from dataclasses import dataclass

from p2pfs.errors import Refused

MIB = 1 << 20


@dataclass(frozen=True)
class Quotas:
    """The bounds of one tracker; what goes beyond them is refused with a reason.

    ``names_per_peer`` is how many files a peer may hold something of, ``names``
    how many may be listed in all. ``memory_per_peer`` and ``memory`` are the bytes
    that the record of what one peer, and of what all of them hold may take, as
    `p2pfs.tracker.accounts` reckons. ``names_per_host`` and ``memory_per_host`` bound the
    peers of one host together, lest it take everything by having many of them, and only
    bind once half of ``names`` or ``memory`` is in use; a host is what
    `p2pfs.addresses.host_of` takes for one. ``connections`` are those open at a
    time, and ``silence`` is how many seconds one that has not registered may ask nothing.
    """

    names_per_peer: int = 100_000
    names_per_host: int = 200_000
    names: int = 1_000_000
    memory_per_peer: int = 256 * MIB
    memory_per_host: int = 512 * MIB
    memory: int = 4096 * MIB
    connections: int = 20_000
    silence: float = 60.0


class OverQuota(Refused):
    """What was asked for goes beyond a quota."""
