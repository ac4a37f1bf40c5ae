"""Plain hashing: as many threads as there are cores, in one process, and nothing else."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from benchmarks.processes import obey
from p2pfs.hashing import Hash

BLOCK = 1 << 20


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0))


def digest_list(path: str, name: str) -> str:
    """The digest over those of a file's blocks, each thread taking every n-th of them."""
    function = Hash(name)
    file = os.open(path, os.O_RDONLY)
    try:
        size, threads = os.fstat(file).st_size, cores()
        digests: dict[int, bytes] = {}

        def work(first: int) -> None:
            buffer = memoryview(bytearray(BLOCK))
            for start in range(first * BLOCK, size, threads * BLOCK):
                length = os.preadv(file, [buffer], start)
                digests[start] = function.digest(buffer[:length])

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
    finally:
        os.close(file)
    return function.digest(b"".join(digests[start] for start in sorted(digests))).hex()


if __name__ == "__main__":
    obey({"hash": digest_list})
