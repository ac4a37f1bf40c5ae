"""The holders of a file, and a few of them that cover all there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pfs.chunks import ChunkSet
from p2pfs.tracker.holders import Cover, Holders, Roster
from tests.tracker.tracker_connections import covered

OPERATIONS = st.lists(
    st.tuples(st.integers(0, 19), st.none() | st.sets(st.integers(0, 11))), max_size=120
)


@settings(max_examples=300, deadline=None)
@given(OPERATIONS, st.integers(1, 8), st.integers(0, 3))
def test_every_chunk_held_is_covered_whoever_comes_and_goes(
    operations: list[tuple[int, set[int] | None]], size: int, seed: int
) -> None:
    """After each change, the selection has its size or what it takes to cover everything."""
    holders, held = Holders(12), dict[str, set[int]]()
    random = Random(seed)
    for number, chunks in operations:
        peer = str(number)
        if chunks is None:
            if peer in held:
                holders.remove(peer)
                del held[peer]
        elif chunks:
            holders.add(peer, ChunkSet.of(12, chunks).to_bitfield())
            held.setdefault(peer, set()).update(chunks)
        assert {peer: set(holders[peer]) for peer in holders} == held
        selection = holders.select(size, 1000, random)
        everything = set().union(*held.values())
        assert covered(12, selection.values()) == everything
        assert len(selection) >= min(size, len(held))
        assert len(selection) <= max(size, size // 2 + len(everything))


@settings(max_examples=300, deadline=None)
@given(OPERATIONS, st.integers(1, 5))
def test_it_is_known_whether_all_is_held(
    operations: list[tuple[int, set[int] | None]], every: int
) -> None:
    """At once when it is asked for; what costs nothing errs on one side only."""
    holders, held = Holders(12), dict[str, set[int]]()
    for step, (number, chunks) in enumerate(operations):
        peer = str(number)
        if chunks is None:
            if held.pop(peer, None):
                holders.remove(peer)
        elif chunks:
            holders.add(peer, ChunkSet.of(12, chunks).to_bitfield())
            held.setdefault(peer, set()).update(chunks)
        is_complete = len(set().union(*held.values())) == 12
        assert holders.may_be_complete or not is_complete
        if step % every == 0:  # looking for it must not be what keeps it right
            assert holders.complete == is_complete
            assert holders.may_be_complete == is_complete


def test_without_chunks_it_is_complete_with_a_holder() -> None:
    """Nobody holds a part of an empty file, and whoever is about to does not count."""
    holders = Holders(0)
    assert not holders.complete
    holders.expect("a")
    assert not holders.complete
    assert not holders.may_be_complete
    holders.add_whole("b")
    assert holders.complete


def test_a_few_of_them_with_those_first_that_have_all() -> None:
    """To be named to people."""
    holders = Holders(2)
    holders.add("part", b"\x80")
    holders.add("whole", b"\xc0")
    assert holders.some(1) == ["whole"]
    assert holders.some(3) == ["whole", "part"]


class Counted(dict[str, bytes]):
    """Counts the holders that are looked at."""

    looks = 0

    def __getitem__(self, peer: str) -> bytes:
        Counted.looks += 1
        return super().__getitem__(peer)

    def __iter__(self) -> Iterator[str]:
        for peer in super().__iter__():
            Counted.looks += 1
            yield peer

    def keys(self) -> Any:
        """The views look at all."""
        return [*self]

    def items(self) -> Any:
        return [(peer, self[peer]) for peer in self]


class CountedHosts(list[list[str]]):
    """The same for hosts."""

    def __getitem__(self, place: Any) -> Any:
        Counted.looks += 1
        return super().__getitem__(place)

    def copy(self) -> Any:
        Counted.looks += len(self)
        return super().copy()


@pytest.mark.parametrize("whole", [0, 1, 2500])
def test_a_location_costs_the_same_however_many_hold_the_file(whole: int) -> None:
    """Only those that are named, and those that cover, are looked at: not thousands."""
    holders = Holders(64)
    random = Random(1)
    for number in range(5000):
        chunks = range(64) if number < whole else random.sample(range(64), 20)
        holders.add(f"p{number}", ChunkSet.of(64, chunks).to_bitfield())
    holders.select(64, 1000, random)
    for roster in (holders._whole, holders._partial):
        assert roster is not None
        roster.bitfields = Counted(roster.bitfields)
        if roster._turns is not None:
            roster._turns._peers = CountedHosts(roster._turns._peers)
    Counted.looks = 0
    for _ in range(10):
        assert len(holders.select(64, 1000, random)) == 64
    assert 0 < Counted.looks / 10 < 1000


def test_a_large_cover_is_made_anew_when_all_have_changed() -> None:
    """Those that were first with a chunk do not stay the cover when others have many."""
    cover, partial = Cover(), Roster()

    def has(peer: str, chunks: Iterable[int]) -> None:
        bitfield = ChunkSet.of(100, chunks).to_bitfield()
        partial.put(peer, bitfield)
        cover.gained(peer, bitfield)

    for number in range(100):
        has(f"p{number}", [number])
    assert len(cover.members(partial)) == 100
    for number in range(100):
        has(f"p{number}", range(number // 4, 99 - number // 4))
    has("last", [99])
    assert len(cover.members(partial)) < 5
    assert covered(100, (partial.bitfields[p] for p in cover.members(partial))) == set(range(100))
