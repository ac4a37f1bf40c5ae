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


def json_document(value: Any) -> str:
    """``value`` as one JSON document of several lines, fit for a terminal."""
    text = msgspec.json.format(json_text(value)).decode()
    # Whatever a terminal does not show is inside of strings, and stays what it is when escaped.
    return "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)


def error_document(kind: str, sentence: str) -> str:
    """The document that stands for an error; ``kind`` is the name of its class."""
    return json_document({"error": sentence, "kind": kind})


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
