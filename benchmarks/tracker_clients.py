"""The worker with thousands of peers of one tracker, as cheap for itself as can be.

Of the files, each peer holds five whole and five in part that all of them hold,
and ten whole that a few hold. What is sent is prepared, and of what comes only
the ends of the lines are looked at, so that the tracker is what is measured.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from random import Random
from typing import Any

from benchmarks.problems import BenchmarkFailed
from benchmarks.processes import obey
from p2pfs.chunks import MIB, ChunkSet, FileInfo
from p2pfs.wire import messages as m

CHUNKS = 256
INFO = FileInfo(CHUNKS * MIB, CHUNKS, MIB, "ab" * 32)
WHOLE = [f"models/current/whole-{number}.bin" for number in range(5)]
PARTS = [f"models/current/part-{number}.bin" for number in range(5)]
OTHERS = [f"models/others/{number:03}.bin" for number in range(500)]
WINDOW = 256
"""Locations that are asked and not answered yet, when as much is asked as is answered."""


class Clients:
    """The connections of all peers."""

    def __init__(self) -> None:
        self._random = Random(1)
        self._sockets: list[socket.socket] = []
        self._by_number: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        self._registrations = [
            m.encode(_registration(name, ChunkSet.of(CHUNKS, [number])))
            for name in PARTS
            for number in range(CHUNKS)
        ]
        self._locations = [
            m.encode(m.RequestFileLocation(name)) for name in WHOLE + PARTS + OTHERS[:10]
        ]

    def join(self, port: int, peers: int) -> None:
        """Connect and register every peer, and say what it holds."""
        for number in range(peers):
            host = f"127.1.{number >> 8 & 255}.{number & 255}"
            peer = socket.create_connection(("127.0.0.1", port), source_address=(host, 0))
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            whole = WHOLE + [OTHERS[(10 * number + at) % len(OTHERS)] for at in range(10)]
            said: list[m.Message] = [m.RequestRegister(":6881")]
            said += [m.RequestPublish(name, INFO) for name in whole]
            for name in PARTS:
                said.append(_registration(name, ChunkSet(CHUNKS, self._random.getrandbits(CHUNKS))))
            said.append(m.RequestFileList("no such name"))
            peer.sendall(b"".join(map(m.encode, said)))
            answers = b""
            while not answers.endswith(b'"more":false}\n'):
                answers += peer.recv(1 << 16)
            if b"ERROR" in answers or b'"result":false' in answers:
                raise BenchmarkFailed("The tracker refused a peer.")
            self._sockets.append(peer)
            self._by_number[peer.fileno()] = peer
            self._poll.register(peer, select.EPOLLIN)

    def saturate(self, registrations: int, seconds: float) -> dict[str, Any]:
        """Ask as much as is answered: that many registrations before each location."""
        turn = self._turn()
        sent, waiting = 0, 0
        began = time.perf_counter()
        end = began + seconds
        while waiting or time.perf_counter() < end:
            asking = time.perf_counter() < end
            while asking and waiting < WINDOW:
                for _ in range(registrations):
                    next(turn).sendall(self._random.choice(self._registrations))
                next(turn).sendall(self._random.choice(self._locations))
                waiting += 1
                sent += registrations + 1
            waiting -= len(self._answered(1.0))
        return {"requests": sent, "seconds": time.perf_counter() - began}

    def steady(self, rate: float, seconds: float) -> dict[str, float]:
        """Ask for locations at that rate, however slow the answers; what these took.

        The time of an answer counts from when it should have been asked for.
        """
        turn = self._turn()
        asked: dict[int, deque[float]] = {number: deque() for number in self._by_number}
        times: list[float] = []
        began = time.perf_counter()
        count, sent = int(rate * seconds), 0
        while len(times) < count:
            due = min(count, int((time.perf_counter() - began) * rate) + 1)
            for at in range(sent, due):
                peer = next(turn)
                asked[peer.fileno()].append(began + at / rate)
                peer.sendall(self._random.choice(self._locations))
            sent = due
            numbers = self._answered(1 / rate if sent < count else 1.0)
            now = time.perf_counter()
            times += [now - asked[number].popleft() for number in numbers]
        times.sort()
        return {
            "p50": times[len(times) // 2],
            "p99": times[len(times) * 99 // 100],
            "worst": times[-1],
        }

    def _turn(self) -> Any:
        """The peers in an order by chance, again and again."""
        while True:
            yield from self._random.sample(self._sockets, len(self._sockets))

    def _answered(self, patience: float) -> list[int]:
        """The descriptors of those that got an answer, once for each."""
        found = []
        for number, _ in self._poll.poll(patience):
            data = self._by_number[number].recv(1 << 18)
            if not data:
                raise BenchmarkFailed("The tracker closed a connection.")
            found += [number] * data.count(b"\n")
        return found


def _registration(name: str, chunks: ChunkSet) -> m.RequestChunkRegister:
    return m.RequestChunkRegister(name, chunks=chunks.to_bitfield(), fileinfo=INFO)


if __name__ == "__main__":
    clients = Clients()
    obey({"join": clients.join, "saturate": clients.saturate, "steady": clients.steady})
