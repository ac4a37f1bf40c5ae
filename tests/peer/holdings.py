"""Files that a peer holds, made for a test."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from p2pfs.chunks import FileInfo, HashList
from p2pfs.hashing import Hash
from p2pfs.peer.library import Holding
from p2pfs.peer.storage import Stamp


def content(size: int, seed: int = 1) -> bytes:
    """Bytes that look random, line ends among them, and are the same every time."""
    return Random(seed).randbytes(size)


def described(
    data: bytes, chunksize: int, function: Hash = Hash.SHA256
) -> tuple[FileInfo, HashList]:
    """What the network knows of a file with these bytes."""
    chunks = [data[start : start + chunksize] for start in range(0, len(data), chunksize)]
    digests = b"".join(function.digest(chunk) for chunk in chunks)
    hashes = HashList(len(chunks), digests, function)
    return FileInfo(len(data), len(chunks), chunksize).with_root_of(hashes), hashes


def shared(
    path: Path, data: bytes, chunksize: int, name: str = "f", function: Hash = Hash.SHA256
) -> Holding:
    """Write a file and share it."""
    path.write_bytes(data)
    info, hashes = described(data, chunksize, function)
    return Holding.published(name, info, hashes, path, Stamp.of(os.stat(path)))
