"""A downloader's connection: everything in order, and no more of it at a time than is bounded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p2pfs.peer.serving.chunk_sender import FRAME, PIECE
from p2pfs.peer.serving.protocol import IDLE_TIMEOUT, MAX_QUEUE
from p2pfs.wire import messages as m
from p2pfs.wire.output import STALL_TIMEOUT
from tests.memory_transport import BUFFER_SIZE, MemoryTransport
from tests.peer.holdings import content, shared
from tests.peer.serving_pair import Serving, asking

CHUNK = 1 << 20
DATA = content(3 * CHUNK + 5)


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A peer that shares a file of large chunks."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", DATA, CHUNK))
    return serving


def requests(count: int, encoding: str | None = "raw") -> bytes:
    """Many requests in one segment, going round the four chunks."""
    return b"".join(
        m.encode(m.PeerRequestChunk("f", number % 4, encoding=encoding)) for number in range(count)
    )


def read_all(serving: Serving, other: MemoryTransport) -> tuple[bytes, int]:
    """Read until nothing comes any more; what came, and the most that was unread at a time."""
    received, most = bytearray(), 0
    while True:
        serving.clock.advance(0)
        most = max(most, other.unread)
        data = other.take()
        if not data:
            return bytes(received), most
        received += data


def replies(stream: bytes) -> list[tuple[Any, bytes]]:
    """Headers and payloads."""
    found, at = [], 0
    while at < len(stream):
        begin = stream.index(b"\n", at) + 1
        message = json.loads(stream[at:begin])
        at = begin + message.get("length", 0)
        found.append((message.get("chunknum", message["type"]), stream[begin:at]))
    return found


# In order


def test_everything_is_answered_in_the_order_asked(serving: Serving) -> None:
    """Pings, mistakes and errors do not overtake a chunk, nor end up inside a payload."""
    ping = b'{"type":"PEER_PING_PONG"}\n'
    other = serving.connect(stuck=True)
    other.deliver(requests(1) + ping + b'{"type":"?"}\n' + requests(2) + b"[]\n" + ping)
    stream, _ = read_all(serving, other)
    order = [number for number, _ in replies(stream)]
    assert order == [0, "PEER_PING_PONG", "ERROR", 0, 1, "ERROR", "PEER_PING_PONG"]
    other.hang_up()


def test_more_requests_than_the_queue_holds_are_all_answered_in_order(
    serving: Serving, tmp_path: Path
) -> None:
    """Pipelining as much as one likes loses nothing."""
    count, size = 3 * MAX_QUEUE + 1, BUFFER_SIZE + 1
    serving.library.discard(serving.library["f"])
    serving.library.add(shared(tmp_path / "f", DATA[: 4 * size], size))
    other = serving.connect(stuck=True)
    other.deliver(requests(count))
    stream, most = read_all(serving, other)
    answers = replies(stream)
    assert [number for number, _ in answers] == [n % 4 for n in range(count)]
    assert all(payload == DATA[n * size : (n + 1) * size] for n, payload in answers)
    assert most <= BUFFER_SIZE + size + 2000
    other.hang_up()


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"PEER_PING_PONG"}',
        b' {"type" :\t"PEER_PING_PONG", "z":[1, 2.50],"a":"\\u00e9"}  \r',
        b'{"x":1e5,"type":"PEER_PING_PONG","x":2}',
    ],
)
def test_a_ping_comes_back_exactly_as_it_was(serving: Serving, line: bytes) -> None:
    """Spacing, order, spelling of numbers and a carriage return included."""
    other = serving.connect()
    other.deliver(line + b"\n")
    assert other.take() == line + b"\n"
    serving.done(other)


@pytest.mark.parametrize(
    "message",
    [m.RequestFileList(), m.RequestRegister(":1"), m.ReplyPublish("f", True)],
)
def test_messages_of_a_tracker_are_refused(serving: Serving, message: m.Message) -> None:
    """They go elsewhere; the connection goes on."""
    other = serving.connect()
    other.deliver(m.encode(message))
    (error,) = other.heard()
    assert (error["type"], error["request"]) == ("ERROR", m.type_of(type(message)))
    assert other.ask(type="ERROR", request=None, message="?") == []
    serving.done(other)


def test_the_error_for_an_over_long_line_is_not_part_of_a_payload(serving: Serving) -> None:
    """Whatever ends a connection, the bytes of a chunk are the bytes of the chunk."""
    other = serving.connect(stuck=True)
    other.deliver(requests(1) + b"x" * (m.SERVING_LINE_LIMIT + 2))
    stream, _ = read_all(serving, other)
    serving.clock.advance(STALL_TIMEOUT)
    serving.clock.advance(0)
    payload = stream.partition(b"\n")[2]
    assert DATA[:CHUNK].startswith(payload[:CHUNK])


# Within bounds


@pytest.mark.parametrize("encoding", ["raw", None])
def test_a_downloader_that_never_reads_costs_one_answer(
    serving: Serving, encoding: str | None
) -> None:
    """The output never holds more than a frame (or a piece in base64), and the end comes."""
    other = serving.connect(stuck=True)
    for _ in range(100):
        other.deliver(requests(50, encoding))
        serving.clock.advance(0)
    assert other.unread <= (2 * FRAME if encoding else PIECE + 2000)
    assert other.producerState == "paused"
    serving.clock.advance(STALL_TIMEOUT)
    assert other.aborted
    serving.clock.advance(0)
    assert other.lost
    assert not serving.factory.connections
    assert not serving.clock.getDelayedCalls()


def test_pings_that_are_not_read_do_not_pile_up(serving: Serving) -> None:
    """Nor do small answers."""
    ping = b'{"type":"PEER_PING_PONG"}'.ljust(1000) + b"\n"
    other = serving.connect(stuck=True)
    for _ in range(100):
        other.deliver(ping * 10)
        serving.clock.advance(0)
    assert other.unread <= BUFFER_SIZE + 2000
    stream, _ = read_all(serving, other)
    assert stream == ping * 1000
    other.hang_up()


def test_a_slow_reader_gets_everything(serving: Serving) -> None:
    """Reading now and then, within the stall time-out, is enough."""
    other = serving.connect(stuck=True)
    other.deliver(requests(4))
    stream = bytearray()
    for _ in range(20):
        serving.clock.advance(STALL_TIMEOUT - 1)
        stream += other.take()
    assert [number for number, _ in replies(bytes(stream))] == [0, 1, 2, 3]
    other.hang_up()


def test_an_over_long_line_behind_many_requests_costs_no_memory(serving: Serving) -> None:
    """A downloader that breaks the rules and never reads does not fill the memory."""
    serving.clock.held = True
    other = serving.connect(stuck=True)
    other.deliver(requests(40) + b"x" * (m.SERVING_LINE_LIMIT + 2))
    serving.clock.release()
    serving.clock.advance(0)
    unread = other.unread
    serving.clock.advance(STALL_TIMEOUT)
    serving.clock.advance(0)
    assert other.lost
    assert unread <= 2 * FRAME


@pytest.mark.parametrize("limit", [m.SERVING_LINE_LIMIT])
def test_the_line_limit_is_that_of_a_serving_peer(serving: Serving, limit: int) -> None:
    """64 KiB is served; more is an ERROR and the end of this connection alone."""
    one, other = serving.connect(), serving.connect()
    ping = b'{"type":"PEER_PING_PONG"}'.ljust(limit)
    one.deliver(ping + b"\n")
    assert one.take() == ping + b"\n"
    one.deliver(ping + b"  ")
    (error,) = one.heard()
    assert (error["type"], error["request"]) == ("ERROR", None)
    assert one.lost
    assert "data" in other.ask(**asking(3))[0]
    serving.done(other)


def test_the_frame_is_not_the_transport_buffer() -> None:
    """The tests of back-pressure rely on one frame being more than the transport buffers."""
    assert FRAME > BUFFER_SIZE
    assert MAX_QUEUE < 100


# Its end


@pytest.mark.parametrize("jobs", range(5))
def test_a_downloader_that_leaves_midway_leaves_nothing(serving: Serving, jobs: int) -> None:
    """Whether a file is being opened, read, or sent: no timer, no reader, no noise."""
    serving.clock.held = True
    other = serving.connect()
    other.deliver(requests(3))
    for _ in range(jobs):
        if serving.clock.jobs:
            serving.clock.run_job()
        other.take()
    (connection,) = serving.factory.connections
    other.hang_up()
    serving.clock.release()
    assert connection.at_work is None
    assert not serving.factory.connections
    assert not serving.clock.getDelayedCalls()


def test_an_idle_connection_is_closed(serving: Serving) -> None:
    """Each request starts the time anew; one under way does not count as idle."""
    other = serving.connect()
    serving.clock.advance(IDLE_TIMEOUT - 1)
    other.ask(**asking(3))
    serving.clock.advance(IDLE_TIMEOUT - 1)
    serving.clock.held = True
    other.say(**asking(3))
    serving.clock.advance(2 * IDLE_TIMEOUT)
    assert not other.disconnecting
    serving.clock.release()
    assert len(other.heard()) == 1
    serving.clock.advance(IDLE_TIMEOUT)
    serving.clock.advance(0)
    assert other.lost
    serving.done()


def test_who_leaves_while_it_waits_for_its_turn_is_sent_nothing(serving: Serving) -> None:
    """No file is opened for it any more, and no chunk is noted that it would never have."""
    serving.clock.held = True
    one, other = serving.connect("192.0.2.1"), serving.connect("192.0.2.2")
    second = serving.connect("192.0.2.1")
    for connection in (other, one, second):
        connection.say(**asking(3))
    assert len(serving.clock.jobs) == 2, "one of each host is served"
    second.hang_up()
    one.hang_up()
    assert len(serving.clock.jobs) == 2
    serving.clock.release()
    other.hang_up()
    assert not serving.factory.serving._deliveries._under_way
    assert not serving.clock.getDelayedCalls()
