"""Options of the TCP socket beneath a connection, and what the system knows of it."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeGuard

from twisted.internet.interfaces import ITransport
from twisted.internet.tcp import Connection

_TCP_INFO = struct.Struct("=84xI60xI")
"""Where ``struct tcp_info`` of Linux has ``tcpi_advmss`` and ``tcpi_min_rtt``, since Linux 4.6.

Its fields keep their places: new ones come at the end.
"""

_UNKNOWN = 2**32 - 1
"""What a field holds while the system does not know."""


class TcpPath(NamedTuple):
    """What the system knows of the path to the other end of a connection."""

    segment: int
    """Bytes of payload that come in one packet at the most."""
    round_trip: float
    """The shortest time in seconds that there and back took lately."""


def is_plain_tcp(transport: object) -> TypeGuard[Connection]:
    """True for a plain TCP connection of Twisted's own, which may have ended.

    The bytes of TLS and simulated connections are not those on the line.
    """
    return isinstance(transport, Connection) and not getattr(transport, "TLS", False)


def plain_socket(transport: object) -> socket.socket | None:
    """The socket of a plain TCP connection, to be used beside it; None when there is none."""
    if not is_plain_tcp(transport) or not transport.connected:
        return None  # Twisted forgets the socket of a connection that has ended
    return _socket(transport)


def set_tcp_options(transport: ITransport | None, options: Mapping[str, int]) -> None:
    """Set options by their names in ``socket``, as far as transport and system have them."""
    handle = _socket(transport)
    if handle is None:
        return
    for name, value in options.items():
        number = getattr(socket, name, None)
        if number is not None:
            # A system may know less than its headers; what is set here only makes things better.
            with suppress(OSError):
                handle.setsockopt(socket.IPPROTO_TCP, number, value)


def tcp_path(transport: ITransport | None) -> TcpPath | None:
    """What is known of a connection's path; None where the system does not tell it."""
    handle = _socket(transport)
    if handle is None or sys.platform != "linux":
        return None
    try:
        known = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:
        return None  # what passes for Linux in some places knows less
    if len(known) < _TCP_INFO.size:
        return None
    segment, microseconds = _TCP_INFO.unpack(known)
    return None if microseconds == _UNKNOWN else TcpPath(segment, microseconds / 1e6)


def _socket(transport: Any) -> socket.socket | None:
    """The TCP socket beneath a transport; TLS is a wrapper around a plain one."""
    while transport is not None:
        handle = transport.getHandle() if hasattr(transport, "getHandle") else None
        if isinstance(handle, socket.socket) and handle.family != socket.AF_UNIX:
            return handle
        transport = getattr(transport, "transport", None)
    return None
