"""The serving side of a connection between peers."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from p2pfs.chunks import HashList
from p2pfs.peer.library import Holding
from p2pfs.peer.serving.chunk_sender import FRAME
from p2pfs.peer.serving.protocol import IDLE_TIMEOUT, MAX_QUEUE
from p2pfs.peer.storage import Disk, PartFile
from p2pfs.wire import messages as m
from tests.memory_transport import BUFFER_SIZE, MemoryTransport
from tests.peer.holdings import content, shared
from tests.peer.serving_pair import Serving

DATA = content(95)
CHUNKS = [DATA[start : start + 20] for start in range(0, 95, 20)]
DIGESTS = [hashlib.sha256(chunk).hexdigest() for chunk in CHUNKS]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """A peer that shares the file f."""
    serving = Serving()
    serving.library.add(shared(tmp_path / "f", DATA, 20))
    return serving


def held(serving: Serving) -> Holding:
    """What it shares."""
    return serving.library["f"]


def asking(chunknum: Any = 0, /, **fields: Any) -> dict[str, Any]:
    """A request for a chunk."""
    return {"type": "PEER_REQUEST_CHUNK", "filename": "f", "chunknum": chunknum, **fields}


def done(serving: Serving, *connections: MemoryTransport) -> None:
    """Connections end, and nothing is left."""
    for connection in connections:
        connection.hang_up()
    assert not serving.factory.connections
    assert not serving.clock.getDelayedCalls()


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
    done(serving, other)


def test_a_chunk_in_raw_bytes(serving: Serving) -> None:
    """The payload begins right after the line and has just the length announced."""
    other = serving.connect()
    other.say(**asking(4, encoding="raw", root=str(held(serving).info.root).upper()))
    header, _, payload = other.take().partition(b"\n")
    assert json.loads(header) == {
        "type": "PEER_REPLY_CHUNK",
        "filename": "f",
        "chunknum": 4,
        "digest": DIGESTS[4],
        "length": 15,
    }
    assert payload == CHUNKS[4]
    assert serving.factory.serving.uploaded == 15
    done(serving, other)


def test_an_unknown_encoding_is_answered_in_base64(serving: Serving) -> None:
    """An encoding of a later version does not keep a chunk from being served."""
    other = serving.connect()
    assert "data" in other.ask(**asking(0, encoding="zstd"))[0]
    done(serving, other)


@pytest.mark.parametrize(
    ("request_fields", "words"),
    [
        ({"filename": "unknown"}, "does not share"),
        ({"filename": "../../etc/passwd"}, "does not share"),
        ({"root": "cd" * 32}, "another content"),
        ({"root": ""}, "another content"),
        ({"chunknum": 2}, "does not hold"),
        ({"chunknum": 5}, "does not hold"),
        ({"chunknum": -1}, "does not hold"),
        ({"chunknum": 10**30}, "does not hold"),
    ],
)
@pytest.mark.parametrize("encoding", [None, "raw"])
def test_what_cannot_be_served_is_an_error(
    serving: Serving, request_fields: dict[str, Any], words: str, encoding: str | None
) -> None:
    """It names request, file and chunk, and the connection goes on."""
    held(serving).chunks.discard(2)
    other = serving.connect()
    request = {**asking(0, encoding=encoding), **request_fields}
    (error,) = other.ask(**request)
    assert (error["type"], error["request"]) == ("ERROR", "PEER_REQUEST_CHUNK")
    assert (error["filename"], error["chunknum"]) == (request["filename"], request["chunknum"])
    assert words in error["message"]
    assert "data" in other.ask(**asking())[0]
    done(serving, other)


def test_the_hash_list(serving: Serving) -> None:
    """Only for the content that was asked for, and only once it is known."""
    holding = held(serving)
    other = serving.connect()
    request = {"type": "PEER_REQUEST_DIGESTS", "filename": "f", "root": holding.info.root}
    (reply,) = other.ask(**request)
    assert reply == {**request, "type": "PEER_REPLY_DIGESTS", "data": reply["data"]}
    assert base64.b64decode(reply["data"]) == bytes(holding.hashes)
    (error,) = other.ask(**{**request, "root": "cd" * 32})
    assert (error["type"], error["request"]) == ("ERROR", "PEER_REQUEST_DIGESTS")
    holding.hashes = HashList(5)
    assert other.ask(**request)[0]["type"] == "ERROR"
    done(serving, other)


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
    done(serving, other)


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
    done(serving, other)


@pytest.mark.parametrize("change", ["gone", "cut short", "rewritten"])
@pytest.mark.parametrize("encoding", [None, "raw"])
def test_a_changed_file_is_reported_and_served_no_more(
    serving: Serving, change: str, encoding: str | None
) -> None:
    """The downloader gets an ERROR without a local path, and the peer itself is told."""
    path = held(serving).path
    if change == "gone":
        path.unlink()
    elif change == "cut short":
        os.truncate(path, 50)
    else:
        path.write_bytes(bytes(95))
        os.utime(path, ns=(1, 1))
    other = serving.connect()
    (error,) = other.ask(**asking(4, encoding=encoding))
    assert (error["type"], error["request"], error["chunknum"]) == (
        "ERROR",
        "PEER_REQUEST_CHUNK",
        4,
    )
    assert str(path.parent) not in error["message"]
    assert [holding for holding, _ in serving.changes] == [held(serving)]
    assert not other.disconnecting
    done(serving, other)


def test_only_who_was_sent_a_chunk_is_heard_when_it_finds_it_wrong(serving: Serving) -> None:
    """Once for each time that it was sent; and the complaint is not answered."""
    other, stranger = serving.connect(), serving.connect()
    complaint = {"type": "ERROR", "request": "PEER_REPLY_CHUNK", "message": "wrong"}
    complaint |= {"filename": held(serving).name, "chunknum": 4}
    other.ask(**asking(4))
    assert stranger.ask(**complaint) == []
    assert other.ask(**{**complaint, "chunknum": 3}) == []
    assert serving.doubts == []
    assert other.ask(**complaint) == []
    assert other.ask(**complaint) == []
    assert serving.doubts == [(held(serving), 4)]
    done(serving, other, stranger)


def test_a_file_that_cannot_be_read_is_an_error(serving: Serving) -> None:
    """A trouble of the disk is not a change of the file, and its path is nobody's business."""
    held(serving).stamp = None
    held(serving).path.unlink()
    held(serving).path.mkdir()
    other = serving.connect()
    (error,) = other.ask(**asking(0))
    assert error["type"] == "ERROR"
    assert str(held(serving).path.parent) not in error["message"]
    assert serving.changes == []
    done(serving, other)


def test_an_unfinished_download_is_served_from_its_part_file(
    serving: Serving, tmp_path: Path
) -> None:
    """The chunks it has are given on while the rest still comes."""
    holding = held(serving)
    holding.part = PartFile.create(Disk(), tmp_path / "p", 95)
    holding.part.write(20, [CHUNKS[1]])
    other = serving.connect()
    (reply,) = other.ask(**asking(1))
    assert base64.b64decode(reply["data"]) == CHUNKS[1]
    holding.part.close()
    done(serving, other)


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
    done(serving)


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
    assert "data" in other.ask(**asking())[0]
    done(serving, other)


def test_an_idle_connection_is_closed(serving: Serving) -> None:
    """Each request starts the time anew; one under way does not count as idle."""
    other = serving.connect()
    serving.clock.advance(IDLE_TIMEOUT - 1)
    other.ask(**asking())
    serving.clock.advance(IDLE_TIMEOUT - 1)
    serving.clock.held = True
    other.say(**asking())
    serving.clock.advance(2 * IDLE_TIMEOUT)
    assert not other.disconnecting
    serving.clock.release()
    assert len(other.heard()) == 1
    serving.clock.advance(IDLE_TIMEOUT)
    serving.clock.advance(0)
    assert other.lost
    done(serving)


def test_the_frame_is_not_the_transport_buffer() -> None:
    """The tests of back-pressure rely on one frame being more than the transport buffers."""
    assert FRAME > BUFFER_SIZE
    assert MAX_QUEUE < 100
