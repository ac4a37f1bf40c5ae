"""A chunk in base64, taken out of its line as it comes: the line is never kept. Pure.

`LongReply` finds the string of the field ``data`` wherever it stands in the line's object,
passes on what it stands for piece by piece, and keeps the rest: a line as it would be
if ``data`` were empty, for the decoder to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto

from p2pfs.errors import MalformedMessage
from p2pfs.wire.messages import KIB, decode_chunk

MOST_REST = 64 * KIB
"""Bytes of the line beside the base64, at most."""

_OUTSIDE = re.compile(rb'["{}\[\]:,]')
_IN_STRING = re.compile(rb'["\\]')
_NAME = b'"data"'
_NOT_BASE64 = "The chunk's data is not base64."


class LineTooLong(MalformedMessage):
    """What is beside the base64 is more than any reply needs."""


class _Place(Enum):
    """Where in the line the next byte stands."""

    OUTSIDE = auto()
    STRING = auto()
    ESCAPE = auto()
    DATA = auto()


class Base64Pieces:
    """Decodes base64 that is cut anywhere."""

    def __init__(self) -> None:
        self._left = b""
        self._ended = False

    def decode(self, text: bytes) -> bytes:
        """The bytes of as much as can be decoded by now; raises `MalformedMessage`."""
        text = self._left + text
        whole = len(text) // 4 * 4
        self._left = text[whole:]
        if not whole:
            return b""
        if self._ended:
            raise MalformedMessage("The chunk's data goes on behind its end.")
        data = decode_chunk(text[:whole])
        self._ended = len(data) < whole // 4 * 3
        return data

    def end(self) -> None:
        """There is no more; raises `MalformedMessage` when it breaks off."""
        if self._left:
            raise MalformedMessage("The chunk's data breaks off.")


class LongReply:
    """One line, in pieces."""

    def __init__(self) -> None:
        self.rest = bytearray()
        """The line so far, without what ``data`` has in it."""
        self._pieces = Base64Pieces()
        self._place = _Place.OUTSIDE
        # In objects and arrays one within the other; only what is outermost counts.
        self._depth = 0
        self._begun = False  # the outermost has, and is an object
        self._string_at = 0
        self._is_name = False  # a string here names a field
        self._named = False  # the field that comes is ``data``
        self._found = False
        self._escape = b""  # the first half of one

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next piece of the line; yields the chunk's bytes that are in it.

        Raises `MalformedMessage` when ``data`` is no base64, and `LineTooLong`.
        """
        at = 0
        while at < len(piece):
            if self._place is _Place.DATA:
                at, data = self._take_data(piece, at)
                if data:
                    yield data
            else:
                at = self._take_rest(piece, at)
            if len(self.rest) > MOST_REST:
                raise LineTooLong(f"The line has more than {MOST_REST} bytes beside a chunk.")

    def _take_data(self, piece: bytes, at: int) -> tuple[int, bytes]:
        """The next bytes of the chunk, and where to go on behind them."""
        end = piece.find(b'"', at)
        text = self._escape + piece[at : len(piece) if end < 0 else end]
        self._escape = b""
        if b"\\" in text:
            # Of the escapes of JSON, that of a solidus alone is base64; it may be cut in two.
            text = text.replace(b"\\/", b"/")
            if end < 0 and text.endswith(b"\\"):
                text, self._escape = text[:-1], b"\\"
            if b"\\" in text:
                raise MalformedMessage(_NOT_BASE64)
        data = self._pieces.decode(text)
        if end < 0:
            return len(piece), data
        self._pieces.end()
        self.rest += b'"'
        self._place = _Place.OUTSIDE
        return end + 1, data

    def _take_rest(self, piece: bytes, at: int) -> int:
        """Up to the next byte that means something; where to go on."""
        if self._place is _Place.ESCAPE:
            self.rest += piece[at : at + 1]
            self._place = _Place.STRING
            return at + 1
        # No further than what may be kept: a piece may be long.
        most = at + MOST_REST + 1
        pattern = _IN_STRING if self._place is _Place.STRING else _OUTSIDE
        found = pattern.search(piece, at, most)
        if found is None:
            self.rest += piece[at:most]
            return min(most, len(piece))
        self.rest += piece[at : found.end()]
        if self._place is _Place.STRING:
            if found[0] == b"\\":
                self._place = _Place.ESCAPE
            else:
                self._place = _Place.OUTSIDE
                if self._is_name:
                    self._named = self.rest[self._string_at :] == _NAME
        else:
            self._structure(found[0])
        return found.end()

    def _structure(self, byte: bytes) -> None:
        outermost = self._depth == 1 and self._begun
        match byte:
            case b'"':
                self._place = _Place.STRING
                if outermost and self._named and not self._is_name and not self._found:
                    self._place = _Place.DATA
                    self._found = True
                self._string_at = len(self.rest) - 1
            case b":":
                if outermost:
                    self._is_name = False
            case b",":
                if outermost:
                    self._is_name, self._named = True, False
            case b"{" | b"[":
                if not self._depth:
                    self._begun = self._is_name = byte == b"{"
                self._depth += 1
            case _:
                self._depth -= 1
