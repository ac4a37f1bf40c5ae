"""TCP keep-alive: noticing that a host vanished without closing its connections."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import ITCPTransport, ITransport


@dataclass(frozen=True)
class KeepAlive:
    """When an idle connection is probed, and when it counts as dead.

    After ``idle`` seconds of silence a probe goes out every ``interval``
    seconds; ``probes`` unanswered ones end the connection. The defaults notice a
    vanished host within 50 seconds.
    """

    idle: int = 20
    interval: int = 10
    probes: int = 3

    @property
    def patience(self) -> int:
        """Seconds until a vanished host is noticed."""
        return self.idle + self.interval * self.probes

    def apply(self, transport: ITransport | None) -> None:
        """Switch it on for a TCP connection; other transports have nothing to switch."""
        if not ITCPTransport.providedBy(transport):
            return
        transport.setTcpKeepAlive(True)
        handle = _socket(transport)
        if handle is None:
            return
        options = {
            "TCP_KEEPIDLE": self.idle,
            "TCP_KEEPINTVL": self.interval,
            "TCP_KEEPCNT": self.probes,
            # Keep-alive rests while sent data is unacknowledged; this covers that time.
            "TCP_USER_TIMEOUT": self.patience * 1000,
        }
        for name, value in options.items():
            number = getattr(socket, name, None)
            if number is not None:  # not every system has every option
                handle.setsockopt(socket.IPPROTO_TCP, number, value)


def _socket(transport: Any) -> socket.socket | None:
    """The socket beneath a transport; TLS is a wrapper around a plain one."""
    while transport is not None:
        handle = transport.getHandle()
        if isinstance(handle, socket.socket):
            return handle
        transport = getattr(transport, "transport", None)
    return None
