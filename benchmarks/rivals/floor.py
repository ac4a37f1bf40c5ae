"""The floors: about the least that moving and checking a file in Python can take.

One process sends the whole file with ``sendfile``, the other receives, hashes and writes it.
There are no requests, no messages and no records, and nothing is done about errors.

- By one thread: each MiB is received, hashed and written while it is in the processor's cache.
  The file grows as it is written. That is the least, with SHA-256 and with BLAKE3.
- By two: one receives into a few buffers that go round, the other takes the SHA-256 of each MiB
  and writes it, to a file that is allocated before or within its time. It uses a second core,
  and what it hands over has left the cache of the first.
"""

from __future__ import annotations

import hashlib
import os
import queue
import socket
from pathlib import Path
from threading import Thread

from benchmarks.problems import BenchmarkFailed
from benchmarks.processes import obey
from benchmarks.stage import Stage
from benchmarks.timing import Contender, Sample
from p2pfs.hashing import Hash
from tests.processes.daemons import sha256

BLOCK = 1 << 20
BUFFERS = 8

FLOOR = "floor"
FLOOR_BLAKE3 = "floor, BLAKE3"
TWO_THREADS = "two threads"
ALLOCATING = "two threads, allocating"


def contenders(stage: Stage, original: Path) -> list[Contender]:
    """Every floor."""
    source = stage.worker("floor source", __name__)
    downloader = stage.worker("floor downloader", __name__)
    pids = [source.process.pid, downloader.process.pid]
    size = original.stat().st_size
    copy = stage.directory / "floor.copy"
    expected = {each.value: _hash_list(original, each) for each in Hash}
    port: int = source.ask("serve", str(original))

    def run(way: str, hash_name: str, prepare: str, within: bool = False) -> Sample:
        if not within:
            downloader.ask(prepare, str(copy), size)

        def fetch() -> None:
            if within:
                downloader.ask(prepare, str(copy), size)
            if downloader.ask(way, port, hash_name) != expected[hash_name]:
                raise BenchmarkFailed("The floor received something else than was sent.")

        return stage.measure(fetch, pids)

    def check() -> None:
        if sha256(copy) != sha256(original):
            raise BenchmarkFailed("The floor wrote something else than it received.")

    return [
        Contender(FLOOR, lambda: run("by_one", "sha256", "create"), check),
        Contender(FLOOR_BLAKE3, lambda: run("by_one", "blake3", "create"), check),
        Contender(TWO_THREADS, lambda: run("by_two", "sha256", "allocate"), check),
        Contender(ALLOCATING, lambda: run("by_two", "sha256", "allocate", within=True), check),
    ]


def _hash_list(path: Path, hash_: Hash) -> str:
    digests = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digests.update(hash_.digest(block))
    return digests.hexdigest()


def serve(path: str) -> int:
    """Send a file to everyone who connects; the port to connect to."""
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        file = os.open(path, os.O_RDONLY)
        size = os.fstat(file).st_size
        while True:
            connection = server.accept()[0]
            with connection:
                sent = 0
                while sent < size:
                    sent += os.sendfile(connection.fileno(), file, sent, min(BLOCK, size - sent))

    Thread(target=accept, daemon=True).start()
    return int(server.getsockname()[1])


class Receiver:
    """The other side."""

    def __init__(self) -> None:
        self._file = -1
        self._size = 0
        self._buffers = [memoryview(bytearray(BLOCK)) for _ in range(BUFFERS)]

    def create(self, path: str, size: int) -> None:
        """Have an empty file of that size ready, which takes no room yet."""
        if self._file >= 0:
            os.close(self._file)
        Path(path).unlink(missing_ok=True)
        self._file, self._size = os.open(path, os.O_RDWR | os.O_CREAT), size
        os.ftruncate(self._file, size)

    def allocate(self, path: str, size: int) -> None:
        """Have an empty file of that size ready, and its room taken."""
        self.create(path, size)
        os.posix_fallocate(self._file, 0, size)

    def by_one(self, port: int, hash_name: str) -> str:
        """Receive the file with one thread; the SHA-256 over the digests of its blocks."""
        digests, hash_ = hashlib.sha256(), Hash(hash_name)
        buffer, offset = self._buffers[0], 0
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while offset < self._size:
                data = _receive(connection, buffer[: self._size - offset])
                digests.update(hash_.digest(data))
                offset += os.pwrite(self._file, data, offset)
        return digests.hexdigest()

    def by_two(self, port: int, hash_name: str) -> str:
        """The same with two threads."""
        free: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
        filled: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        for buffer in self._buffers:
            free.put(buffer)
        digests, hash_ = hashlib.sha256(), Hash(hash_name)

        def write() -> None:
            offset = 0
            while (data := filled.get()) is not None:
                digests.update(hash_.digest(data))
                offset += os.pwrite(self._file, data, offset)
                free.put(data)

        writer = Thread(target=write)
        writer.start()
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                left = self._size
                while left:
                    data = _receive(connection, free.get()[:left])
                    filled.put(data)
                    left -= len(data)
        finally:
            filled.put(None)
            writer.join()
        return digests.hexdigest()


def _receive(connection: socket.socket, buffer: memoryview) -> memoryview:
    """Fill a buffer, and return it."""
    got = 0
    while got < len(buffer) and (more := connection.recv_into(buffer[got:])):
        got += more
    if got < len(buffer):
        raise BenchmarkFailed("The source of the floor hung up.")
    return buffer


if __name__ == "__main__":
    receiver = Receiver()
    obey(
        {
            "serve": serve,
            "create": receiver.create,
            "allocate": receiver.allocate,
            "by_one": receiver.by_one,
            "by_two": receiver.by_two,
        }
    )
