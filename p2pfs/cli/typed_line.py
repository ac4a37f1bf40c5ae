"""A command line as far as it is typed: its words, the one that is not ended, and quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SPACE = " \t\n"
_ESCAPED_IN_QUOTES = '"\\$`'
_UNSAFE = re.compile(r"[^\w@%+=:,./-]")
_UNSAFE_IN_QUOTES = re.compile(r'["\\$`]')


@dataclass(frozen=True)
class TypedLine:
    """A line up to the cursor.

    ``words`` are those that are ended, without quotes, and ``current`` is the one that is not,
    which is ``raw`` with its quotes. ``quote`` is the quote that is open at the end, if any.
    """

    words: Sequence[str]
    current: str
    raw: str
    quote: str


def typed(line: str) -> TypedLine:
    """Take a line apart as a shell does, whatever is missing at its end."""
    words: list[str] = []
    word: str | None = None
    start, quote, at = 0, "", 0
    while at < len(line):
        character = line[at]
        if not quote and character in _SPACE:
            if word is not None:
                words.append(word)
            word, at, start = None, at + 1, at + 1
            continue
        word = word or ""
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character == "\\" and quote != "'":
            following = line[at + 1 : at + 2]
            if quote and following not in _ESCAPED_IN_QUOTES:
                word += character
            word += following
            at += 1
        else:
            word += character
        at += 1
    return TypedLine(words, word or "", line[start:] if word is not None else "", quote)


def word_start(raw: str, breaks: str) -> int:
    """Where in a word with its quotes bash begins to replace: behind the last of ``breaks``.

    Such a character counts where it is not quoted. In a quote that is open, it is behind that.
    """
    found, quote, opened, at = 0, "", 0, 0
    while at < len(raw):
        character = raw[at]
        if character == "\\" and quote != "'":
            at += 1
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote, opened = character, at + 1
        elif not quote and character in breaks:
            found = at + 1
        at += 1
    return opened if quote else found


def remainder(line: TypedLine, start: int, word: str) -> str:
    """What is to stand from ``start`` in the word that is typed, that it may become ``word``.

    That begins as what is typed; what is special in it gets quoted.
    """
    before = typed(line.raw[:start])
    rest = word[len(before.current) :]
    if before.quote == "'":
        return rest.replace("'", "'\\''")
    if before.quote == '"':
        return _UNSAFE_IN_QUOTES.sub(r"\\\g<0>", rest)
    return _UNSAFE.sub(r"\\\g<0>", rest)
