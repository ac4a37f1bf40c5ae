"""How often each chunk occurs in many bitfields, for all chunks at once. Pure.

Bitfields are integers whose bit *i* is chunk *i*. Counts are kept as *planes*:
plane *k* has bit *k* of every chunk's count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random


def count(bitfields: Iterable[int]) -> list[int]:
    """Add up bitfields column by column: the planes of the sums.

    This is bit-slicing: a ripple-carry adder that works on all chunks at once.
    """
    planes: list[int] = []
    for carry in bitfields:
        for k, plane in enumerate(planes):
            planes[k], carry = plane ^ carry, plane & carry
            if not carry:
                break
        if carry:
            planes.append(carry)
    return planes


def fewest(candidates: int, planes: Sequence[int]) -> int:
    """Those of the candidates (bits, not 0) with the lowest count."""
    for plane in reversed(planes):
        fewer = candidates & ~plane
        if fewer:
            candidates = fewer
    return candidates


def most(candidates: int, planes: Sequence[int]) -> int:
    """Those of the candidates (bits, not 0) with the highest count."""
    for plane in reversed(planes):
        more = candidates & plane
        if more:
            candidates = more
    return candidates


def random_bit(bits: int, random: Random) -> int:
    """The number of a bit of ``bits`` (not 0), each as likely as the others."""
    left = bits.bit_count()
    if left <= 64:
        for _ in range(random.randrange(left)):
            bits &= bits - 1
        return (bits & -bits).bit_length() - 1
    # Many: throwing at the whole range hits one soon.
    while True:
        position = random.randrange(bits.bit_length())
        if bits >> position & 1:
            return position
