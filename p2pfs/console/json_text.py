"""What scripts read, as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from p2pfs.printable import encodable


def json_text(value: Any) -> bytes:
    """``value`` as JSON in UTF-8, which all text fits into: see `encodable`.

    It is made of plain values and of structures of ``msgspec``.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(msgspec.to_builtins(value)))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value
