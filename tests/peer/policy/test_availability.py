"""Counting over bitfields, beside counting one chunk after the other."""

from __future__ import annotations

from random import Random

from p2pfs.peer.policy.availability import count, fewest, most, random_bit

CHUNKS = 50
BITFIELDS = [Random(seed).getrandbits(CHUNKS) for seed in range(13)]


def counts(planes: list[int]) -> list[int]:
    """What the planes say of each chunk."""
    return [
        sum((plane >> chunknum & 1) << number for number, plane in enumerate(planes))
        for chunknum in range(CHUNKS)
    ]


def test_each_chunk_is_counted_as_often_as_it_occurs() -> None:
    """Whatever carries over from one plane to the next."""
    for some in (BITFIELDS, BITFIELDS[:1], [(1 << CHUNKS) - 1] * 8, []):
        assert counts(count(some)) == [
            sum(bits >> chunknum & 1 for bits in some) for chunknum in range(CHUNKS)
        ]


def test_the_rarest_and_the_commonest_are_those_of_the_candidates() -> None:
    """Others that are rarer, or more common, make no difference."""
    planes = count(BITFIELDS)
    candidates = 0b1011 << 20 | 0b11001
    numbers = [number for number in range(CHUNKS) if candidates >> number & 1]
    often = {number: counts(planes)[number] for number in numbers}
    for choose, extreme in ((fewest, min), (most, max)):
        chosen = choose(candidates, planes)
        expected = [number for number in numbers if often[number] == extreme(often.values())]
        assert chosen == sum(1 << number for number in expected)


def test_any_bit_may_be_drawn_and_no_other() -> None:
    """Of a few, and of so many that they are drawn in another way."""
    few = 1 << 3 | 1 << 40 | 1 << 49
    assert {random_bit(few, Random(seed)) for seed in range(50)} == {3, 40, 49}
    many = (1 << 200) - 1 << 7
    drawn = {random_bit(many, Random(seed)) for seed in range(2000)}
    assert drawn == set(range(7, 207))
