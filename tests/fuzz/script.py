"""How the bytes of a fuzzer become what happens in a scene, step by step.

A script is steps with `SEPARATOR` between them. A step is a letter or sign that
says what happens, a second one that says to whom, and the rest. Nearly all of it
is text, so that a person can read a script, and a fuzzer that inserts, deletes
or swaps pieces still has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SEPARATOR = b"\x1e"
"""Between two steps; JSON has no such byte, and neither have the files that are served."""

MAX_STEPS = 400
"""Steps that are carried out; the rest of a script is ignored."""


class Step(NamedTuple):
    """One thing that happens."""

    what: str
    whom: int
    rest: bytes

    def number(self, most: int) -> int:
        """The number that the rest begins with, from 0 to ``most``."""
        digits = self.rest[: len(self.rest) - len(self.rest.lstrip(b"0123456789"))][:9]
        return min(int(digits or b"1"), most)


def steps(script: bytes) -> Iterator[Step]:
    """The steps of a script; every sequence of bytes is one."""
    for piece in script.split(SEPARATOR, MAX_STEPS)[:MAX_STEPS]:
        if len(piece) >= 2:
            yield Step(chr(piece[0]), piece[1], piece[2:])


def script(*pieces: bytes | str) -> bytes:
    """The script of these steps."""
    return SEPARATOR.join(p if isinstance(p, bytes) else p.encode() for p in pieces)
