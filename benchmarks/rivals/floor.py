"""The floor: about the least that moving and checking a file in Python can take.

One process sends the whole file with ``sendfile``. The other receives it into a
few buffers that go round between two threads; the second thread takes the
BLAKE3 of each MiB and writes it. There are no requests, no messages and no
records, and nothing is done about errors.
"""

from __future__ import annotations

import os
import queue
import socket
from pathlib import Path
from threading import Thread

from blake3 import blake3

from benchmarks.problems import BenchmarkFailed
from benchmarks.processes import obey
from benchmarks.stage import Stage
from benchmarks.timing import Contender, Sample
from tests.processes.daemons import sha256

BLOCK = 1 << 20
BUFFERS = 8
ALLOCATED = "floor"
ALLOCATING = "floor, allocating"


def contenders(stage: Stage, original: Path) -> list[Contender]:
    """The floor into a file that is allocated already, and with the allocation in its time."""
    source = stage.worker("floor source", __name__)
    downloader = stage.worker("floor downloader", __name__)
    pids = [source.process.pid, downloader.process.pid]
    size = original.stat().st_size
    copy = stage.directory / "floor.copy"
    expected = _hash_list(original)
    port: int = source.ask("serve", str(original))

    def run(allocating: bool) -> Sample:
        if not allocating:
            downloader.ask("allocate", str(copy), size)

        def fetch() -> None:
            if allocating:
                downloader.ask("allocate", str(copy), size)
            if downloader.ask("fetch", port) != expected:
                raise BenchmarkFailed("The floor received something else than was sent.")

        sample = stage.measure(fetch, pids)
        return sample

    def check() -> None:
        if sha256(copy) != sha256(original):
            raise BenchmarkFailed("The floor wrote something else than it received.")

    return [
        Contender(ALLOCATED, lambda: run(False), check),
        Contender(ALLOCATING, lambda: run(True), check),
    ]


def _hash_list(path: Path) -> str:
    digests = blake3()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digests.update(blake3(block).digest())
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

    def allocate(self, path: str, size: int) -> None:
        """Have an empty file of that size ready."""
        if self._file >= 0:
            os.close(self._file)
        Path(path).unlink(missing_ok=True)
        self._file, self._size = os.open(path, os.O_RDWR | os.O_CREAT), size
        os.posix_fallocate(self._file, 0, size)

    def fetch(self, port: int) -> str:
        """Receive the file; the BLAKE3 over the digests of its blocks."""
        free: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
        filled: queue.SimpleQueue[tuple[memoryview, int] | None] = queue.SimpleQueue()
        for buffer in self._buffers:
            free.put(buffer)
        digests = blake3()

        def write() -> None:
            offset = 0
            while (item := filled.get()) is not None:
                buffer, length = item
                data = buffer[:length]
                digests.update(blake3(data).digest())
                offset += os.pwrite(self._file, data, offset)
                free.put(buffer)

        writer = Thread(target=write)
        writer.start()
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                left = self._size
                while left:
                    buffer, got = free.get(), 0
                    length = min(BLOCK, left)
                    while got < length and (more := connection.recv_into(buffer[got:length])):
                        got += more
                    if got < length:
                        raise BenchmarkFailed("The source of the floor hung up.")
                    filled.put((buffer, length))
                    left -= length
        finally:
            filled.put(None)
            writer.join()
        return digests.hexdigest()


if __name__ == "__main__":
    receiver = Receiver()
    obey({"serve": serve, "allocate": receiver.allocate, "fetch": receiver.fetch})
