"""The vocabulary of the control socket: one JSON object a line, both ways.

A client sends a `Request`; the daemon answers with any number of lines that
carry ``progress`` and exactly one that carries anything else. Server and
client share these definitions; nothing here needs Twisted, so that the
``p2pfs`` program starts quickly.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

SOCKET_NAME = "control"
MAX_REQUEST_BYTES = 64 * 1024
# sockaddr_un holds 108 bytes, the last of which is a NUL.
MAX_SOCKET_PATH_BYTES = 107


class Request(msgspec.Struct):
    """What a client asks for: a command, given by its words."""

    words: list[str]


class ProgressMessage(msgspec.Struct):
    """How far the command is; the fields are those of `p2pfs.console.command.Progress`."""

    label: str
    done: int
    total: int
    note: str = ""
    detail: str = ""
    rate: int | None = None
    seconds_left: int | None = None


class AnswerMessage(msgspec.Struct, omit_defaults=True):
    """What the command came to; the fields are those of `p2pfs.console.command.Answer`."""

    data: Any = None
    lines: Sequence[str] = ()
    status: int = 0


class Response(msgspec.Struct, omit_defaults=True):
    """A line from the daemon; ``kind`` goes with ``error`` and names its class."""

    progress: ProgressMessage | None = None
    answer: AnswerMessage | None = None
    error: str | None = None
    kind: str | None = None


def socket_path_fits(path: Path) -> bool:
    """Whether the path is short enough to be the address of a UNIX socket."""
    return len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES
