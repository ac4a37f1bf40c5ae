"""Sends part of a file over a connection with TLS, without the transport's own buffers."""

from __future__ import annotations

import os
from typing import Any

from p2pfs.peer.serving.file_sender import FileSender
from p2pfs.secure import LOST, Channel

PIECE = 64 << 10
"""Bytes that are encrypted in one call: few, as it is not known how far one is that was begun."""


class SealedSender(FileSender):
    """The same for TLS: what is read of the file is encrypted on its way to the system.

    The reactor does that: a call takes it a tenth of a millisecond or so, in which threads run.
    """

    def __init__(self, channel: Channel, *args: Any) -> None:
        """``channel`` is that of the transport, and all else as with a plain connection."""
        super().__init__(*args)
        self._channel = channel
        self._buffer = bytearray()
        # Bytes of the file, behind the header, that were given to OpenSSL and not taken in whole.
        self._begun = 0

    def _send_header(self) -> bool:
        """It goes out with the first bytes of the file."""
        return True

    def _move(self, count: int) -> int:
        """Encrypt and send the next bytes, as many as there is room for."""
        moved = 0
        try:
            while moved < count and self._send_piece(
                moved, self._begun or min(PIECE, count - moved)
            ):
                moved += self._begun
                self._begun = 0
        except LOST as problem:
            raise ConnectionResetError from problem
        if not moved:
            raise BlockingIOError
        return moved

    def _send_piece(self, ahead: int, size: int) -> bool:
        """Send what lies so far ahead; False when it has to be tried again."""
        header, size = len(self._header), self._begun or size
        if len(self._buffer) < header + size:
            self._buffer = bytearray(header + size)
        self._buffer[:header] = self._header
        piece = memoryview(self._buffer)[: header + size]
        if os.preadv(self._reader.fileno(), [piece[header:]], self._offset + ahead) < size:
            raise self._reader.cut_short()
        self._begun = size
        if not self._channel.write(piece):
            return False
        self._header = b""
        return True
