"""Options of the TCP socket beneath a connection, and what the system knows of it."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import ITransport

_LEAST_ROUND_TRIP = struct.Struct("=148xI")
"""Where ``struct tcp_info`` of Linux has ``tcpi_min_rtt``, in microseconds, since Linux 4.6.

Its fields keep their places: new ones come at the end.
"""

_UNKNOWN = 2**32 - 1
"""What stands there while the system does not know."""


def set_tcp_options(transport: ITransport | None, options: Mapping[str, int]) -> None:
    """Set options by their names in `socket`, as far as transport and system have them."""
    handle = _socket(transport)
    if handle is None:
        return
    for name, value in options.items():
        number = getattr(socket, name, None)
        if number is not None:
            handle.setsockopt(socket.IPPROTO_TCP, number, value)


def least_round_trip(transport: ITransport | None) -> float | None:
    """The shortest time in seconds that there and back took lately, as the system saw it.

    None if it does not tell, as no system but Linux does.
    """
    handle = _socket(transport)
    if handle is None or sys.platform != "linux":
        return None
    known = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LEAST_ROUND_TRIP.size)
    if len(known) < _LEAST_ROUND_TRIP.size:
        return None
    (microseconds,) = _LEAST_ROUND_TRIP.unpack(known)
    return None if microseconds == _UNKNOWN else microseconds / 1e6


def _socket(transport: Any) -> socket.socket | None:
    """The TCP socket beneath a transport; TLS is a wrapper around a plain one."""
    while transport is not None:
        handle = transport.getHandle() if hasattr(transport, "getHandle") else None
        if isinstance(handle, socket.socket) and handle.family != socket.AF_UNIX:
            return handle
        transport = getattr(transport, "transport", None)
    return None
