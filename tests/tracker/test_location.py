"""Which holders a location names when there are many."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pfs.chunks import MAX_CHUNKS, ChunkSet, FileInfo
from p2pfs.tracker.directory import SELECTION, Directory
from p2pfs.wire import messages as m
from tests.tracker.tracker_connections import INFO, MemoryTracker, covered

ROOM = 1 << 22


def crowd(total: int, held: dict[str, set[int]]) -> Directory:
    """A directory in which peers hold these chunks of the file f."""
    directory = Directory()
    info = FileInfo(total, total, 1)
    for peer, chunks in held.items():
        directory.join(peer)
        bitfield = ChunkSet.of(total, chunks).to_bitfield()
        directory.add_chunks(peer, "f", info, None, bitfield, 0.0)
    return directory


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
            directory.add_chunks(f"{host}:{number}", "f", info, None, everything, 0.0)
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
        directory.publish(f"a:{number}", "f", info, 0.0)
    seen: set[str] = set()
    for seed in range(50):
        named = directory.locate("f", ROOM, Random(seed)).chunkinfo
        assert len(named) == SELECTION
        seen |= named.keys()
    assert len(seen) > 900


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
        directory.publish(f"p{number}:1", "f", info, 0.0)
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
