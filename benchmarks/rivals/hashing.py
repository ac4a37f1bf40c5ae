"""Plain hashing: as many threads as there are cores, in one process, and nothing else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from blake3 import blake3

from benchmarks.processes import obey

BLOCK = 1 << 20

HASHES: Mapping[str, Callable[[memoryview | bytes], Any]] = {
    "blake3": blake3,
    "sha256": hashlib.sha256,
}
"""Those that p2pfs has, by the names that it has for them."""


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0))


def digest_list(path: str, name: str) -> str:
    """The digest over those of a file's blocks, each thread taking every n-th of them."""
    make = HASHES[name]
    file = os.open(path, os.O_RDONLY)
    try:
        size, threads = os.fstat(file).st_size, cores()
        digests: dict[int, bytes] = {}

        def work(first: int) -> None:
            buffer = memoryview(bytearray(BLOCK))
            for start in range(first * BLOCK, size, threads * BLOCK):
                length = os.preadv(file, [buffer], start)
                digests[start] = make(buffer[:length]).digest()

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
    finally:
        os.close(file)
    root: str = make(b"".join(digests[start] for start in sorted(digests))).hexdigest()
    return root


if __name__ == "__main__":
    obey({"hash": digest_list})
