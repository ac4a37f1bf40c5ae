"""Chunks in base64, large ones: taken in pieces as they come."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from p2pfs.errors import SourceFailed
from p2pfs.peer.payloads.chunk_sink import HIGH_WATER
from p2pfs.peer.sources.connection import WrongChunk
from p2pfs.wire import messages as m
from p2pfs.wire.framing import RECEIVE_SIZE
from p2pfs.wire.long_reply import MOST_REST
from tests.memory_transport import MemoryTransport
from tests.peer.holdings import content, described
from tests.peer.serving_pair import Downloader
from tests.peer.sources.test_connection import outcome

CHUNK = 15 << 18
DATA = content(CHUNK + 1000)
INFO, HASHES = described(DATA, CHUNK)
TEXT = base64.b64encode(DATA[:CHUNK]).decode()
DIGEST = hashlib.sha256(DATA[:CHUNK]).hexdigest()
ASK = m.encode(m.PeerRequestChunk("f", 0))


@pytest.fixture
def down() -> Iterator[Downloader]:
    """A downloader of that file."""
    downloader = Downloader(INFO)
    yield downloader
    downloader.close()


def reply(**fields: Any) -> bytes:
    """The line of chunk 0, right but for what is given, with its fields in that order first."""
    message = {"type": "PEER_REPLY_CHUNK", "filename": "f", "chunknum": 0, "digest": DIGEST}
    return json.dumps({**fields, **{k: v for k, v in message.items() if k not in fields}}).encode()


def deliver(other: MemoryTransport, data: bytes, size: int = 100_000) -> None:
    """Send bytes in pieces."""
    for start in range(0, len(data), size):
        other.deliver(data[start : start + size])


@pytest.mark.parametrize("size", [1000, RECEIVE_SIZE, 10 * CHUNK])
@pytest.mark.parametrize("first", [True, False])
def test_a_long_line_is_not_kept(down: Downloader, size: int, first: bool) -> None:
    """Whether the data stands first or last, the buffer holds what one read brings."""
    other = down.connect()
    asked, next_one = down.fetch(0), down.fetch(1)
    line = reply(data=TEXT) if first else reply()[:-1] + f',"data":"{TEXT}"}}'.encode()
    most = 0
    for start in range(0, len(line), size):
        other.deliver(line[start : start + size])
        most = max(most, len(down.source._buffer))
    assert most <= MOST_REST + size
    assert not asked.called
    assert down.sinks[0].missing == 0 or size > CHUNK
    last = m.PeerReplyChunk("f", 1, HASHES[1].hex(), base64.b64encode(DATA[CHUNK:]).decode())  # type: ignore[union-attr]
    other.deliver(b"\n" + m.encode(last))
    assert outcome(asked) == HASHES[0]
    assert outcome(next_one) == HASHES[1]
    assert outcome(down.sinks[0].finish()) == HASHES[0]
    assert down.written() == DATA
    other.hang_up()
    assert not down.clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (reply(data=TEXT + "AAAA"), "wrong length"),
        (reply(data=TEXT * 2), "wrong length"),
        (reply(data=TEXT[:-4]) + b"\n", "wrong length"),
        (reply(data=TEXT[:-8] + "!" * 8), "not base64"),
        (reply(data=TEXT[:-1]) + b"\n", "not base64"),
        (reply(data=TEXT[: 1 << 20] + "AA==" + TEXT[: 1 << 20]), "not base64"),
        (reply(data=TEXT, chunknum=1) + b"\n", "another chunk"),
        (reply(data=TEXT, length=CHUNK) + b"\n", "without digest or data"),
        (reply(data=TEXT, digest="x") + b"\n", "without digest or data"),
    ],
)
def test_a_wrong_long_line_is_blamed(down: Downloader, line: bytes, words: str) -> None:
    """As soon as it is known to be wrong, and the connection ends."""
    other = down.connect()
    asked = down.fetch(0)
    deliver(other, line)
    error = outcome(asked)
    assert isinstance(error, WrongChunk)
    assert words in str(error)
    assert other.aborted


@pytest.mark.parametrize(
    "line",
    [
        reply(data=TEXT, type="PEER_TURNS") + b"\n",
        reply(data=TEXT)[1:] + b"\n",
        reply(data=TEXT)[:-1] + b"\n",
        reply(data=TEXT, x="y" * MOST_REST),
        b"x" * (1 << 20),
        b'{"data":"' * 100_000,
    ],
    ids=["another message", "no object", "no end", "a long field", "rubbish", "data"],
)
def test_a_long_line_that_is_no_chunk_ends_the_connection(down: Downloader, line: bytes) -> None:
    """It is nobody's chunk, and nobody is banned for it."""
    other = down.connect()
    asked = down.fetch(0)
    deliver(other, line)
    down.clock.advance(0)
    error = outcome(asked)
    assert isinstance(error, SourceFailed)
    assert isinstance(error, WrongChunk) == (b'"data":"{' in line)
    assert other.lost
    assert not down.clock.getDelayedCalls()


def test_a_long_line_that_nobody_waits_for_is_refused(down: Downloader) -> None:
    """Only a hash list, when it is due, may be longer than any other message."""
    other = down.connect()
    asked = down.source.fetch_hash_list("f", INFO)
    hashes = m.PeerReplyDigests("f", str(INFO.root), bytes(HASHES))
    other.deliver(m.encode(hashes)[:-1].ljust(1 << 20) + b"\n")
    assert bytes(outcome(asked)) == bytes(HASHES)
    other.take()
    deliver(other, b" " * (m.SERVING_LINE_LIMIT + 2))
    (error,) = other.heard()
    assert "longer than 65536 bytes" in error["message"]
    down.clock.advance(0)
    assert other.lost


def test_a_cancelled_long_line_goes_nowhere(down: Downloader) -> None:
    """What comes after the cancel is not written; the next chunk is right."""
    other = down.connect()
    first, second = down.fetch(0), down.fetch(1)
    line = reply(data=TEXT) + b"\n"
    deliver(other, line[: CHUNK // 2])
    before = len(down.written())
    first.addErrback(lambda _: None).cancel()
    deliver(other, line[CHUNK // 2 :])
    assert len(down.written()) == before
    last = m.PeerReplyChunk("f", 1, HASHES[1].hex(), base64.b64encode(DATA[CHUNK:]).decode())  # type: ignore[union-attr]
    other.deliver(m.encode(last))
    assert outcome(second) == HASHES[1]
    other.hang_up()


def test_a_slow_disk_pauses_a_long_line(down: Downloader) -> None:
    """What waits for the disk is bounded, as of raw bytes."""
    other = down.connect()
    down.clock.held = True
    asked = down.fetch(0)
    deliver(other, reply(data=TEXT) + b"\n")
    assert other.producerState == "paused"
    assert len(down.source._buffer) + down.sinks[0]._waiting_bytes <= HIGH_WATER + 2 * RECEIVE_SIZE
    down.clock.release()
    down.clock.advance(0)
    assert outcome(asked) == HASHES[0]
    other.hang_up()
