"""The one validator of file names on the network.

A *filename* is a relative path with ``/`` between its parts. It enters through
the console, the disk, the wire and the state file, and passes through
`check_filename` at each of these doors, so that nothing behind them has to ask
again whether it might climb out of a directory.
"""

from __future__ import annotations

import unicodedata
from pathlib import PurePath

from p2pfs.errors import InvalidName

MAX_FILENAME_BYTES = 1024
"""Longest filename, in bytes of UTF-8."""


def check_filename(name: str) -> str:
    """Return ``name`` unchanged if it may be used on the network.

    Raises `InvalidName` with the reason: it must be NFC Unicode of 1 to 1024
    bytes in UTF-8, relative, without empty, ``.`` or ``..`` parts, without
    backslashes and control characters.
    """
    reason = _objection(name)
    if reason is not None:
        raise InvalidName(f"The name {_shown(name)} cannot be used: {reason}.")
    return name


def check_prefix(text: str) -> str:
    """Return ``text`` unchanged if names can be asked for that begin so, or come behind it.

    Raises `InvalidName` when it is not valid Unicode, or longer than a name.
    """
    try:
        too_long = len(text.encode()) > MAX_FILENAME_BYTES
    except UnicodeEncodeError:
        raise InvalidName(f"No name begins with {_shown(text)}: it is not valid Unicode.") from None
    if too_long:
        raise InvalidName(
            f"No name begins with {_shown(text)}: it is longer than {MAX_FILENAME_BYTES} bytes."
        )
    return text


def filename_from_path(path: PurePath | str) -> str:
    """Make a filename of a relative local path (normalised to NFC), or raise `InvalidName`."""
    return check_filename(unicodedata.normalize("NFC", PurePath(path).as_posix()))


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 80 else name[:77] + "...")


def _objection(name: str) -> str | None:
    if not name:
        return "it is empty"
    if len(name) > MAX_FILENAME_BYTES:
        return f"it is longer than {MAX_FILENAME_BYTES} bytes"
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if len(encoded) > MAX_FILENAME_BYTES:
        return f"it is longer than {MAX_FILENAME_BYTES} bytes"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "it contains a control character"
    if "\\" in name:
        return "it contains a backslash"
    if name.startswith("/"):
        return "it begins with '/'"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "it has an empty part, or '.' or '..' as a part"
    if not unicodedata.is_normalized("NFC", name):
        return "it is not normalised Unicode (NFC)"
    return None
