"""The floor: what the links carry when all are full from beginning to end.

Every host has the file already and sends it to some others, each of which takes blocks of
it from as many. So every link is shared in both directions all the time, as in a
crowd, but nobody has to wait for anybody, to choose, or to say anything: what is left is
what TCP takes, for its headers, its acknowledgements, and to find its rates.
"""

from __future__ import annotations

import os
import queue
import socket
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from benchmarks.crowd.links.race import Fetch, OnPart, Scene
from benchmarks.crowd.links.workers import workers
from benchmarks.problems import BenchmarkFailed
from benchmarks.processes import Worker, obey

NAME = "floor"
PORT = 6882
WAYS = 3
"""From how many each host takes, and to how many it sends, at the same time."""
BLOCK = 1 << 15
"""Bytes that are asked for at once; small, so that nobody ends with a long one from a slow line."""
AHEAD = 2
"""Blocks that are asked for of each before they come; with more, packets get lost in the queues of
the network, and the last finisher takes 1.1 to 1.2 times as long as the first."""

_REQUEST = struct.Struct("!QQ")
"""For a block: where it begins, and how long it is."""


@contextmanager
def floor(scene: Scene) -> Iterator[Sequence[Fetch]]:
    """Hosts in a ring, each of which takes from the next ones."""
    with workers(scene, __name__) as started:
        for worker in started.values():
            worker.ask("serve", str(scene.original))
        hosts = list(started)
        yield [_fetch(scene, hosts, started[host], host) for host in scene.downloaders]


def _fetch(scene: Scene, hosts: Sequence[int], worker: Worker, host: int) -> Fetch:
    ways = min(WAYS, len(hosts) - 1)
    others = [hosts[(hosts.index(host) + step) % len(hosts)] for step in range(1, ways + 1)]
    addresses = [scene.lab.address(other) for other in others]

    def fetch(on_part: OnPart) -> None:
        worker.ask("fetch", str(scene.copy(host)), scene.original.stat().st_size, addresses)

    return fetch


def serve(path: str) -> None:
    """Send blocks of a file to everyone who asks for them."""
    server = socket.create_server(("0.0.0.0", PORT))
    file = os.open(path, os.O_RDONLY)

    def answer(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as asked:
            while request := asked.read(_REQUEST.size):
                offset, left = _REQUEST.unpack(request)
                while left:
                    sent = os.sendfile(connection.fileno(), file, offset, left)
                    offset, left = offset + sent, left - sent

    def accept() -> None:
        while True:
            Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    Thread(target=accept, daemon=True).start()


def fetch(path: str, size: int, addresses: list[str]) -> None:
    """Receive a file from several addresses, from each as much as comes."""
    blocks: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    for offset in range(0, size, BLOCK):
        blocks.put((offset, min(BLOCK, size - offset)))
    with Path(path).open("wb") as file, ThreadPoolExecutor(len(addresses)) as pool:
        tasks = [pool.submit(_receive, file.fileno(), address, blocks) for address in addresses]
        for task in tasks:
            task.result()


def _receive(file: int, address: str, blocks: queue.SimpleQueue[tuple[int, int]]) -> None:
    """Ask for some blocks ahead, so that the line is never idle, until there are none left."""
    asked: deque[tuple[int, int]] = deque()
    with (
        socket.create_connection((address, PORT)) as connection,
        connection.makefile("rb") as answers,
    ):
        while True:
            with suppress(queue.Empty):
                while len(asked) < AHEAD:
                    asked.append(blocks.get_nowait())
                    connection.sendall(_REQUEST.pack(*asked[-1]))
            if not asked:
                return
            offset, length = asked.popleft()
            data = answers.read(length)
            if len(data) < length:
                raise BenchmarkFailed(f"{address} hung up.")
            os.pwrite(file, data, offset)


if __name__ == "__main__":
    obey({"serve": serve, "fetch": fetch})
