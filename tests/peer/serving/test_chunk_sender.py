"""Chunks as they are sent: raw or in base64, as the other side takes them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest

from p2pfs.chunks import FileInfo
from p2pfs.hashing import Hash
from p2pfs.peer.serving.chunk_sender import PIECE
from p2pfs.peer.serving.factory import MAX_CONNECTIONS
from p2pfs.wire import messages as m
from p2pfs.wire.budget import BUDGET
from p2pfs.wire.output import STALL_TIMEOUT
from tests.peer.holdings import content, shared
from tests.peer.serving.five_chunks import CHUNKS, held
from tests.peer.serving_pair import Serving, asking

DIGESTS = [hashlib.sha256(chunk).hexdigest() for chunk in CHUNKS]

CHUNK = 15 << 18
LARGE = content(CHUNK + 1000)
TEXT = base64.b64encode(LARGE[:CHUNK]).decode()
LARGE_DIGEST = hashlib.sha256(LARGE[:CHUNK]).hexdigest()
ASK = m.encode(m.PeerRequestChunk("f", 0))


def test_a_chunk_in_base64(serving: Serving) -> None:
    """What a peer gets that knows nothing of raw payloads."""
    other = serving.connect()
    for number in (0, 4):
        assert other.ask(**asking(number)) == [
            {
                "type": "PEER_REPLY_CHUNK",
                "filename": "f",
                "chunknum": number,
                "digest": DIGESTS[number],
                "data": base64.b64encode(CHUNKS[number]).decode(),
            }
        ]
    serving.done(other)


def test_a_chunk_in_raw_bytes(serving: Serving) -> None:
    """The payload begins right after the line and has just the length announced.

    No digest comes with it: whoever has the root knows what it has to be.
    """
    other = serving.connect()
    other.say(**asking(4, encoding="raw", root=str(held(serving).info.root).upper()))
    header, _, payload = other.take().partition(b"\n")
    assert json.loads(header) == {
        "type": "PEER_REPLY_CHUNK",
        "filename": "f",
        "chunknum": 4,
        "length": 15,
    }
    assert payload == CHUNKS[4]
    assert serving.factory.serving.uploads.total == 15
    serving.done(other)


def test_raw_bytes_of_a_file_without_a_root_have_a_digest(serving: Serving) -> None:
    """There is nothing else that they could be checked against."""
    holding = held(serving)
    holding.info = FileInfo(holding.info.filesize, 5, holding.info.chunksize)
    other = serving.connect()
    other.say(**asking(4, encoding="raw"))
    header, _, payload = other.take().partition(b"\n")
    assert (json.loads(header)["digest"], payload) == (DIGESTS[4], CHUNKS[4])
    serving.done(other)


def test_an_unknown_encoding_is_answered_in_base64(serving: Serving) -> None:
    """An encoding of a later version does not keep a chunk from being served."""
    other = serving.connect()
    assert "data" in other.ask(**asking(0, encoding="zstd"))[0]
    serving.done(other)


def test_a_payload_that_breaks_off_cuts_the_connection(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file cut short after the header went out is not padded and not explained in the payload."""
    monkeypatch.setattr("p2pfs.peer.serving.chunk_sender.FRAME", 10)
    serving.clock.held = True
    other = serving.connect()
    other.say(**asking(0, encoding="raw"))
    serving.clock.run_job()  # open
    serving.clock.run_job()  # the first frame, which sends the header
    payload = other.take().partition(b"\n")[2]
    os.truncate(held(serving).path, 12)
    serving.clock.release()
    serving.clock.advance(0)
    assert other.lost
    assert payload + other.take() == CHUNKS[0][:10]
    assert len(serving.changes) == 1
    serving.done()


# Large ones in base64: made in pieces, within what hosts may have kept


@pytest.fixture(params=Hash)
def large(tmp_path: Path, request: pytest.FixtureRequest) -> Serving:
    """A peer that shares a file of two chunks, the first of 3.75 MiB, with either hash."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", LARGE, CHUNK, function=request.param))
    return serving


def test_it_is_made_as_it_is_read(large: Serving) -> None:
    """No more than a piece waits at a time, and the line is one JSON object.

    Its digest is the SHA-256 of the chunk, whatever the hash of the file.
    """
    other = large.connect("192.0.2.1", stuck=True)
    other.deliver(ASK)
    line, most = bytearray(), 0
    while other.unread:
        most = max(most, other.unread)
        line += other.take()
    assert most <= PIECE + 1000
    assert line.endswith(b"\n")
    assert m.decode(line[:-1]) == m.PeerReplyChunk("f", 0, LARGE_DIGEST, TEXT)
    assert large.factory.serving.uploads.total == CHUNK
    assert large.factory.budget.kept == 0
    other.hang_up()


def test_chunks_that_are_not_read_are_within_a_hosts_share(large: Serving) -> None:
    """As many as there can be of one host keep a third of the budget at most; others get theirs."""
    greedy = [large.connect("192.0.2.66", stuck=True) for _ in range(MAX_CONNECTIONS - 1)]
    for other in greedy:
        other.deliver(ASK * 3)
        large.clock.advance(0)
    assert 0 < sum(other.unread for other in greedy) < BUDGET // 3 + PIECE
    honest = large.connect("192.0.2.1", stuck=True)
    honest.deliver(ASK)
    line = bytearray()
    while honest.unread:
        line += honest.take()
    assert len(line) > len(TEXT)
    # Who does not read is cut off, and nothing is left of all of them in the end.
    large.clock.advance(STALL_TIMEOUT)
    large.clock.advance(0)
    assert any(other.lost for other in greedy)
    for other in greedy:
        other.hang_up()
    assert large.factory.budget.kept == 0
    honest.hang_up()
    assert not large.clock.getDelayedCalls()


def test_hash_lists_that_are_not_read_are_within_a_hosts_share(tmp_path: Path) -> None:
    """They come in one piece, and wait until there is room for one more."""
    serving = Serving()
    data = content(60_000)
    serving.library.add(shared(tmp_path / "f", data, 1))
    ask = m.encode(m.PeerRequestDigests("f", str(serving.library["f"].info.root)))
    greedy = [serving.connect("192.0.2.66", stuck=True) for _ in range(50)]
    for other in greedy:
        other.deliver(ask)
        serving.clock.advance(0)
    assert sum(other.unread for other in greedy) < BUDGET // 3 + (3 << 20)
    read = 0
    while any(other.unread for other in greedy):
        for other in greedy:
            read += len(other.heard())
        serving.clock.advance(0)
    assert read == 50
    for other in greedy:
        other.hang_up()


def test_who_leaves_while_it_waits_for_room_leaves_nothing(large: Serving) -> None:
    """Neither an open file nor a coroutine."""
    budget = large.factory.budget
    other = large.connect("192.0.2.1", stuck=True)
    large.clock.held = True
    other.deliver(ASK)
    budget.keep("192.0.2.1", BUDGET)
    large.clock.release()  # the file is opened
    (connection,) = large.factory.connections
    assert connection.at_work is not None
    assert not other.unread
    other.hang_up()
    assert connection.at_work is None
    budget.drop("192.0.2.1", BUDGET)
    assert not large.clock.getDelayedCalls()


@pytest.mark.parametrize("pieces", [0, 1])
def test_a_line_that_cannot_be_finished_cuts_the_connection(large: Serving, pieces: int) -> None:
    """Before the first piece it is an error; after it, only a cut says so."""
    large.clock.held = True
    other = large.connect("192.0.2.1", stuck=True)
    other.deliver(ASK)
    large.clock.run_job()  # the file is opened
    for _ in range(pieces):
        large.clock.run_job()
        assert other.take().startswith(b'{"type":"PEER_REPLY_CHUNK"')
    os.truncate(large.library["f"].path, 100)
    large.clock.release()
    large.clock.advance(0)
    if pieces:
        assert other.lost
        assert not other.take()
    else:
        (error,) = other.heard()
        assert error["type"] == "ERROR"
    assert len(large.changes) == 1
    assert large.factory.budget.kept == 0
    other.hang_up()
