"""OpenSSL's calls that read and write, for which pyOpenSSL's own methods would not do.

Those copy all that is read once more, call for each record that is written, and do not return
while the other side has something to say that is no data: the reactor could be kept there.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL.SSL import Connection

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

    def read_into(self, buffer: memoryview) -> int:
        """Put what is left of a record, or the next one, into a buffer; how many bytes that is.

        ``SSL.WantReadError`` also says that what came was no data: there may be more.
        """
        data = _ffi.from_buffer("char[]", buffer, require_writable=True)
        count: int = _lib.SSL_read(self._ssl, data, len(buffer))
        if count <= 0:
            self._connection._raise_ssl_error(self._ssl, count)
        return count

    def write(self, data: memoryview) -> None:
        """Write all of it, which is not nothing.

        When that raises ``SSL.WantWriteError``, part of it may be written. Then it has to be
        called again with the same, and perhaps more behind it.
        """
        count = _lib.SSL_write(self._ssl, _ffi.from_buffer(data), len(data))
        if count <= 0:
            self._connection._raise_ssl_error(self._ssl, count)
