"""OpenSSL's calls that read and write, for which pyOpenSSL's own methods would not do.

Those copy all that is read once more, call for each record that is written, and do not return
while the other side has something to say that is no data: the reactor could be kept there.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL.SSL import Connection, Error

_lib: Any = Binding.lib
_ffi: Any = Binding.ffi


class Records:
    """Reads and writes data over a connection; raises what pyOpenSSL does."""

    def __init__(self, connection: Connection) -> None:
        """``connection`` is written to by nobody else."""
        self._connection: Any = connection
        self._ssl = self._connection._ssl
        _lib.SSL_clear_mode(self._ssl, _lib.SSL_MODE_AUTO_RETRY)
        _lib.SSL_clear_mode(self._ssl, _lib.SSL_MODE_ENABLE_PARTIAL_WRITE)

    def fill(self, buffer: memoryview) -> tuple[int, Error | None]:
        """Put what is there into a buffer: how many bytes that is, and why they are no more.

        That is None when the buffer is full. ``SSL.WantReadError`` also says that what came was
        no data: there may be more.
        """
        read, ssl, count, size = _lib.SSL_read, self._ssl, 0, len(buffer)
        # Given back here: an error's traceback must not keep it.
        with _ffi.from_buffer("char[]", buffer, require_writable=True) as data:
            while count < size:
                got: int = read(ssl, data + count, size - count)
                if got <= 0:
                    return count, self._error(got)
                count += got
        return count, None

    def write(self, data: memoryview) -> None:
        """Write all of it, which is not nothing.

        When that raises ``SSL.WantWriteError``, part of it may be written. Then it has to be
        called again with the same, and perhaps more behind it.
        """
        with _ffi.from_buffer(data) as memory:
            count = _lib.SSL_write(self._ssl, memory, len(data))
            error = None if count > 0 else self._error(count)
        if error is not None:
            raise error

    def _error(self, count: int) -> Error:
        """What was the matter with a call that returned so much."""
        try:
            self._connection._raise_ssl_error(self._ssl, count)
        except Error as error:
            return error.with_traceback(None)
        return Error("OpenSSL did nothing, and says nothing of it")
