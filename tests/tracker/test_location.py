"""Which holders a location names when there are many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pfs.chunks import MAX_CHUNKS, ChunkSet, FileInfo
from p2pfs.tracker.directory import SELECTION, Directory
from p2pfs.tracker.holders import Cover, Holders, Roster
from p2pfs.tracker.host_turns import HostTurns
from p2pfs.wire import messages as m
from tests.tracker.tracker_connections import INFO, MemoryTracker

ROOM = 1 << 22


def crowd(total: int, held: dict[str, set[int]]) -> Directory:
    """A directory in which peers hold these chunks of the file f."""
    directory = Directory()
    info = FileInfo(total, total, 1)
    for peer, chunks in held.items():
        directory.join(peer)
        bitfield = ChunkSet.of(total, chunks).to_bitfield()
        directory.add_chunks(peer, "f", info, None, bitfield)
    return directory


def covered(total: int, bitfields: Iterable[bytes]) -> set[int]:
    """The chunks that are in any of these."""
    return {chunk for b in bitfields for chunk in ChunkSet.from_bitfield(total, b)}


def line_length(chunkinfo: dict[str, bytes]) -> int:
    """How much of a line the holders take."""
    return len(m.encode(m.ReplyFileLocation("f", FileInfo(1, 1), chunkinfo)))


@pytest.mark.parametrize("whole", [0, 1, 3, 500])
def test_many_holders_give_a_bounded_selection(whole: int) -> None:
    """Another one each time; how many there are in all is said; whole copies are among them."""
    held = {f"w{n}:1": set(range(50)) for n in range(whole)}
    held |= {f"p{n}:1": {n % 50, n % 7} for n in range(900)}
    directory = crowd(50, held)
    seen: set[str] = set()
    for seed in range(50):
        located = directory.locate("f", ROOM, Random(seed))
        assert len(located.chunkinfo) == SELECTION
        assert located.holders == 900 + whole
        assert covered(50, located.chunkinfo.values()) == set(range(50))
        for peer, bitfield in located.chunkinfo.items():
            assert set(ChunkSet.from_bitfield(50, bitfield)) == held[peer]
        seen |= located.chunkinfo.keys()
    assert len(seen) > 700
    assert not whole or any(peer.startswith("w") for peer in seen)


def test_hosts_share_the_places_of_a_location() -> None:
    """However many peers a host has: the few of the others are all named, the rest are drawn."""
    directory, everything = Directory(), ChunkSet.full(8).to_bitfield()
    info = FileInfo(8, 8, 1)
    for host, peers in {"crowded": 3_000, "busy": 1_000, "b": 3, "c": 1, "d": 1}.items():
        for number in range(peers):
            directory.join(f"{host}:{number}", host)
            directory.add_chunks(f"{host}:{number}", "f", info, None, everything)
    for seed in range(20):
        named = directory.locate("f", ROOM, Random(seed)).chunkinfo
        counts = Counter(peer.partition(":")[0] for peer in named)
        assert counts in (
            {"crowded": 30, "busy": 29, "b": 3, "c": 1, "d": 1},
            {"crowded": 29, "busy": 30, "b": 3, "c": 1, "d": 1},
        )


def test_one_host_alone_has_all_the_places() -> None:
    """What nobody else wants is not left lying."""
    directory, info = Directory(), FileInfo(8, 8, 1)
    for number in range(1_000):
        directory.join(f"a:{number}", "a")
        directory.publish(f"a:{number}", "f", info)
    seen: set[str] = set()
    for seed in range(50):
        named = directory.locate("f", ROOM, Random(seed)).chunkinfo
        assert len(named) == SELECTION
        seen |= named.keys()
    assert len(seen) > 900


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.booleans()), max_size=80),
    st.integers(1, 12),
    st.integers(0, 3),
)
def test_turns_are_fair_whoever_comes_and_goes(
    changes: list[tuple[int, int, bool]], count: int, seed: int
) -> None:
    """Nobody twice, nobody who is out, and no host two more than one that has more to give."""
    turns, there = HostTurns(), dict[tuple[str, str], None]()
    for number, peer, comes in changes:
        entry = f"h{number}", f"h{number}:{peer}"
        if comes and entry not in there:
            turns.add(*entry)
            there[entry] = None
        elif not comes and entry in there:
            turns.remove(*entry)
            del there[entry]
    out = {f"h{n}:0" for n in range(3)}
    able = {peer: host for host, peer in there if peer not in out}
    drawn = turns.draw(count, Random(seed), out)
    assert len(drawn) == len(set(drawn)) == min(count, len(able))
    assert set(drawn) <= able.keys()
    counts, totals = Counter(able[peer] for peer in drawn), Counter(able.values())
    for host, total in totals.items():
        assert counts[host] == total or counts[host] + 1 >= max(counts.values())


def test_the_only_holder_of_a_chunk_is_always_named() -> None:
    """Among thousands, as long as no whole copy has the chunk too."""
    held = {f"p{n}:1": {n % 6} for n in range(2000)} | {"rare:1": {6}, "rarer:1": {7, 1}}
    directory = crowd(8, held)
    for seed in range(20):
        assert {"rare:1", "rarer:1"} <= directory.locate("f", ROOM, Random(seed)).chunkinfo.keys()


def test_more_are_named_when_it_takes_more_to_cover_all() -> None:
    """Of two hundred that each hold another chunk, none can be left out."""
    directory = crowd(200, {f"p{n}:1": {n} for n in range(200)} | {"x:1": {0}})
    located = directory.locate("f", ROOM, Random(1))
    assert covered(200, located.chunkinfo.values()) == set(range(200))
    assert located.holders in (None, 201)


def test_long_bitfields_make_a_smaller_selection() -> None:
    """A request of a few bytes is not answered with megabytes."""
    directory = Directory()
    info = FileInfo(MAX_CHUNKS, MAX_CHUNKS, 1)
    for number in range(100):
        directory.join(f"p{number}:1")
        directory.publish(f"p{number}:1", "f", info)
    located = directory.locate("f", ROOM, Random(1))
    assert located.holders == 100
    assert 8 <= len(located.chunkinfo) < 30


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(1, 99).map(str), st.sets(st.integers(0, 99)), max_size=30),
    st.integers(0, 12_000),
)
def test_a_location_fits_its_room(held: dict[str, set[int]], room: int) -> None:
    """However little there is, and nobody is named who holds nothing."""
    held = {peer: chunks for peer, chunks in held.items() if chunks}
    if not held:
        return
    located = crowd(100, held).locate("f", room, Random(1))
    found = {p: set(ChunkSet.from_bitfield(100, b)) for p, b in located.chunkinfo.items()}
    assert found.items() <= held.items()
    assert line_length(located.chunkinfo) <= room + line_length({})
    assert (located.holders is None) == (len(found) == len(held))


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


def test_the_reply_says_how_many_hold_it_only_when_not_all_are_named() -> None:
    """The field is absent in a reply that is complete."""
    tracker = MemoryTracker()
    for number in range(SELECTION + 1):
        peer = tracker.join(port=number + 1)
        (reply,) = peer.ask(type="REQUEST_PUBLISH", filename="f", fileinfo=INFO)
        (reply,) = peer.ask(type="REQUEST_FILE_LOCATION", filename="f")
        assert len(reply["chunkinfo"]) == min(number + 1, SELECTION)
        assert reply.get("holders") == (SELECTION + 1 if number == SELECTION else None)
        assert ("holders" in reply) == (number == SELECTION)
