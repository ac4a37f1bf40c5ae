"""TCP ports for daemons of which others must know where they will listen."""

from __future__ import annotations

import socket
from pathlib import Path
from random import SystemRandom


def free_port() -> int:
    """A free port of the loopback interface outside the range for outgoing connections.

    It is a random one: another run on this machine may have its tracker down just now. From
    inside that range, a peer that looks for its dead tracker could take the tracker's port,
    and even find itself at the other end. Raises `OSError` when there seems to be none.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    # Where that range begins so low, there is nothing to choose.
    ports = range(1025, lowest) if lowest > 2048 else range(1025, 1 << 16)
    for port in SystemRandom().sample(ports, 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise OSError("None of 100 TCP ports is free.")
