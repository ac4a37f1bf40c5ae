"""Lines that nobody means well with, and one of every message there is."""

from __future__ import annotations

from p2pfs.wire import messages as m
from tests.wire.test_messages import EXAMPLES

NUMBERS = {
    "two to the 63": b"%d" % (1 << 63),
    "ten to the 30": b"1" + b"0" * 30,
    "minus ten to the 30": b"-1" + b"0" * 30,
    "negative": b"-1",
    "a hundred thousand digits": b"1" * 60_000,
    "too large a float": b"1e400",
    "a float": b"1e2",
    "not a number": b"NaN",
    "infinite": b"-Infinity",
    "true": b"true",
}
"""Numbers that are no chunk's, as they stand in a line."""

RUBBISH = {
    "deep arrays": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000,
    "a deep ping": b'{"type":"PEER_PING_PONG","a":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a deep type": b'{"type":' * 6_000,
    "no object": b"17",
    "no text": b'{"type":"\xff\xfe"}',
    "a NUL": b"\0" * 1000,
    "half of it": b'{"type":"REQUEST_FILE_LIST"',
    "an unknown type": b'{"type":"' + b"X" * 50_000 + b'"}',
    "an escape": b'{"type":"\\u001b[2J\\u202e"}',
}
"""Lines that are no messages, short enough for whoever reads lines."""

BAD_NAMES = {
    "above": "../secret",
    "above in the middle": "a/../../secret",
    "absolute": "/etc/passwd",
    "NUL": "a\0b",
    "an escape": "a\x1b[2Jb",
    "a line end": "a\nb",
    "a backslash": "..\\secret",
    "empty": "",
    "a dot": ".",
    "an empty part": "a//b",
    "too long": "x" * 1025,
    "half a character": "\udc80",
    "not normalised": "e\u0301",
}
"""Names that are no filenames."""

KINDS: dict[str, list[bytes]] = {}
"""Lines of each type of message, valid ones."""
for _message, _ in EXAMPLES:
    KINDS.setdefault(m.type_of(type(_message)), []).append(m.encode(_message))
