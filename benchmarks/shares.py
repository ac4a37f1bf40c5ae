"""Shares put on a peer's record before it starts, without the peer having to publish them.

So one file can be shared in chunks of a size that no publisher would choose, and
by several peers, and files can be shared that nobody has hashed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from p2pfs.chunks import FileInfo, HashList
from p2pfs.hashing import DEFAULT_HASH, DIGEST_SIZE, Hash
from p2pfs.peer.library import Holding
from p2pfs.peer.library.database import Database, row
from p2pfs.peer.peer import STATE_FILE
from p2pfs.peer.storage import Disk, Stamp

_BLOCK = 1 << 20


def hashed_share(name: str, path: Path, chunksize: int, function: Hash = DEFAULT_HASH) -> Holding:
    """The share of a file cut into chunks of ``chunksize`` bytes, hashed by ``function``."""
    size = path.stat().st_size
    total = -(-size // chunksize)
    digests = bytearray()
    with path.open("rb") as file:
        for _ in range(total):
            digest, left = function.hasher(), chunksize
            while left and (block := file.read(min(_BLOCK, left))):
                digest.update(block)
                left -= len(block)
            digests += digest.digest()
    return _share(name, path, chunksize, HashList(total, bytes(digests), function))


def made_up_share(name: str, path: Path) -> Holding:
    """The share of a file whose digests are just invented.

    A peer trusts its record as long as the file bears the stamp in it, so the
    invention stays unnoticed until somebody fetches the file.
    """
    size = path.stat().st_size
    info = FileInfo.of_size(size)
    digests = os.urandom(info.totalchunknum * DIGEST_SIZE)
    return _share(name, path, info.chunksize, HashList(info.totalchunknum, digests, DEFAULT_HASH))


def put_on_record(state: Path, shares: Iterable[Holding]) -> None:
    """Write shares into the state file of a peer that is not running."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(Disk(), state / STATE_FILE)
    try:
        database.write([row(share) for share in shares], [])
    finally:
        database.close()


def _share(name: str, path: Path, chunksize: int, hashes: HashList) -> Holding:
    stamp = Stamp.of(path.stat())
    info = FileInfo(stamp.size, -(-stamp.size // chunksize), chunksize).with_root_of(hashes)
    return Holding.published(name, info, hashes, path, stamp)
