"""The files of the scenes, and what is known of them."""

from __future__ import annotations

import hashlib
from random import Random

from p2pfs.chunks import FileInfo, HashList

CHUNK_SIZE = 300

DATA = bytes(n for n in Random(1).randbytes(1600) if n != 0x1E)[:1450]
"""Five chunks, the last one shorter; no byte of it separates the steps of a script."""

CHUNKS = [DATA[start : start + CHUNK_SIZE] for start in range(0, len(DATA), CHUNK_SIZE)]


def described(chunks: list[bytes]) -> tuple[FileInfo, HashList]:
    """What the network knows of a file with these chunks."""
    hashes = HashList(len(chunks), b"".join(hashlib.sha256(chunk).digest() for chunk in chunks))
    return FileInfo(sum(map(len, chunks)), len(chunks), CHUNK_SIZE, hashes.root), hashes


INFO, HASHES = described(CHUNKS)
