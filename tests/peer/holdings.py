"""Files that a peer holds, made for a test."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random

from p2pfs.chunks import FileInfo, HashList
from p2pfs.peer.library import Holding
from p2pfs.peer.storage import Stamp


def content(size: int, seed: int = 1) -> bytes:
    """Bytes that look random, line ends among them, and are the same every time."""
    return Random(seed).randbytes(size)


def described(data: bytes, chunksize: int) -> tuple[FileInfo, HashList]:
    """What the network knows of a file with these bytes."""
    chunks = [data[start : start + chunksize] for start in range(0, len(data), chunksize)]
    hashes = HashList(len(chunks), b"".join(hashlib.sha256(chunk).digest() for chunk in chunks))
    return FileInfo(len(data), len(chunks), chunksize, hashes.root), hashes


def shared(path: Path, data: bytes, chunksize: int, name: str = "f") -> Holding:
    """Write a file and share it."""
    path.write_bytes(data)
    info, hashes = described(data, chunksize)
    return Holding.published(name, info, hashes, path, Stamp.of(os.stat(path)))
