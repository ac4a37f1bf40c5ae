"""One direction of a simulated connection: out of the sender, over the links, to the receiver.

Bytes written wait in the sender, pass its uplink, take the latency, and pass the
receiver's downlink. A window limits how many may be on their way or unread, so a
slow reader slows the writer down. What cannot get through is kept, and sent again
in order when it can.

Each byte of bulk may stand for many. Sizes of segments, windows and buffers are
weights: of what the bytes stand for.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from p2pfs.testing.links import Flow, Link

if TYPE_CHECKING:  # a connection has streams, so it imports this module
    from p2pfs.testing.transport import Connection, End

SEGMENT = 16 * 1024
"""Most bytes that pass a link in one turn."""

WINDOW = 256 * 1024
"""Bytes of one direction of a connection that may be on their way or unread."""

SOCKET_BUFFER = 64 * 1024
"""Bytes that the system takes from a program before they leave the host."""

SEND_AGAIN_SECONDS = 0.2
"""How long TCP waits before it sends again what was lost, once it gets through."""


class Mark(Enum):
    """What stands in a stream beside bytes."""

    BEGIN = "begin"
    """The connection stands: the last part of its set-up."""
    END = "end"
    """There is no more."""


Segment = tuple[bytes | Mark, int]
"""What travels in one piece, and its weight in bytes."""


def is_bulk(data: bytes) -> bool:
    """Whether what was written in one go is the payload of a chunk, not messages.

    Whole messages begin and end as JSON objects on lines do; of random payloads, one
    in 16 million.
    """
    return not (data.startswith(b"{") and data.endswith(b"}\n"))


class Stream(Flow):
    """One direction of a connection, as the sender's uplink sees it."""

    def __init__(self, connection: Connection, sender: End, uplink: Link) -> None:
        network = connection.network
        self.unsent_bytes = 0
        """Weight of what was written and has not left the host."""
        self.is_finished = False
        """True once there will be no more."""
        self._connection = connection
        self._sender = sender
        self._uplink = uplink
        self._timeline = network.timeline
        self._window = network.window
        self._segment_size = network.segment
        self._socket_buffer = network.socket_buffer
        self._bulk = network.bulk
        # With the weight of a byte of bulk, or 0 for messages, which weigh what they are.
        self._unsent: deque[tuple[bytes | memoryview | Mark, int]] = deque()
        self._on_the_way = 0
        self._acknowledged: deque[tuple[float, int]] = deque()
        self._window_full = False
        self._window_opens = False
        self._sending = False
        self._segment: Segment = b"", 0
        self._lost: deque[Segment] = deque()
        self._losses = 0
        self._sending_again = False

    def write(self, data: bytes) -> None:
        """Take bytes to be sent, which are either messages or bulk."""
        bulk = self._bulk if is_bulk(data) else 0
        self._unsent.append((data, bulk))
        self.unsent_bytes += len(data) * (bulk or 1)
        self._send()

    def mark(self, mark: Mark) -> None:
        """Tell the other end something, behind all that was written."""
        self.is_finished = mark is Mark.END
        self._unsent.append((mark, 0))
        self._send()

    def discard(self, keep: int = 0) -> None:
        """Forget what has not left yet, but for that weight at the front."""
        kept: deque[tuple[bytes | memoryview | Mark, int]] = deque()
        self.unsent_bytes = 0
        for piece, bulk in self._unsent:
            if isinstance(piece, Mark):
                if keep:
                    kept.append((piece, bulk))
            elif self.unsent_bytes < keep:
                part = memoryview(piece)[: _count(keep - self.unsent_bytes, bulk)]
                self.unsent_bytes += len(part) * (bulk or 1)
                kept.append((part, bulk))
        self._unsent = kept

    def abandon(self) -> None:
        """Send nothing more, not even again what was lost."""
        self.discard()
        self._lost.clear()

    def read(self, count: int) -> None:
        """The receiver has taken that weight: word of it is on its way back."""
        arrival = self._timeline.now + self._connection.latency
        self._acknowledged.append((arrival, count))
        if self._window_full:
            self._await_window()

    # Out of the sender

    def begin(self) -> int | None:
        unsent = self._unsent
        if not unsent:
            self._sending = False
            return None
        piece, bulk = unsent.popleft()
        if isinstance(piece, Mark):
            self._segment = piece, 0
            return 0
        weight = len(piece) * (bulk or 1)
        if weight > self._segment_size or (unsent and not isinstance(unsent[0][0], Mark)):
            unsent.appendleft((piece, bulk))
            self._segment = self._gather()
            weight = self._segment[1]
        else:
            self._segment = bytes(piece), weight
            self._uplink.bulk += bulk and weight
        self.unsent_bytes -= weight
        self._on_the_way += weight
        return weight

    def _gather(self) -> Segment:
        """Small pieces travel together, and large ones in parts."""
        unsent, room = self._unsent, self._segment_size
        pieces: list[bytes | memoryview] = []
        while unsent and room > 0:
            piece, bulk = unsent[0]
            if isinstance(piece, Mark):
                break
            count = _count(room, bulk)
            if len(piece) > count:
                # Not a copy of the rest for each segment.
                whole = memoryview(piece)
                unsent[0] = whole[count:], bulk
                piece = whole[:count]
            else:
                unsent.popleft()
            weight = len(piece) * (bulk or 1)
            self._uplink.bulk += bulk and weight
            room -= weight
            pieces.append(piece)
        return b"".join(pieces), self._segment_size - room

    def passed(self) -> bool:
        segment = self._segment
        tamper = self._sender.host.tamper
        if tamper is not None and not isinstance(segment[0], Mark):
            segment = tamper(self._connection, segment[0]), segment[1]
        self._timeline.after(self._connection.latency, self._arrive, segment)
        self._sending = self._ready()
        if self.unsent_bytes <= self._socket_buffer:
            self._sender.drained()
        return self._sending

    def _ready(self) -> bool:
        if not self._unsent:
            return False
        now, acknowledged = self._timeline.now, self._acknowledged
        while acknowledged and acknowledged[0][0] <= now:
            self._on_the_way -= acknowledged.popleft()[1]
        if self._on_the_way < self._window:
            return True
        self._await_window()
        return False

    def _await_window(self) -> None:
        self._window_full = not self._acknowledged
        if self._acknowledged and not self._window_opens:
            self._window_opens = True
            self._timeline.at(self._acknowledged[0][0], self._open_window)

    def _open_window(self) -> None:
        self._window_opens = False
        self._send()

    def _send(self) -> None:
        if not self._sending and self._ready():
            self._sending = True
            self._uplink.join(self)

    # Into the receiver

    def _arrive(self, segment: Segment) -> None:
        if self._lost or not self._connection.passable:
            if not self._sender.forgotten:
                self._lose(segment)
        else:
            self._received(segment)

    def _received(self, segment: Segment) -> None:
        receiver = self._connection.other(self._sender)
        if receiver.gone:
            # The receiver's system does not know the connection and says so.
            self._timeline.after(self._connection.latency, self._refused)
        else:
            receiver.arrived(segment)

    def _refused(self) -> None:
        if self._connection.passable:
            self._sender.lose("the other side knows nothing of it")

    def _lose(self, segment: Segment) -> None:
        self._lost.append(segment)
        if len(self._lost) == 1:
            self._losses += 1
            self._timeline.after(self._sender.patience, self._unanswered, self._losses)

    def send_again(self) -> None:
        """Send what was lost, if it gets through."""
        if self._lost and not self._sending_again and self._connection.passable:
            self._sending_again = True
            self._timeline.after(SEND_AGAIN_SECONDS, self._again)

    def _again(self) -> None:
        self._sending_again = False
        if self._connection.passable:
            lost, self._lost = self._lost, deque()
            for segment in lost:
                self._received(segment)

    def _unanswered(self, loss: int) -> None:
        if loss == self._losses and self._lost:
            self._sender.lose("nobody answers")


def _count(room: int, bulk: int) -> int:
    """How many bytes fill ``room``, one at least: a byte of bulk is not parted."""
    return -(-room // bulk) if bulk else room


class Arrivals(Flow):
    """One direction of a connection, as the receiver's downlink sees it."""

    def __init__(self, end: End, downlink: Link) -> None:
        self._end = end
        self._downlink = downlink
        self._segments: deque[Segment] = deque()

    def add(self, segment: Segment) -> None:
        """Let a segment pass the link."""
        self._segments.append(segment)
        if len(self._segments) == 1:
            self._downlink.join(self)

    def begin(self) -> int:
        return self._segments[0][1]

    def passed(self) -> bool:
        # Its place in the queue is kept until it is handed over, or it would join twice.
        self._end.take(self._segments[0])
        self._segments.popleft()
        return bool(self._segments)
