"""Reading payloads in a thread, step by step: when it goes on, and when it gives the socket back.

That nothing goes wrong whatever comes and happens is for `sources/test_payload_receiver`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from p2pfs.hashing import Hash
from p2pfs.peer.payloads import Aside, Came, Complete, Loan, Payload, Returned
from p2pfs.peer.payloads.chunk_request import ChunkRequest
from p2pfs.peer.payloads.loan import Report
from p2pfs.peer.payloads.payload_reader import BATCH, LINES, MOST_ASIDE, PATIENCE, PayloadReader
from p2pfs.wire import messages as m
from tests.peer.holdings import content
from tests.peer.payloads.requests import request

LENGTH = 100
DATA = content(LENGTH)
OFFER = m.encode(m.PeerOffer("f", 7, False))


def reply(number: int, **fields: object) -> bytes:
    """The line of a raw reply."""
    said = {"type": "PEER_REPLY_CHUNK", "filename": "f", "chunknum": number, "length": LENGTH}
    return json.dumps({**said, **fields}).encode() + b"\n"


@dataclass
class Line:
    """What comes: bytes, or for how many seconds nothing does. At its end comes nothing more."""

    coming: list[bytes | float]
    at_end: int | None = None
    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def receive(self, into: list[memoryview]) -> int | None:
        if not self.coming:
            return self.at_end
        first = self.coming[0]
        if not isinstance(first, bytes):
            return None
        count = 0
        for buffer in into:
            part = first[count : count + len(buffer)]
            buffer[: len(part)] = part
            count += len(part)
        self.coming[:1] = [first[count:]] if count < len(first) else []
        return count

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        pause = self.coming.pop(0) if self.coming else 1e9
        assert not isinstance(pause, bytes)
        self.now += min(pause, seconds)
        return pause < seconds

    def clock(self) -> float:
        return self.now


@dataclass
class Scene:
    """A loan in the middle of a payload, with others due, and what becomes of it."""

    line: Line
    due: list[ChunkRequest] = field(default_factory=list)
    frame: int = 30
    left: int = LENGTH
    may_go_on: Callable[[], bool] = lambda: True
    told: int = 0
    reports: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.request = request(0, LENGTH)
        self.loan = Loan(Payload(self.request, self.left, None, 0.0), [], self.due)

    def tell(self) -> None:
        self.told += 1
        self.reports += self.loan.reports()

    def read(self) -> Returned:
        reader = PayloadReader(
            self.line,
            self.loan,
            bytearray(self.frame),
            self.line.clock,
            self.tell,
            self.may_go_on,
        )
        returned = reader.read()
        self.reports += self.loan.reports()
        return returned

    def complete(self) -> list[ChunkRequest]:
        return [each.payload.request for each in self.reports if isinstance(each, Complete)]


def digest_of(chunk: ChunkRequest) -> bytes:
    """The digest of what came of a chunk."""
    sink = chunk.threaded_sink
    assert sink is not None
    digests: list[bytes] = []
    sink.finish().addCallback(digests.append)
    return digests[0]


def test_it_goes_on_as_long_as_something_is_due() -> None:
    """Payload, line, payload: with one buffer, and given back when nothing else is due."""
    chunks = [request(number, LENGTH) for number in (1, 2)]
    stream = DATA + reply(1) + DATA + OFFER + reply(2) + DATA + OFFER
    scene = Scene(Line([stream]), list(chunks))
    assert scene.read() == Returned(None, OFFER)
    assert scene.complete() == [scene.request, *chunks]
    for chunk in scene.complete():
        assert digest_of(chunk) == Hash.BLAKE3.digest(DATA)
    assert [report for report in scene.reports if isinstance(report, Aside)] == [Aside(OFFER[:-1])]
    assert sum(report.count for report in scene.reports if isinstance(report, Came)) == 3 * LENGTH


@pytest.mark.parametrize(
    "line",
    [
        reply(2),
        reply(1, length=LENGTH + 1),
        reply(1, digest="short"),
        reply(1, filename="g"),
        m.before_chunk("f", 1) + b"AAAA" + m.after_chunk(bytes(32)),
        m.encode(m.Error("PEER_REQUEST_CHUNK", "No.", "f", 1)),
        b"nonsense\n",
        m.encode(m.PeerTurns()),
    ],
)
def test_what_is_not_the_reply_that_is_due_is_given_back(line: bytes) -> None:
    """Whole, and with all that was read behind it: the connection knows what to make of it."""
    scene = Scene(Line([DATA + line + b"behind it"]), [request(1, LENGTH)])
    assert scene.read() == Returned(None, line + b"behind it")
    assert scene.complete() == [scene.request]
    assert scene.loan.next_due() is not None


def test_what_comes_slowly_is_given_back_with_what_came_of_it() -> None:
    """A frame has its time; what came of it until then is where it belongs."""
    scene = Scene(Line([DATA[:40], PATIENCE / 2, DATA[40:45], 10 * PATIENCE, DATA[45:]]))
    returned = scene.read()
    assert returned == Returned(Payload(scene.request, LENGTH - 45, None, 0.0))
    assert scene.line.now == pytest.approx(PATIENCE)
    assert len(scene.line.waits) == 2
    sink = scene.request.threaded_sink
    assert sink is not None
    assert sink.settled().called
    assert scene.reports == [Came(scene.request, 30), Came(scene.request, 15)]


def test_who_waits_has_told_all_before() -> None:
    """Nobody waits for a chunk that is there."""
    scene = Scene(Line([DATA, 10 * PATIENCE]), [request(1, LENGTH)])
    told_before_waiting: list[int] = []
    waits = scene.line.wait

    def wait(seconds: float) -> bool:
        told_before_waiting.append(len(scene.complete()))
        return waits(seconds)

    scene.line.wait = wait  # type: ignore[method-assign]  # to see when
    assert scene.read() == Returned(None)
    assert told_before_waiting == [1]


@pytest.mark.parametrize("cut", [0, 40, LENGTH, LENGTH + 5])
def test_the_end_of_the_stream_is_for_the_reactor(cut: int) -> None:
    """It finds it for itself; what came before is not lost."""
    stream = (DATA + reply(1))[:cut]
    scene = Scene(Line([stream] if stream else [], at_end=0), [request(1, LENGTH)])
    returned = scene.read()
    left = max(0, LENGTH - cut)
    assert (returned.payload.left if returned.payload else 0) == left
    assert returned.rest == stream[LENGTH:]


def test_called_back_it_ends_with_the_frame() -> None:
    """Not with the chunk, which may be long."""
    scene = Scene(Line([DATA]))
    scene.loan.call_back()
    assert scene.read() == Returned(Payload(scene.request, LENGTH - 30, None, 0.0))
    assert scene.line.coming == [DATA[30:]]


def test_it_asks_whether_it_may_go_on_after_each_frame() -> None:
    """As of a limit that is set meanwhile."""
    answers = [True, False]
    scene = Scene(Line([DATA]), may_go_on=lambda: answers.pop(0))
    assert scene.read() == Returned(Payload(scene.request, LENGTH - 60, None, 0.0))


def test_lines_without_end_are_for_the_reactor() -> None:
    """It gives connections turns; a thread that passed them all on would take every turn."""
    scene = Scene(Line([DATA + 40 * OFFER]), [request(1, LENGTH)])
    returned = scene.read()
    asides = [report for report in scene.reports if isinstance(report, Aside)]
    assert len(asides) == MOST_ASIDE
    assert returned == Returned(None, (40 - MOST_ASIDE) * OFFER)


def test_a_line_that_does_not_end_is_for_the_reactor() -> None:
    """Which knows how long a line may be, and for how long it may take."""
    endless = b"x" * (2 * LINES)
    scene = Scene(Line([DATA + endless]), [request(1, LENGTH)])
    returned = scene.read()
    assert returned == Returned(None, endless[:LINES])
    assert scene.line.coming == [endless[LINES:]]


def test_a_line_may_come_in_pieces() -> None:
    """As long as it is not slow."""
    line = reply(1)
    pieces: list[bytes | float] = [DATA + line[:1], line[1:50], 0.001, line[50:] + DATA]
    scene = Scene(Line(pieces), [request(1, LENGTH)])
    assert scene.read() == Returned(None)
    assert len(scene.complete()) == 2


def test_the_reactor_is_told_in_batches() -> None:
    """Each word costs a turn of it, so frames are told together; but a long chunk is not silent."""
    frame = BATCH // 8
    scene = Scene(Line([bytes(3 * BATCH)]), frame=frame, left=3 * BATCH)
    scene.request = request(0, 3 * BATCH)
    scene.loan = Loan(Payload(scene.request, 3 * BATCH, None, 0.0), [], [])
    scene.read()
    assert scene.told == 3
    assert len([report for report in scene.reports if isinstance(report, Came)]) == 24


def test_nothing_is_written_of_what_nobody_waits_for() -> None:
    """Its bytes still come, and go nowhere."""
    chunk = request(1, LENGTH)
    chunk.answered.addErrback(lambda failure: None)
    chunk.answered.cancel()
    scene = Scene(Line([DATA + reply(1) + DATA]), [chunk])
    assert scene.read() == Returned(None)
    assert scene.complete() == [scene.request, chunk]
    assert digest_of(chunk) == Hash.BLAKE3.digest(b"")
