"""How much may be on its way over one connection while several sources send to this peer.

A system lets the receive window grow with what comes, and the queues in the network grow with
it, until packets are lost. With one source that is how a line is filled. But several of them
crowd out one another, and the messages that say whose turn it is wait in the same queues. A
window that is just large enough to fill the line (its bandwidth-delay product, RFC 7323,
section 1.1) leaves the queues short.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import ITransport

from p2pfs.peer.line_rate import LineRate
from p2pfs.sockets import least_round_trip, set_tcp_options

LEAST = 16 << 10
"""Bytes of the smallest window: with only a few packets on their way, one lost costs much time."""

AHEAD = 0.005
"""Seconds of the line's rate on top, for this peer is not always there to read at once."""

PRESUMED = 10_000_000
"""Bytes a second that a line is taken for while its rate is not known."""

UNLIMITED = 1 << 30
"""Bytes of the largest window that TCP has."""


def receive_window(rate: int | None, round_trip: float) -> int:
    """Bytes on their way with which one connection fills the line.

    ``rate`` is the line's, in bytes a second, if it is known; ``round_trip`` is the time in
    seconds that there and back takes while nothing waits.
    """
    return round(min(UNLIMITED, LEAST + (rate or PRESUMED) * (round_trip + AHEAD)))


class ReceiveWindow:
    """The receive window of one connection to a source; left to the system while it sends alone."""

    def __init__(self, line: LineRate, several: Callable[[], bool]) -> None:
        """``line`` is what comes over; ``several`` tells whether more than one source sends."""
        self._line = line
        self._several = several
        self._limited = False

    def adjust(self, transport: ITransport | None) -> None:
        """Set it; to be called whenever something has come, because the system changes it too."""
        window = self._size(transport)
        if window is not None:
            set_tcp_options(transport, {"TCP_WINDOW_CLAMP": window})

    def _size(self, transport: ITransport | None) -> int | None:
        """What it is to be; None if nothing is to be done."""
        was_limited, self._limited = self._limited, self._several()
        if not self._limited:
            return UNLIMITED if was_limited else None
        round_trip = least_round_trip(transport)
        return None if round_trip is None else receive_window(self._line.highest, round_trip)
