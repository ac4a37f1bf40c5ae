"""A downloader whose input is lent to threads, or not, and what comes of its requests.

The thread's work is done in steps between those of the reactor: all the test says happens at a
step of its choice, as it would with a thread that runs beside.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from p2pfs.chunks import ChunkSet
from p2pfs.errors import P2pfsError
from p2pfs.hashing import Hash
from p2pfs.peer.payloads import Lender
from p2pfs.peer.payloads.lender import MOST
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.sources import Answer, Incoming
from p2pfs.testing.inline import InlineReactor
from p2pfs.wire import messages as m
from tests.memory_transport import MemoryTransport
from tests.peer.holdings import content, described
from tests.peer.serving_pair import Downloader

CHUNK = 40
DATA = content(8 * CHUNK - 7)
INFO, HASHES = described(DATA, CHUNK, Hash.BLAKE3)
CHUNKS = [DATA[start : start + CHUNK] for start in range(0, len(DATA), CHUNK)]
NUMBERS = range(len(CHUNKS))


def raw(number: int, payload: bytes | None = None, **fields: Any) -> bytes:
    """A raw reply."""
    message = {"type": "PEER_REPLY_CHUNK", "filename": "f", "chunknum": number}
    line = json.dumps({**message, "length": len(CHUNKS[number]), **fields}).encode()
    return line + b"\n" + (CHUNKS[number] if payload is None else payload)


def offer(number: int) -> bytes:
    """An offer."""
    return m.encode(m.PeerOffer("f", number, True))


@dataclass
class Inlet:
    """The receiving side of a connection in memory; ``step`` is called before anything is read."""

    transport: MemoryTransport
    step: Callable[[], None]
    open_inlets: list[Inlet]

    def receive(self, into: list[memoryview]) -> int | None:
        self.step()
        return self.transport.read_beside(into)

    def wait(self, seconds: float) -> bool:
        assert 0 < seconds < 0.06
        return self.transport.held_back > 0

    def close(self) -> None:
        self.open_inlets.remove(self)


@dataclass
class Scene:
    """A downloader's connection, with a lender or without, and what has come of its requests."""

    frame: int | None
    numbers: list[int]
    step: Callable[[], None] = lambda: None
    outcomes: dict[int, Any] = field(default_factory=dict)
    offers: list[int] = field(default_factory=list)
    inlets: list[Inlet] = field(default_factory=list)
    lent: int = 0

    def __post_init__(self) -> None:
        self.clock = InlineReactor()
        self.limit = RateLimit()
        self.lender = None
        if self.frame is not None:
            self.lender = Lender(self.clock, self.limit, 1, self.frame, self._open)
        self.down = Downloader(INFO, self.clock, Incoming(self.limit, lender=self.lender))
        self.far = self.down.connect()
        self.source = self.down.source
        self.asked = {number: self._fetch(number) for number in self.numbers}
        self.far.deliver(m.encode(m.PeerTurns()))
        everything = ChunkSet.full(len(CHUNKS))
        self.source.want("f", INFO, everything, 2, self._offered, lambda reason: None)

    def _open(self, transport: object) -> Inlet:
        assert transport is self.far
        self.lent += 1
        inlet = Inlet(self.far, self.step, self.inlets)
        self.inlets.append(inlet)
        return inlet

    def _offered(self, number: int, spare: bool) -> Answer:
        self.offers.append(number)
        return Answer.DECLINED

    def _fetch(self, number: int) -> Any:
        def note(outcome: Any) -> None:
            self.outcomes[number] = outcome

        def failed(failure: Failure) -> None:
            failure.trap(P2pfsError, CancelledError)
            note(type(failure.value))

        asked = self.down.fetch(number)
        asked.addCallback(lambda _: self.down.sinks[number].finish()).addCallbacks(note, failed)
        return asked

    def play(self, segments: list[bytes]) -> None:
        """Have all of it come, and everything done that follows."""
        for segment in segments:
            self.far.deliver(segment)
            self.settle()

    def settle(self) -> None:
        """Do what threads and the reactor have to do."""
        for _ in range(1000):
            self.clock.advance(0)
            if not self.clock.run_job() and not self.far.busy:
                return
        raise AssertionError("it does not come to an end")

    def place(self, number: int) -> bytes:
        """What the part file has of a chunk."""
        start = INFO.offset(number)
        length = INFO.length(number)
        return self.down.written()[start : start + length].ljust(length, b"\0")

    def hang_up(self) -> None:
        """End the connection, if it has not ended."""
        if not self.source.closed:
            self.far.hang_up()
        self.settle()

    def end(self) -> None:
        """Nothing is left of it."""
        self.hang_up()
        assert not self.inlets
        if self.lender is not None:
            self.limit.rate = None
            lent = [self.lender.inlet(self.far, 1) for _ in range(MOST)]
            assert all(lent)
        self.down.close()


class Steps:
    """Does something at a step of the thread, each once."""

    def __init__(self, acts: dict[int, Callable[[], object]]) -> None:
        self.taken = 0
        self._acts = acts

    def __call__(self) -> None:
        self.taken += 1
        self._acts.get(self.taken, lambda: None)()
