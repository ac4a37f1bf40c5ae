"""How much may be on its way over one connection while several sources send to this peer.

A system lets the receive window grow with what comes, and the queues in the network grow with
it, until packets are lost. With one source that is how a line is filled. But several of them
crowd out one another, and the messages that say whose turn it is wait in the same queues. A
window that is just large enough to fill the line (its bandwidth-delay product, RFC 7323,
section 1.1) leaves the queues short.
"""

from __future__ import annotations

from twisted.internet.interfaces import ITransport

from p2pfs.peer.sources.incoming import Incoming
from p2pfs.wire import TcpPath, set_tcp_options, tcp_path

LEAST = 16 << 10
"""Bytes of the smallest window."""

LEAST_SEGMENTS = 4
"""Segments of the smallest window: an end that may not send a whole one waits until it may."""

AHEAD = 0.005
"""Seconds of the line's rate on top, for this peer is not always there to read at once."""

PRESUMED = 10_000_000
"""Bytes a second that a line is taken for while nothing is known of it."""

SLOWEST = 2_500_000
"""Bytes a second that it is taken for at the least: it may have had little to carry so far."""

EVERY = 0.01
"""Seconds from one adjustment to the next, at the least."""

UNLIMITED = 1 << 30
"""Bytes of the largest window that TCP has."""


def receive_window(rate: int | None, path: TcpPath) -> int:
    """Bytes on their way with which one connection fills the line.

    ``rate`` is the line's, in bytes a second, if it is known; ``path`` leads to the sender.
    """
    least = max(LEAST, LEAST_SEGMENTS * path.segment)
    rate = PRESUMED if rate is None else max(rate, SLOWEST)
    return round(min(UNLIMITED, least + rate * (path.round_trip + AHEAD)))


class ReceiveWindow:
    """The receive window of one connection to a source; left to the system while it sends alone."""

    def __init__(self, incoming: Incoming) -> None:
        """``incoming`` is what comes over this connection and all others."""
        self._incoming = incoming
        self._limited = False
        self._next = 0.0

    def adjust(self, transport: ITransport | None, now: float) -> None:
        """Set it if it is time to; to be called whenever something has come.

        The system changes it too, now and then.
        """
        if now < self._next:
            return
        self._next = now + EVERY
        window = self._size(transport)
        if window is not None:
            set_tcp_options(transport, {"TCP_WINDOW_CLAMP": window})

    def _size(self, transport: ITransport | None) -> int | None:
        """What it is to be; None if nothing is to be done."""
        was_limited, self._limited = self._limited, self._incoming.intake.several
        if not self._limited:
            return UNLIMITED if was_limited else None
        known = tcp_path(transport)
        return None if known is None else receive_window(self._incoming.bandwidth.estimate, known)
