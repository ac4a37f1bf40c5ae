"""Which names are meant: those that begin with something, or fit a pattern."""

from __future__ import annotations

import re
from fnmatch import translate

from p2pfs.errors import UsageProblem

LONGEST = 256
"""Characters of a pattern. What it costs to try a name grows with this and with the name."""

_SPECIAL = re.compile(r"(?s)[*?]|\[(?:!.|[^!])[^]]*\]")
"""What makes a pattern of a word: as ``fnmatch`` has it, a bracket without its end is a letter."""


class NamePattern:
    """What names are asked for.

    With ``*`` (any characters, also "/"), ``?`` (one) or ``[...]`` (one of these) it is a
    pattern of the whole name; otherwise it is how the names begin. Upper and lower case differ.
    """

    def __init__(self, text: str) -> None:
        """Raises `UsageProblem` for a pattern that is too long."""
        self.text = text
        special = _SPECIAL.search(text)
        self.beginning = text[: special.start()] if special else text
        """How all names begin that fit."""
        if special and len(text) > LONGEST:
            raise UsageProblem(
                f"The pattern has {len(text)} characters, and {LONGEST} are the most; give a "
                "shorter one, or the beginning of the names without '*', '?' and '['."
            )
        # Every '*' takes the least that lets what follows it fit, once and for all.
        self._fits = re.compile(translate(text)).match if special else None

    def matches(self, name: str) -> bool:
        """Whether that is one of the names."""
        if self._fits is None:
            return name.startswith(self.text)
        return self._fits(name) is not None

    def is_name(self, name: str) -> bool:
        """Whether it means that whole name: without anything special, only the very same."""
        return name == self.text if self._fits is None else self.matches(name)

    def __str__(self) -> str:
        """In words, behind "file": empty when all names fit."""
        if self._fits is not None:
            return f" that fits '{self.text}'"
        return f" beginning with '{self.text}'" if self.text else ""
