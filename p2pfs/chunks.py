"""Chunk arithmetic: how a file is cut, which chunks somebody has, and what proves them right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from p2pfs.errors import InvalidFileInfo
from p2pfs.hashing import DIGEST_SIZE, Hash, Hasher

MIB = 1 << 20
DEFAULT_CHUNK_SIZE = MIB
MAX_CHUNKS = 65_536
"""Most chunks a file may have: its hash list (2 MiB) still fits a control line in base64."""
MAX_CHUNK_SIZE = 1 << 30

_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class FileInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the network knows of a file: its size, how it is cut, and the root of its hash list.

    Sizes are in bytes; ``root`` is 64 hexadecimal digits, or None when the
    publisher gave none. ``hash`` is what made it, as `Hash.in_fileinfo` says.
    Construction (and so decoding) raises ValueError when the fields contradict
    each other.
    """

    filesize: int
    totalchunknum: int
    # A factory, unlike a plain default, is written to the wire even when it holds.
    chunksize: int = msgspec.field(default_factory=lambda: DEFAULT_CHUNK_SIZE)
    root: str | None = None
    hash: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.filesize < 1 << 63:
            raise ValueError("filesize is out of range")
        if not 1 <= self.chunksize <= MAX_CHUNK_SIZE:
            raise ValueError(f"chunksize is not between 1 and {MAX_CHUNK_SIZE}")
        if self.totalchunknum != -(-self.filesize // self.chunksize):
            raise ValueError("totalchunknum is not filesize / chunksize, rounded up")
        if self.totalchunknum > MAX_CHUNKS:
            raise ValueError(f"more than {MAX_CHUNKS} chunks; use a larger chunksize")
        if self.root is not None:
            msgspec.structs.force_setattr(self, "root", _check_root(self.root))
        Hash.of_fileinfo(self.hash)
        if self.hash is not None and self.root is None:
            raise ValueError("hash is without a root; give both, or neither")

    @classmethod
    def of_size(cls, filesize: int, smallest_chunk: int = DEFAULT_CHUNK_SIZE) -> FileInfo:
        """How a publisher cuts a file of which nothing but the size is known yet.

        Its chunks have ``smallest_chunk`` bytes, doubled until they are few enough.
        """
        chunksize = smallest_chunk
        while -(-filesize // chunksize) > MAX_CHUNKS:
            chunksize *= 2
        return cls(filesize, -(-filesize // chunksize), chunksize)

    def with_root_of(self, hashes: HashList) -> FileInfo:
        """The same, with the root of its hash list."""
        return msgspec.structs.replace(self, root=hashes.root, hash=hashes.function.in_fileinfo)

    @property
    def function(self) -> Hash:
        """The hash of its chunks, and of their hash list."""
        return Hash.of_fileinfo(self.hash)

    def hasher(self) -> Hasher:
        """What makes the digest of one of its chunks."""
        return self.function.hasher()

    def hash_list(self, digests: bytes | None = None) -> HashList:
        """Its hash list: nothing known, or concatenated 32-byte ``digests``."""
        return HashList(self.totalchunknum, digests, self.function)

    def offset(self, chunknum: int) -> int:
        """Where a chunk begins, in bytes from the start of the file."""
        return chunknum * self.chunksize

    def length(self, chunknum: int) -> int:
        """The length of a chunk in bytes; raises `InvalidFileInfo` when there is no such chunk."""
        if not 0 <= chunknum < self.totalchunknum:
            raise InvalidFileInfo(
                f"There is no chunk {chunknum}: the file has {self.totalchunknum}."
            )
        return min(self.chunksize, self.filesize - self.offset(chunknum))


class HashList:
    """The digests of a file's chunks, in order; digests not known yet are absent.

    A whole list has a *root*, the digest of the concatenated digests by the same hash,
    the ``function``.
    """

    _UNKNOWN = bytes(DIGEST_SIZE)

    def __init__(
        self, total: int, digests: bytes | None = None, function: Hash = Hash.SHA256
    ) -> None:
        """Start a list for ``total`` chunks, empty or from concatenated 32-byte ``digests``."""
        self.function = function
        if digests is not None and len(digests) != total * DIGEST_SIZE:
            raise InvalidFileInfo(
                f"A hash list for {total} chunks has {total * DIGEST_SIZE} bytes, "
                f"not {len(digests)}."
            )
        self._digests = bytearray(total * DIGEST_SIZE if digests is None else digests)

    def __getitem__(self, chunknum: int) -> bytes | None:
        """The 32-byte digest of a chunk, or None while it is unknown."""
        digest = bytes(self._digests[self._place(chunknum)])
        return None if digest == self._UNKNOWN else digest

    def __setitem__(self, chunknum: int, digest: bytes) -> None:
        if len(digest) != DIGEST_SIZE:
            raise InvalidFileInfo(f"A digest has {DIGEST_SIZE} bytes, not {len(digest)}.")
        self._digests[self._place(chunknum)] = digest

    def _place(self, chunknum: int) -> slice:
        start = chunknum * DIGEST_SIZE
        if not 0 <= start < len(self._digests):
            raise InvalidFileInfo(f"There is no chunk {chunknum} in this hash list.")
        return slice(start, start + DIGEST_SIZE)

    def __bytes__(self) -> bytes:
        return bytes(self._digests)

    @property
    def root(self) -> str:
        """The root in hexadecimal; it means something only for a whole list."""
        return self.function.digest(self._digests).hex()


class ChunkSet:
    """A set of the chunks of one file: a bitfield with set operations.

    ``bits`` is an integer whose bit *i* (value ``1 << i``) stands for chunk
    *i*. On the wire the order is the other way round: there the most
    significant bit of byte 0 is chunk 0.
    """

    __slots__ = ("bits", "total")

    def __init__(self, total: int, bits: int = 0) -> None:
        self.total = total
        self.bits = bits

    @classmethod
    def full(cls, total: int) -> ChunkSet:
        """All ``total`` chunks of a file."""
        return cls(total, (1 << total) - 1)

    @classmethod
    def of(cls, total: int, chunknums: Iterable[int]) -> ChunkSet:
        """The given chunks of a file of ``total``; raises `InvalidFileInfo` for one outside it."""
        chunks = cls(total)
        for chunknum in chunknums:
            chunks.add(chunknum)
        return chunks

    @classmethod
    def from_bitfield(cls, total: int, bitfield: bytes) -> ChunkSet:
        """Read the wire's bitfield; raises `InvalidFileInfo` on a wrong length or spare bit."""
        if len(bitfield) != (total + 7) // 8:
            raise InvalidFileInfo(
                f"A bitfield for {total} chunks has {(total + 7) // 8} bytes, not {len(bitfield)}."
            )
        bits = int.from_bytes(bitfield.translate(_REVERSED_BITS), "little")
        if bits >> total:
            raise InvalidFileInfo(f"A bitfield for {total} chunks has a spare bit set.")
        return cls(total, bits)

    def to_bitfield(self) -> bytes:
        """The bitfield as it goes over the wire."""
        return self.bits.to_bytes((self.total + 7) // 8, "little").translate(_REVERSED_BITS)

    def add(self, chunknum: int) -> None:
        """Add one chunk; raises `InvalidFileInfo` when it is outside the file."""
        if not 0 <= chunknum < self.total:
            raise InvalidFileInfo(f"There is no chunk {chunknum}: the file has {self.total}.")
        self.bits |= 1 << chunknum

    def discard(self, chunknum: int) -> None:
        """Take one chunk out, if it is in."""
        self.bits &= ~(1 << chunknum)

    def copy(self) -> ChunkSet:
        """An independent set with the same chunks."""
        return ChunkSet(self.total, self.bits)

    @property
    def whole(self) -> bool:
        """True when every chunk of the file is in."""
        return self.bits == (1 << self.total) - 1

    @property
    def missing(self) -> ChunkSet:
        """The chunks that are not in."""
        return ChunkSet(self.total, ~self.bits & ((1 << self.total) - 1))

    def __contains__(self, chunknum: int) -> bool:
        return chunknum >= 0 and self.bits >> chunknum & 1 == 1

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges():
            yield from range(first, last + 1)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChunkSet):
            return NotImplemented
        return (self.total, self.bits) == (other.total, other.bits)

    __hash__ = None  # type: ignore[assignment]  # a mutable set must not be a dictionary key

    def ranges(self) -> list[tuple[int, int]]:
        """The chunks as runs ``(first, last)``, both included, in order."""
        runs = []
        rest, base = self.bits, 0
        while rest:
            skip = (rest & -rest).bit_length() - 1
            rest >>= skip
            run = (~rest & (rest + 1)).bit_length() - 1
            runs.append((base + skip, base + skip + run - 1))
            rest >>= run
            base += skip + run
        return runs

    def __str__(self) -> str:
        """The runs as people write them: ``0-3, 7``."""
        return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in self.ranges()) or "none"


def bytes_in(info: FileInfo, chunks: ChunkSet) -> int:
    """How many bytes of a file the given chunks are."""
    size = len(chunks) * info.chunksize
    last = info.totalchunknum - 1
    return size - (info.chunksize - info.length(last) if last in chunks else 0)


def parse_digest(text: str) -> bytes | None:
    """The 32 bytes of a digest in hexadecimal, or None when it is not one."""
    if len(text) != 2 * DIGEST_SIZE:
        return None
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        return None
    # Python's reader skips spaces; the wire has none.
    return digest if len(digest) == DIGEST_SIZE else None


def _check_root(root: str) -> str:
    digest = parse_digest(root)
    if digest is None:
        raise ValueError("root is not a digest of 32 bytes in hexadecimal")
    return digest.hex()
