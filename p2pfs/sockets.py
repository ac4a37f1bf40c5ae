"""Options of the TCP socket beneath a connection."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import ITransport


def set_tcp_options(transport: ITransport | None, options: Mapping[str, int]) -> None:
    """Set options by their names in `socket`, as far as transport and system have them."""
    handle = _socket(transport)
    if handle is None:
        return
    for name, value in options.items():
        number = getattr(socket, name, None)
        if number is not None:
            handle.setsockopt(socket.IPPROTO_TCP, number, value)


def _socket(transport: Any) -> socket.socket | None:
    """The TCP socket beneath a transport; TLS is a wrapper around a plain one."""
    while transport is not None:
        handle = transport.getHandle() if hasattr(transport, "getHandle") else None
        if isinstance(handle, socket.socket) and handle.family != socket.AF_UNIX:
            return handle
        transport = getattr(transport, "transport", None)
    return None
