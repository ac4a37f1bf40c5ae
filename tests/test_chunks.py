"""Chunk arithmetic, hash lists and sets of chunks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.chunks import (
    MAX_CHUNK_SIZE,
    MAX_CHUNKS,
    MIB,
    ChunkSet,
    FileInfo,
    HashList,
    bytes_in,
    parse_digest,
)
from p2pfs.errors import InvalidFileInfo
from p2pfs.hashing import Hash

ROOT = "ab" * 32


@st.composite
def chunk_sets(draw: Any, largest: int = 40) -> tuple[int, set[int]]:
    """How many chunks a file has, and some of them."""
    total = draw(st.integers(0, largest))
    return total, draw(st.sets(st.integers(0, total - 1))) if total else set()


# FileInfo


@pytest.mark.parametrize(
    ("size", "chunks", "chunksize"),
    [
        (0, 0, MIB),
        (1, 1, MIB),
        (MIB, 1, MIB),
        (MIB + 1, 2, MIB),
        (MIB * MAX_CHUNKS, MAX_CHUNKS, MIB),
        (MIB * MAX_CHUNKS + 1, MAX_CHUNKS // 2 + 1, 2 * MIB),
    ],
)
def test_a_publisher_doubles_the_chunk_size_until_the_chunks_are_few(
    size: int, chunks: int, chunksize: int
) -> None:
    """The chunk size is 1 MiB up to exactly 65,536 chunks, and then the least power that fits."""
    assert FileInfo.of_size(size) == FileInfo(size, chunks, chunksize)


@pytest.mark.parametrize(
    "numbers",
    [
        (-1, 0, 1),
        (1 << 63, 1 << 33, 1 << 30),
        (10, 2, 10),
        (10, 0, 10),
        (10, 3, 5),
        (1, 1, 0),
        (1, 1, -1),
        (1, 1, MAX_CHUNK_SIZE + 1),
        (MAX_CHUNKS + 1, MAX_CHUNKS + 1, 1),
    ],
)
def test_contradicting_numbers_make_no_fileinfo(numbers: tuple[int, int, int]) -> None:
    """Sizes out of range, a wrong number of chunks and too many chunks are refused."""
    with pytest.raises(ValueError, match=r"filesize|chunk"):
        FileInfo(*numbers)


def test_limits_themselves_are_allowed() -> None:
    """The largest chunk size and number of chunks are within the limits."""
    assert FileInfo(MAX_CHUNKS, MAX_CHUNKS, 1).length(MAX_CHUNKS - 1) == 1
    assert FileInfo(1, 1, MAX_CHUNK_SIZE).length(0) == 1


def test_the_root_has_one_spelling() -> None:
    """The same root in upper case is the same content, and no root is not some root."""
    upper = FileInfo(1, 1, root=ROOT.upper())
    assert upper == FileInfo(1, 1, root=ROOT)
    assert upper != FileInfo(1, 1)


@pytest.mark.parametrize("root", ["", "ab", "zz" * 32, "ab" * 33, "\u0661" * 64])
def test_what_is_no_digest_is_no_root(root: str) -> None:
    """A root is 64 hexadecimal digits."""
    with pytest.raises(ValueError, match="root"):
        FileInfo(1, 1, root=root)


def test_another_hash_is_another_content() -> None:
    """Its root is of another kind, even if it were the same."""
    info = FileInfo(1, 1, root=ROOT, hash="blake3")
    assert info != FileInfo(1, 1, root=ROOT)
    assert (info.function, FileInfo(1, 1).function) == (Hash.BLAKE3, Hash.SHA256)
    assert info.hash_list().function is Hash.BLAKE3
    assert info.hasher().digest() == Hash.BLAKE3.digest(b"")


@pytest.mark.parametrize("name", ["sha256", "md5", ""])
def test_what_is_no_hash_makes_no_fileinfo(name: str) -> None:
    """One hash is named, and the other one never."""
    with pytest.raises(ValueError, match="hash is not 'blake3'"):
        FileInfo(1, 1, root=ROOT, hash=name)


def test_a_hash_is_of_no_use_without_a_root() -> None:
    """A chunk can be checked against the digest that comes along with it alone: SHA-256."""
    with pytest.raises(ValueError, match="hash is without a root"):
        FileInfo(1, 1, hash="blake3")


@given(st.integers(1, 500), st.integers(1, 60))
def test_chunks_cover_the_file_without_gap_or_overlap(filesize: int, chunksize: int) -> None:
    """Each chunk begins where the one before ends, and the last ends with the file."""
    info = FileInfo(filesize, -(-filesize // chunksize), chunksize)
    spans = [(info.offset(n), info.offset(n) + info.length(n)) for n in range(info.totalchunknum)]
    assert spans[0][0] == 0
    assert spans[-1][1] == filesize
    assert all(a[1] == b[0] and a[0] < a[1] <= a[0] + chunksize for a, b in pairwise(spans))


@pytest.mark.parametrize("chunknum", [-1, 3, 1 << 80])
def test_a_chunk_outside_the_file_has_no_length(chunknum: int) -> None:
    """Numbers from the network are checked where they are used."""
    with pytest.raises(InvalidFileInfo, match="no chunk"):
        FileInfo(25, 3, 10).length(chunknum)


@given(chunk_sets(), st.integers(1, 9), st.data())
def test_bytes_in_adds_up_the_lengths(
    chunks: tuple[int, set[int]], chunksize: int, data: Any
) -> None:
    """The short last chunk counts with its own length, also when it is whole or alone."""
    total, numbers = chunks
    last = data.draw(st.integers(1, chunksize))
    info = FileInfo((total - 1) * chunksize + last if total else 0, total, chunksize)
    assert bytes_in(info, ChunkSet.of(total, numbers)) == sum(map(info.length, numbers))


# Digests


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=5), st.sampled_from(Hash))
def test_a_hash_list_keeps_digests_in_order(digests: list[bytes], function: Hash) -> None:
    """The root is the digest of the concatenated digests, however they were filled in."""
    whole = HashList(len(digests), b"".join(digests), function)
    filled = HashList(len(digests), function=function)
    for number, digest in reversed(list(enumerate(digests))):
        filled[number] = digest
    assert bytes(filled) == bytes(whole) == b"".join(digests)
    assert filled.root == function.digest(b"".join(digests)).hex()
    info = FileInfo(len(digests), len(digests), 1).with_root_of(filled)
    assert (info.root, info.function) == (filled.root, function)


def test_unknown_digests_are_none() -> None:
    """A digest not filled in yet is not mistaken for one."""
    hashes = HashList(2)
    hashes[1] = b"x" * 32
    assert (hashes[0], hashes[1]) == (None, b"x" * 32)


@pytest.mark.parametrize("size", [0, 63, 65, 96])
def test_a_hash_list_of_the_wrong_length_is_refused(size: int) -> None:
    """Bytes from elsewhere must be as many as the chunks need."""
    with pytest.raises(InvalidFileInfo, match="has 64 bytes"):
        HashList(2, bytes(size))


def test_parse_digest_takes_only_32_bytes_in_hexadecimal() -> None:
    """Upper case is fine; anything but 64 hexadecimal digits is None."""
    assert parse_digest(ROOT.upper()) == bytes.fromhex(ROOT)
    for wrong in ("", ROOT[:-2], ROOT + "00", "g" * 64, "\u00e9" * 64):
        assert parse_digest(wrong) is None


# ChunkSet


def test_the_most_significant_bit_of_byte_0_is_chunk_0() -> None:
    """The order of bits on the wire is the contract's."""
    assert ChunkSet.of(10, [0, 9]).to_bitfield() == b"\x80\x40"
    assert list(ChunkSet.from_bitfield(10, b"\x01\x80")) == [7, 8]


@pytest.mark.parametrize("bitfield", [b"", b"\0", b"\0\0\0", b"\0\x20", b"\0\x01", b"\xff\xff"])
def test_a_bitfield_of_wrong_length_or_with_spare_bits_is_refused(bitfield: bytes) -> None:
    """Ten chunks take two bytes, and the last six bits are 0."""
    with pytest.raises(InvalidFileInfo, match="bitfield for 10 chunks"):
        ChunkSet.from_bitfield(10, bitfield)


@given(chunk_sets())
def test_a_bitfield_comes_back_as_the_same_set(chunks: tuple[int, set[int]]) -> None:
    """Nothing is lost or moved on the wire."""
    total, numbers = chunks
    held = ChunkSet.of(total, numbers)
    bitfield = held.to_bitfield()
    text = "".join(f"{byte:08b}" for byte in bitfield)
    assert {i for i, bit in enumerate(text) if bit == "1"} == numbers
    assert ChunkSet.from_bitfield(total, bitfield) == held


@given(chunk_sets(), st.lists(st.tuples(st.booleans(), st.integers(0, 45)), max_size=30))
def test_a_chunk_set_is_a_set(chunks: tuple[int, set[int]], steps: list[tuple[bool, int]]) -> None:
    """Adding, discarding and asking agree with Python's set, and copies are independent."""
    total, model = chunks
    held = ChunkSet.of(total, model)
    before, copy = set(model), held.copy()
    for add, number in steps:
        if not add:
            held.discard(number)
            model.discard(number)
        elif number < total:
            held.add(number)
            model.add(number)
        else:
            with pytest.raises(InvalidFileInfo):
                held.add(number)
    assert list(held) == sorted(model)
    assert len(held) == len(model)
    assert [n for n in range(-1, 50) if n in held] == sorted(model)
    assert held.whole == (model == set(range(total)))
    assert set(held.missing) == set(range(total)) - model
    assert set(copy) == before


@given(chunk_sets())
def test_ranges_are_the_longest_runs_in_order(chunks: tuple[int, set[int]]) -> None:
    """Runs cover exactly the chunks and never touch each other."""
    total, numbers = chunks
    runs = ChunkSet.of(total, numbers).ranges()
    assert {n for first, last in runs for n in range(first, last + 1)} == numbers
    assert all(a[1] + 1 < b[0] for a, b in pairwise(runs))


def test_str_reads_as_people_write_it() -> None:
    """What a console shows: runs, single chunks, or none."""
    assert str(ChunkSet.of(10, [0, 1, 2, 3, 7])) == "0-3, 7"
    assert str(ChunkSet(10)) == "none"


def test_membership_of_absurd_numbers_is_false() -> None:
    """A chunk number from the network that exceeds every machine word is just not held."""
    held = ChunkSet.full(10)
    assert 10**4000 not in held
    assert -(10**4000) not in held


def test_sets_of_different_files_differ() -> None:
    """The number of chunks belongs to a set's identity; a mutable set is no dictionary key."""
    assert ChunkSet(9) != ChunkSet(10)
    assert ChunkSet.full(3) != {0, 1, 2}
    with pytest.raises(TypeError):
        hash(ChunkSet(1))
