"""TCP keep-alive: noticing that a host vanished without closing its connections."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.interfaces import ITCPTransport, ITransport

from p2pfs.wire.sockets import set_tcp_options


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
        options = {
            "TCP_KEEPIDLE": self.idle,
            "TCP_KEEPINTVL": self.interval,
            "TCP_KEEPCNT": self.probes,
            # Keep-alive rests while sent data is unacknowledged; this covers that time.
            "TCP_USER_TIMEOUT": self.patience * 1000,
        }
        set_tcp_options(transport, options)
