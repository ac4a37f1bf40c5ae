"""Text from elsewhere, made fit for a terminal and for a log."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    r"""``text`` with what is not seen, or moves what is seen, written as ``\u202e``.

    That is control and format characters (such as those that turn the direction of
    what follows), line separators, and what Unicode does not define. Spaces stay. A
    filename has no backslash, so what this makes of one is not another's name.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else _escape(ord(c)) for c in text
    )


def encodable(text: str) -> str:
    r"""``text`` with what UTF-8 has no bytes for written as ``\udcff``: half characters.

    Python has these for bytes in local paths that are no text.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(_escape(ord(c)) if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
