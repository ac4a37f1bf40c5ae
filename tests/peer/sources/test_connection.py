"""The downloading side of a connection between peers."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import P2pfsError, SourceFailed
from p2pfs.hashing import Hash
from p2pfs.peer.payloads.chunk_sink import HIGH_WATER
from p2pfs.peer.sources import Answer
from p2pfs.peer.sources.connection import PROBE_SECONDS, WrongChunk
from p2pfs.wire import messages as m
from tests.memory_transport import MemoryTransport
from tests.peer.holdings import content, described
from tests.peer.serving_pair import SILENCE, Downloader
from tests.peer.turns import have, offer, spare, want_list

DATA = content(95)
INFO, HASHES = described(DATA, 20)
CHUNKS = [DATA[start : start + 20] for start in range(0, 95, 20)]


@pytest.fixture
def down() -> Iterator[Downloader]:
    """A downloader of the file."""
    downloader = Downloader(INFO)
    yield downloader
    downloader.close()


def outcome(deferred: Deferred[Any]) -> Any:
    """What a Deferred fired with, or the error it failed with; None while it waits."""
    results: list[Any] = []

    def failed(failure: Failure) -> None:
        failure.trap(P2pfsError)
        results.append(failure.value)

    deferred.addCallbacks(results.append, failed)
    return results[0] if results else None


def line(chunknum: int, /, **fields: Any) -> bytes:
    """A PEER_REPLY_CHUNK line, right but for what is given."""
    digest = hashlib.sha256(CHUNKS[chunknum]).hexdigest()
    message = {"type": "PEER_REPLY_CHUNK", "filename": "f", "chunknum": chunknum, "digest": digest}
    return json.dumps({**message, **fields}).encode() + b"\n"


def in_base64(chunknum: int) -> bytes:
    """A right reply in base64."""
    return line(chunknum, data=base64.b64encode(CHUNKS[chunknum]).decode())


def in_raw(chunknum: int) -> bytes:
    """A right reply with its raw payload."""
    return line(chunknum, length=len(CHUNKS[chunknum])) + CHUNKS[chunknum]


def test_the_request_states_content_and_encoding(down: Downloader) -> None:
    """A peer that holds another content can tell, and one that can sends raw bytes."""
    other = down.connect()
    asked = down.fetch(2)
    assert other.heard() == [
        {
            "type": "PEER_REQUEST_CHUNK",
            "filename": "f",
            "chunknum": 2,
            "root": INFO.root,
            "encoding": "raw",
        }
    ]
    other.hang_up()
    assert isinstance(outcome(asked), SourceFailed)


@given(st.lists(st.booleans(), min_size=5, max_size=5), st.integers(1, 200))
def test_raw_and_base64_replies_are_taken_in_every_split(kinds: list[bool], step: int) -> None:
    """Several in flight, of either kind, in segments of any size: every byte in its place."""
    down = Downloader(INFO)
    other = down.connect()
    asked = [down.fetch(number) for number in range(5)]
    stream = b"".join(in_raw(n) if raw else in_base64(n) for n, raw in enumerate(kinds))
    for start in range(0, len(stream), step):
        other.deliver(stream[start : start + step])
    digests = [hashlib.sha256(chunk).digest() for chunk in CHUNKS]
    assert [outcome(one) for one in asked] == digests
    assert [outcome(down.sinks[n].finish()) for n in range(5)] == digests
    assert down.written() == DATA
    other.hang_up()
    assert not down.clock.getDelayedCalls()
    down.close()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (line(0, length=19) + CHUNKS[0][:19], "wrong length"),
        (line(0, length=10**15), "wrong length"),
        (line(0, length=-1), "wrong length"),
        (line(0, length=0), "wrong length"),
        (line(0, data=base64.b64encode(b"x" * 19).decode()), "wrong length"),
        (line(0, data=base64.b64encode(b"x" * 21).decode()), "wrong length"),
        (line(0, data="!" * 28), "not base64"),
        (line(0), "without digest or data"),
        (line(0, length=20, data="x"), "without digest or data"),
        (line(0, length=20, digest="xyz") + CHUNKS[0], "without digest or data"),
        (line(0, length=20, chunknum=1) + CHUNKS[0], "another chunk"),
        (line(0, length=20, filename="g") + CHUNKS[0], "another chunk"),
    ],
)
def test_a_wrong_reply_is_blamed_and_ends_the_connection(
    down: Downloader, reply: bytes, words: str
) -> None:
    """`WrongChunk` for the one that was wrong, `SourceFailed` for the rest, nothing written."""
    other = down.connect()
    first, second = down.fetch(0), down.fetch(1)
    other.deliver(reply)
    down.clock.advance(0)
    error = outcome(first)
    assert isinstance(error, WrongChunk)
    assert words in str(error)
    assert str(error).startswith("192.0.2.9:6881: ")
    error = outcome(second)
    assert isinstance(error, SourceFailed)
    assert not isinstance(error, WrongChunk)
    assert other.aborted
    assert down.written() == b""
    assert not down.clock.getDelayedCalls()


def test_the_claimed_digest_is_what_the_sender_said(down: Downloader) -> None:
    """It is for the caller to compare with the sink's and the hash list's."""
    other = down.connect()
    asked = down.fetch(0)
    other.deliver(line(0, length=20, digest="AB" * 32) + CHUNKS[0])
    assert outcome(asked) == b"\xab" * 32
    assert outcome(down.sinks[0].finish()) == HASHES[0]


def test_raw_bytes_of_a_file_with_a_root_need_no_digest(down: Downloader) -> None:
    """Nothing is claimed then; what comes is checked against the hash list all the same."""
    other = down.connect()
    asked = down.fetch(0)
    other.deliver(line(0, length=20, digest=None) + CHUNKS[0])
    assert asked.called
    assert outcome(asked) is None
    assert outcome(down.sinks[0].finish()) == HASHES[0]
    other.hang_up()


def test_of_a_file_without_a_root_a_digest_is_needed() -> None:
    """There is nothing else to check it against."""
    down = Downloader(FileInfo(95, 5, 20))
    other = down.connect()
    asked = down.fetch(0)
    other.deliver(line(0, length=20, digest=None) + CHUNKS[0])
    assert "without digest or data" in str(outcome(asked))
    assert other.aborted
    down.close()


@pytest.mark.parametrize("reply", [in_raw(0), in_base64(0), in_raw(0).replace(b'"digest"', b'"x"')])
def test_a_claim_of_another_hash_than_the_files_is_none(reply: bytes) -> None:
    """The digest in a reply is SHA-256, which says nothing of what a BLAKE3 list has."""
    info, hashes = described(DATA, 20, Hash.BLAKE3)
    down = Downloader(info)
    other = down.connect()
    asked = down.fetch(0)
    other.deliver(reply)
    assert asked.called
    assert outcome(asked) is None
    assert outcome(down.sinks[0].finish()) == hashes[0] != HASHES[0]
    other.hang_up()
    down.close()


@pytest.mark.parametrize("function", Hash)
def test_base64_without_a_digest_is_wrong(function: Hash) -> None:
    """Whoever can send base64 has it; so simple clients can rely on it."""
    down = Downloader(described(DATA, 20, function)[0])
    other = down.connect()
    asked = down.fetch(0)
    other.deliver(in_base64(0).replace(b'"digest"', b'"x"'))
    assert isinstance(outcome(asked), WrongChunk)
    assert other.aborted
    down.close()


def test_a_base64_line_may_be_as_long_as_its_chunk_needs() -> None:
    """What is beside the chunk in it has its limit, and so have other lines."""
    size = 6 << 20
    info, _ = described(bytes(size), size)
    down = Downloader(info)
    other = down.connect()
    asked = down.fetch(0)
    data = base64.b64encode(bytes(size)).decode()
    digest = hashlib.sha256(bytes(size)).hexdigest()
    other.deliver(m.encode(m.PeerReplyChunk("f", 0, digest, data)))
    assert outcome(asked) == bytes.fromhex(digest)
    other.deliver(b"x" * (m.SERVING_LINE_LIMIT + 2))
    down.clock.advance(0)
    assert other.lost
    down.close()


def test_a_cancelled_chunk_is_not_written(down: Downloader) -> None:
    """Bytes of a cancelled request still come and go nowhere; the next chunk is right."""
    other = down.connect()
    first, second = down.fetch(0), down.fetch(1)
    other.deliver(in_raw(0)[:-5])
    first.addErrback(lambda _: None).cancel()
    other.deliver(in_raw(0)[-5:] + in_raw(1))
    assert outcome(second) == HASHES[1]
    assert down.written()[:40] == bytes(20) + CHUNKS[1]
    other.hang_up()


def test_a_cancelled_chunk_in_base64_is_not_written(down: Downloader) -> None:
    """The part file may be closed by then, and its descriptor somebody else's."""
    other = down.connect()
    down.fetch(0).addErrback(lambda _: None).cancel()
    other.deliver(in_base64(0))
    assert down.written() == b""


def test_a_slow_disk_pauses_the_connection() -> None:
    """What waits for the disk is bounded: reading stops, and goes on when there is room."""
    size = 4 * HIGH_WATER
    data = content(size)
    info, _ = described(data, size)
    down = Downloader(info)
    other = down.connect()
    down.clock.held = True
    asked = down.fetch(0)
    other.deliver(line(0, length=size))
    for start in range(0, size, 1 << 18):
        other.deliver(data[start : start + (1 << 18)])
    assert other.producerState == "paused"
    assert outcome(asked) is None
    down.clock.release()
    down.clock.advance(0)
    assert asked.called
    assert down.written() == data
    other.hang_up()
    down.close()


def test_a_ping_measures_the_round_trip(down: Downloader) -> None:
    """From the request to the line that comes back."""
    other = down.connect()
    ping = down.source.ping()
    sent = other.take()
    down.clock.advance(0.25)
    other.deliver(sent)
    assert outcome(ping) == 0.25
    other.hang_up()


@pytest.mark.parametrize(
    "data",
    [b"", bytes(32 * 5), bytes(HASHES)[:-32], bytes(HASHES) + bytes(32), bytes(HASHES)[::-1]],
)
def test_a_hash_list_is_checked_against_the_root(down: Downloader, data: bytes) -> None:
    """One that does not match is the sender's fault; the right one is taken."""
    other = down.connect()
    asked = down.source.fetch_hash_list("f", INFO)
    assert other.heard()[0] == {"type": "PEER_REQUEST_DIGESTS", "filename": "f", "root": INFO.root}
    other.deliver(m.encode(m.PeerReplyDigests("f", str(INFO.root), data)))
    assert isinstance(outcome(asked), WrongChunk)
    again = down.source.fetch_hash_list("f", INFO)
    other.deliver(m.encode(m.PeerReplyDigests("f", str(INFO.root), bytes(HASHES))))
    assert bytes(outcome(again)) == bytes(HASHES)
    other.hang_up()


# Turns


def connected(down: Downloader, turns: bool) -> MemoryTransport:
    """A connection to a source, which knows of turns or not."""
    far = down.connect()
    down.source.ping()
    far.take()
    if turns:
        far.say(type="PEER_TURNS")
    far.say(type="PEER_PING_PONG", turns=True)
    assert down.source.takes_turns == turns
    return far


def test_an_offer_is_taken_or_declined(down: Downloader) -> None:
    """What is not taken is declined, so that the source can turn to another."""
    far = connected(down, turns=True)
    taken: list[tuple[int, bool]] = []
    answers = {1: Answer.TAKEN, 2: Answer.DECLINED, 4: Answer.BUSY}

    def take(chunknum: int, spare: bool) -> Answer:
        taken.append((chunknum, spare))
        return answers[chunknum]

    down.source.want("f", INFO, ChunkSet.full(5), 2, take, lambda _: None)
    assert far.heard() == [want_list(0, 1, 2, 3, 4, room=2, root=INFO.root)]
    far.say(**offer(1))
    assert far.heard() == []
    far.say(**offer(2))
    assert (far.heard(), taken) == ([have(2)], [(1, False), (2, False)])
    far.say(**spare(4))
    assert far.heard() == [{"type": "PEER_BUSY", "filename": "f", "chunknum": 4}]
    assert taken.pop() == (4, True)
    down.source.ready("f")
    assert far.heard() == [{"type": "PEER_READY", "filename": "f"}]
    down.source.want_nothing("f", INFO)
    assert far.heard() == [want_list(room=0, root=INFO.root)]
    far.say(**offer(3))
    assert (far.heard(), taken) == ([have(3)], [(1, False), (2, False)])
    far.hang_up()


def test_an_offer_of_a_source_that_knows_no_turns_is_a_complaint(down: Downloader) -> None:
    """Such a source was told nothing, so the offer answers nothing."""
    far = connected(down, turns=False)
    far.say(**offer(1))
    assert far.heard()[0]["type"] == "ERROR"
    far.hang_up()


def test_a_refused_want_list_ends_no_connection(down: Downloader) -> None:
    """Other files may come over it."""
    far = connected(down, turns=True)
    refused: list[str] = []
    down.source.want("f", INFO, ChunkSet.full(5), 2, lambda *_: Answer.TAKEN, refused.append)
    far.take()
    far.say(type="ERROR", request="PEER_WANT", message="no\u0007", filename="f")
    assert refused == [r"no\u0007"]
    assert not far.aborted
    far.hang_up()


def test_a_source_that_owes_only_offers_must_be_alive(down: Downloader) -> None:
    """A dead connection is noticed although nothing is asked over it."""
    far = connected(down, turns=True)
    down.source.probe()
    assert far.heard() == []
    down.clock.advance(PROBE_SECONDS)
    down.source.probe()
    down.source.probe()
    assert far.heard() == [{"type": "PEER_PING_PONG", "turns": True}]
    for _ in range(round(SILENCE) + 1):
        down.clock.advance(1.0)
    assert far.aborted
