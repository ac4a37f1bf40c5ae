"""OpenSSL on a connection's socket: one state of TLS, used by the reactor and by other threads."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone, ConnectionLost

from p2pfs.secure.records import Records

RECORD = 16 << 10
"""Bytes that a record of TLS has at the most, and so a call of OpenSSL gives."""

LOST = (SSL.Error, ConnectionDone, ConnectionLost)
"""What a channel raises when there is no more to it."""


class Channel:
    """What is read from and written to a socket that does not block, in clear.

    Any thread may use it at any time: OpenSSL's own object is used by one at a time.
    """

    def __init__(self, connection: SSL.Connection, handle: socket.socket) -> None:
        """``connection`` is over a socket, and knows which side of the handshake it is."""
        self._connection = connection
        self.socket = handle
        """For options, and to wait: what goes over it is for TLS only."""
        # An error of certificates is noted here, during the handshake and no longer.
        connection.set_app_data(self)
        self._records = Records(connection)
        self._lock = Lock()
        self._end: Exception | None = None
        self.verify_error = 0
        """What OpenSSL had against the certificates that came: an ``X509_V_ERR``, or 0."""
        self.wants_to_write = False
        """True while nothing can be read because something has to be written before."""

    def shake_hands(self) -> bool:
        """Go on with the handshake; True once it is complete, False when more has to come.

        Raises ``SSL.Error``, ``ConnectionDone`` or ``ConnectionLost`` when it has failed.
        """
        with self._lock:
            try:
                self._connection.do_handshake()
            except (SSL.WantReadError, SSL.WantWriteError) as error:
                self._note(error)
                return False
            except SSL.Error as error:
                self._connection.set_app_data(None)
                raise _reason(error) from None
            self._connection.set_app_data(None)
            return True

    @property
    def has_more(self) -> bool:
        """True while there is something to read, or an end to see, that the system does not show.

        That is so after `read_into` only.
        """
        with self._lock:
            return self._end is not None or self._connection.pending() > 0

    def read(self, size: int) -> bytes:
        """What is there, of ``size`` bytes and a record more; nothing when nothing is there.

        Raises ``ConnectionDone`` when the other side has said that it is the end, and
        ``ConnectionLost`` or ``SSL.Error`` at any other.
        """
        pieces: list[bytes] = []
        count = 0
        with self._lock:
            self.wants_to_write = False
            while count < size and self._end is None:
                try:
                    pieces.append(self._connection.recv(RECORD))
                except SSL.Error as error:
                    self._note(error)
                    break
                count += len(pieces[-1])
            if self._end is not None and not pieces:
                raise self._end.with_traceback(None)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_into(self, buffers: list[memoryview]) -> int:
        """Fill buffers one after the other with what is there; how many bytes that is.

        Raises as `read` does.
        """
        total = 0
        with self._lock:
            self.wants_to_write = False
            for buffer in buffers:
                if self._end is not None:
                    break
                count, error = self._records.fill(buffer)
                total += count
                if error is not None:
                    self._note(error)
                    break
            if self._end is not None and not total:
                raise self._end.with_traceback(None)
        return total

    def write(self, data: memoryview) -> bool:
        """Write something, which is not nothing; False when there is no room for all of it.

        Then the same has to be tried again before anything else, and may have grown. Raises
        ``SSL.Error`` or ``ConnectionLost``.
        """
        with self._lock:
            try:
                self._records.write(data)
            except (SSL.WantWriteError, SSL.WantReadError):
                return False
            except SSL.Error as error:
                raise _reason(error) from None
            return True

    def say_goodbye(self) -> None:
        """Tell the other side that this is the end, if that can be done without waiting."""
        with self._lock, suppress(SSL.Error):
            self._connection.shutdown()

    # Inside

    def _note(self, error: SSL.Error) -> None:
        self.wants_to_write = isinstance(error, SSL.WantWriteError)
        if not isinstance(error, SSL.WantReadError | SSL.WantWriteError):
            self._end = _reason(error).with_traceback(None)


def _reason(error: SSL.Error) -> Exception:
    """What a connection is lost with, that OpenSSL gave up so."""
    if isinstance(error, SSL.ZeroReturnError):
        return ConnectionDone()
    if isinstance(error, SSL.SysCallError):
        # Also where the stream just ends: somebody on the path can do that.
        return ConnectionLost()
    return error
