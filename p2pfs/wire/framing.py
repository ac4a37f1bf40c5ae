"""Lines, and raw bytes between them: what frames both protocols, whatever they say."""

from __future__ import annotations

import sys
from typing import cast

from twisted.internet.interfaces import IPushProducer
from twisted.protocols.basic import LineReceiver

RECEIVE_SIZE = 256 * 1024
"""How many bytes one recv() may take; Twisted's 64 KiB costs more calls for bulk data."""


class LineFraming(LineReceiver):
    """Twisted's ``LineReceiver``, with a buffer fit for many lines, for long ones, and for bulk.

    A subclass answers `lineReceived`, `lineLengthExceeded` and `rawDataReceived`, changes modes
    by `setRawMode` and `setLineMode`, and pauses by `pauseProducing` and `resumeProducing`, all
    as Twisted's documentation has it. Only how bytes wait is done anew, all of it here:

    ``LineReceiver`` copies its whole buffer for each line that it takes out, for each segment
    of a line that is not finished, and for each payload that it is given back the rest of. That
    is quadratic: a line of 1 MiB that comes in packets takes it 80 times as long, 256 KiB of
    short lines 4 times (docs/performance.md). Here the buffer is a ``bytearray``, which is searched
    once and gives up its front without moving the rest, and payloads pass by it. And while
    paused, it goes on reading until much has come.
    """

    delimiter = b"\n"
    receive_size = RECEIVE_SIZE

    _buffer: bytearray  # type: ignore[assignment]  # Twisted's are bytes, which cannot change

    def __init__(self) -> None:
        self._buffer = bytearray()
        # How many bytes of it are known to have no end of a line in them.
        self._searched = 0
        self._raw_left = 0
        self._reading = True
        self._lent = False

    # For subclasses

    def lineReceived(self, line: bytes) -> None:
        """Handle a line, which is without its end."""
        raise NotImplementedError

    def lineLengthExceeded(self, line: bytes) -> None:
        """Handle a line that is too long; ``line`` is what came of it, and all that came behind."""
        raise NotImplementedError

    def rawDataReceived(self, data: bytes) -> None:
        """Handle raw bytes."""
        raise NotImplementedError

    def longest_line(self) -> int:
        """Bytes that the next line may have at most, without its end."""
        return self.MAX_LENGTH

    def may_handle_line(self) -> bool:
        """Whether the next line, which is there, is handled now; else pause until it may be."""
        return True

    def input_begins(self) -> None:
        """Called before anything that came is handled."""

    def input_left(self) -> None:
        """Called when something is left that is not whole, or has to wait."""
        self._read_no_more()

    def input_waits(self, data: bytes) -> None:
        """Keep what comes while paused."""
        self._buffer += data
        self._read_no_more()

    # As Twisted has it

    def dataReceived(self, data: bytes) -> None:
        """Handle what came in, or have it wait."""
        if self.paused or self._busyReceiving:
            self.input_waits(data)
        else:
            self._handle(data)

    def clearLineBuffer(self) -> bytes:
        """Forget what waits; returns it."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return data

    def setRawMode(self, extra: bytes = b"", length: int = sys.maxsize) -> None:
        """What comes next are raw bytes, beginning with ``extra``, which was taken for a line.

        Behind ``length`` of them come lines again; without it, when `setLineMode` says so.
        """
        super().setRawMode()  # type: ignore[no-untyped-call]  # Twisted's
        self._buffer[:0] = extra
        self._raw_left = length

    def setLineMode(self, extra: bytes = b"") -> None:
        """What comes next are lines, beginning with ``extra``, which was taken for raw bytes."""
        super().setLineMode()  # type: ignore[no-untyped-call]  # Twisted's
        self._buffer[:0] = extra

    def pauseProducing(self) -> None:
        """Handle nothing more, until `resumeProducing`.

        Reading itself stops once a receive buffer's worth has come in: not before,
        because a TLS connection that cannot send yet may have to read first.
        """
        self.paused = True

    def resumeProducing(self) -> None:
        """Handle what waits, and read on."""
        self.paused = False
        if not self._busyReceiving:
            self._handle(b"")
        if not self.paused:
            self.read_on()

    def lend_input(self) -> None:
        """Let somebody else read from the transport, while nothing that was read waits here.

        What comes is not seen here until `take_input_back`.
        """
        self._lent = self.paused = True
        if self._reading:
            self._reading = False
            cast(IPushProducer, self.transport).pauseProducing()

    def take_input_back(self, rest: bytes) -> None:
        """Read again, from ``rest`` on, which somebody else has read.

        In which mode that is, is to be said before.
        """
        self._lent = False
        self._buffer += rest

    @property
    def input_lent(self) -> bool:
        """True from `lend_input` until `take_input_back`."""
        return self._lent

    def read_on(self) -> None:
        """Have the transport read again, if it does not."""
        if not self._reading:
            self._reading = True
            cast(IPushProducer, self.transport).resumeProducing()

    # Inside

    def _handle(self, data: bytes) -> None:
        """Handle what waits, and ``data`` behind it, until paused."""
        buffer = self._buffer
        self._busyReceiving = True
        self.input_begins()
        try:
            if not (self.line_mode or buffer):
                data = self._pass_raw(data)
            buffer += data
            while buffer and not self.paused:
                if not self.line_mode:
                    piece = bytes(memoryview(buffer)[: self._raw_left])
                    del buffer[: len(piece)]
                    self._pass_raw(piece)
                    continue
                end = buffer.find(b"\n", self._searched)
                self._searched = length = len(buffer) if end < 0 else end
                # A \r before the end does not count.
                spared = 1 if end < 0 or buffer[max(0, end - 1)] == ord("\r") else 0
                if length - spared > self.longest_line():
                    self.lineLengthExceeded(self.clearLineBuffer())
                elif end < 0 or not self.may_handle_line():
                    break
                else:
                    line = bytes(memoryview(buffer)[:end])
                    del buffer[: end + 1]
                    self._searched = 0
                    self.lineReceived(line)
        finally:
            self._busyReceiving = False
        if buffer:
            self.input_left()

    def _pass_raw(self, data: bytes) -> bytes:
        """Pass on what of ``data`` is raw; returns the rest."""
        piece, rest = data[: self._raw_left], data[self._raw_left :]
        self._raw_left -= len(piece)
        if not self._raw_left:
            self.setLineMode()
        if piece:
            self.rawDataReceived(piece)
        return rest

    def _read_no_more(self) -> None:
        if self.paused and self._reading and len(self._buffer) >= self.receive_size:
            self._reading = False
            cast(IPushProducer, self.transport).pauseProducing()
