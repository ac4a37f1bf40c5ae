"""The tracker's answers, row by row of the contract."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import pytest

from p2pfs.wire import messages as m
from tests.memory_transport import MemoryTransport
from tests.tracker.tracker_connections import INFO, OTHER, ROOT, MemoryTracker


def location(peer: MemoryTransport, name: str = "f") -> dict[str, str]:
    """Who holds what, as the tracker tells it."""
    (reply,) = peer.ask(type="REQUEST_FILE_LOCATION", filename=name)
    assert reply["type"] == "REPLY_FILE_LOCATION", reply
    assert (reply["filename"], reply["fileinfo"]) == (name, INFO)
    return {
        address: "".join(f"{byte:08b}" for byte in base64.b64decode(bits))
        for address, bits in reply["chunkinfo"].items()
    }


# Publishing


def test_a_published_file_is_listed_with_its_holder() -> None:
    """The publisher holds every chunk; the spare bits are 0."""
    tracker = MemoryTracker()
    peer = tracker.join()
    tracker.share(peer)
    assert location(peer) == {"192.0.2.7:6881": "11111000"}


def test_the_same_content_gets_one_more_holder() -> None:
    """The root in upper case is the same content."""
    tracker = MemoryTracker()
    first, second = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    tracker.share(first)
    tracker.share(second, **{**INFO, "root": ROOT.upper()})
    assert set(location(first)) == {"192.0.2.1:6881", "192.0.2.2:6881"}


def test_another_content_is_refused_and_changes_nothing() -> None:
    """The answer says why, in a reply and not an ERROR."""
    tracker = MemoryTracker()
    first, second = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    tracker.share(first)
    (reply,) = second.ask(type="REQUEST_PUBLISH", filename="f", fileinfo=OTHER)
    assert (reply["type"], reply["filename"], reply["result"]) == ("REPLY_PUBLISH", "f", False)
    assert "Another content" in reply["message"]
    assert set(location(first)) == {"192.0.2.1:6881"}


def test_an_invalid_name_is_refused() -> None:
    """The validator's reason comes back with the name."""
    tracker = MemoryTracker()
    (reply,) = tracker.join().ask(type="REQUEST_PUBLISH", filename="../f", fileinfo=INFO)
    assert (reply["type"], reply["filename"], reply["result"]) == ("REPLY_PUBLISH", "../f", False)


def test_an_unpublished_file_loses_its_holder_and_then_its_listing() -> None:
    """Unpublishing is answered with REPLY_PUBLISH, true only when something was held."""
    tracker = MemoryTracker()
    first, second = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    tracker.share(first)
    tracker.share(second)
    (reply,) = first.ask(type="REQUEST_UNPUBLISH", filename="f")
    assert reply == {"type": "REPLY_PUBLISH", "filename": "f", "result": True}
    assert set(location(first)) == {"192.0.2.2:6881"}
    (reply,) = first.ask(type="REQUEST_UNPUBLISH", filename="f")
    assert (reply["type"], reply["result"]) == ("REPLY_PUBLISH", False)
    second.ask(type="REQUEST_UNPUBLISH", filename="f")
    assert second.ask(type="REQUEST_FILE_LIST")[0]["filelist"] == {}
    (reply,) = second.ask(type="REQUEST_FILE_LOCATION", filename="f")
    assert (reply["type"], reply["request"], reply["filename"]) == (
        "ERROR",
        "REQUEST_FILE_LOCATION",
        "f",
    )


# Chunks


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({"chunknum": 1}, "01000000"),
        ({"chunks": "oA=="}, "10100000"),
        ({"chunknum": 4, "fileinfo": INFO}, "00001000"),
    ],
)
def test_a_chunk_holder_is_recorded_without_reply(fields: dict[str, Any], held: str) -> None:
    """By number or by bitfield, with the content stated or not."""
    tracker = MemoryTracker()
    seed, peer = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    tracker.share(seed)
    assert peer.ask(type="REQUEST_CHUNK_REGISTER", filename="f", **fields) == []
    assert location(peer)["192.0.2.2:6881"] == held
    peer.say(type="REQUEST_CHUNK_REGISTER", filename="f", chunknum=3)
    assert location(peer)["192.0.2.2:6881"] == held[:3] + "1" + held[4:]


def test_chunks_with_a_fileinfo_list_an_unknown_file() -> None:
    """A peer that comes back after a tracker's restart brings its part of a file along."""
    tracker = MemoryTracker()
    peer = tracker.join()
    fields = {"filename": "f", "chunks": "iA==", "fileinfo": INFO}
    assert peer.ask(type="REQUEST_CHUNK_REGISTER", **fields) == []
    assert location(peer) == {"192.0.2.7:6881": "10001000"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("f", {}),
        ("f", {"chunknum": 0, "chunks": "gA=="}),
        ("f", {"chunknum": 5}),
        ("f", {"chunknum": -1}),
        ("f", {"chunknum": 10**30}),
        ("f", {"chunks": "/w=="}),
        ("f", {"chunks": "gAA="}),
        ("f", {"chunks": "?"}),
        ("f", {"chunknum": 0, "fileinfo": OTHER}),
        ("unknown", {"chunknum": 0}),
        ("../f", {"chunknum": 0, "fileinfo": INFO}),
    ],
)
def test_impossible_chunks_are_an_error(name: str, fields: dict[str, Any]) -> None:
    """No chunk outside the file, of another content or of an unknown file gets on record."""
    tracker = MemoryTracker()
    seed, peer = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    tracker.share(seed)
    (reply,) = peer.ask(type="REQUEST_CHUNK_REGISTER", filename=name, **fields)
    assert (reply["type"], reply["request"]) == ("ERROR", "REQUEST_CHUNK_REGISTER")
    assert location(peer) == {"192.0.2.1:6881": "11111000"}


# Listing


def test_the_list_goes_by_prefix_and_after() -> None:
    """In order, with what is known of each and how long it is listed; `more` is always there."""
    tracker = MemoryTracker()
    peer = tracker.join()
    for name in ["b/2", "a", "b/1", "c"]:
        tracker.share(peer, name)
        tracker.clock.advance(2.5)
    tracker.share(peer, "a")  # which changes nothing
    (reply,) = peer.ask(type="REQUEST_FILE_LIST")
    assert reply == {
        "type": "REPLY_FILE_LIST",
        "filelist": dict.fromkeys(["a", "b/1", "b/2", "c"], INFO),
        "more": False,
        "ages": [7, 5, 10, 2],
    }
    assert list(reply["filelist"]) == ["a", "b/1", "b/2", "c"]
    (reply,) = peer.ask(type="REQUEST_FILE_LIST", prefix="b/", after="b/1")
    assert list(reply["filelist"]) == ["b/2"]


def test_a_long_list_comes_in_several_lines() -> None:
    """No reply is over the limit of a line, `more` says to go on, and nothing is left out."""
    tracker = MemoryTracker()
    peer = tracker.join()
    names = [f"{number:04}" + "\u65e5" * 330 for number in range(3000)]
    for name in names:
        tracker.share(peer, name)
    seen: list[str] = []
    more = True
    while more:
        peer.say(type="REQUEST_FILE_LIST", after=seen[-1] if seen else "")
        tracker.clock.advance(0)
        line = peer.take()
        assert len(line) - 1 <= m.CONTROL_LINE_LIMIT
        reply = json.loads(line)
        seen += reply["filelist"]
        assert reply["more"] == (len(seen) < len(names))
        more = reply["more"]
    assert seen == names


# Messages out of place


@pytest.mark.parametrize(
    "request_type", ["REQUEST_PUBLISH", "REQUEST_UNPUBLISH", "REQUEST_CHUNK_REGISTER"]
)
def test_before_joining_nobody_becomes_a_holder(request_type: str) -> None:
    """Requests that would record a holder are an ERROR until REQUEST_REGISTER."""
    tracker = MemoryTracker()
    peer = tracker.connect()
    (reply,) = peer.ask(type=request_type, filename="f", fileinfo=INFO, chunknum=0)
    assert (reply["type"], reply["request"], reply["filename"]) == ("ERROR", request_type, "f")
    assert "REQUEST_REGISTER" in reply["message"]
    assert list(tracker.directory) == []


def test_asking_needs_no_joining() -> None:
    """Lists and locations are open to a connection that has not registered."""
    tracker = MemoryTracker()
    tracker.share(tracker.join())
    visitor = tracker.connect("192.0.2.99")
    assert list(visitor.ask(type="REQUEST_FILE_LIST")[0]["filelist"]) == ["f"]
    assert location(visitor) == {"192.0.2.7:6881": "11111000"}


@pytest.mark.parametrize(
    "message",
    [
        m.PeerRequestChunk("f", 0),
        m.PeerRequestDigests("f", ROOT),
        m.PeerPingPong(),
        m.PeerReplyChunk("f", 0, ROOT, length=4),
        m.PeerReplyDigests("f", ROOT, b""),
        m.ReplyRegister("a:1"),
        m.ReplyPublish("f", True),
        m.ReplyFileList({}),
    ],
)
def test_a_message_for_somebody_else_is_an_error(message: m.Message) -> None:
    """Messages between peers and replies are answered with ERROR; the connection lives on."""
    tracker = MemoryTracker()
    peer = tracker.join()
    peer.deliver(m.encode(message))
    (reply,) = peer.heard()
    assert (reply["type"], reply["request"]) == ("ERROR", m.type_of(type(message)))
    assert peer.ask(type="REQUEST_FILE_LIST")[0]["filelist"] == {}


def test_an_error_is_not_answered() -> None:
    """Two sides that answer errors with errors would never stop."""
    peer = MemoryTracker().join()
    assert peer.ask(type="ERROR", request=None, message="?") == []
    assert not peer.disconnecting


def test_a_malformed_line_harms_nobody_else() -> None:
    """The sender is told and goes on, and what it shares stays listed."""
    tracker = MemoryTracker()
    peer, other = tracker.join("192.0.2.1"), tracker.join("192.0.2.2")
    tracker.share(peer)
    peer.deliver(b'{"type":"REQUEST_PUBLISH","filename":7}\n\xff\n' + b"[" * 10_000 + b"\n")
    assert [reply["request"] for reply in peer.heard()] == ["REQUEST_PUBLISH", None, None]
    assert other.heard() == []
    assert location(peer) == location(other) == {"192.0.2.1:6881": "11111000"}


def test_pipelined_requests_are_answered_in_order() -> None:
    """One segment with several requests, and a second connection in between."""
    tracker = MemoryTracker()
    peer, other = tracker.connect("192.0.2.1"), tracker.join("192.0.2.2")
    peer.deliver(
        b"".join(
            [
                m.encode(m.RequestRegister(":1")),
                m.encode(m.RequestChunkRegister("f", chunknum=0)),
                m.encode(m.RequestPublish("f", m.FileInfo(1, 1))),
                m.encode(m.RequestFileList()),
                m.encode(m.RequestUnpublish("f")),
                m.encode(m.RequestFileLocation("f")),
            ]
        )
    )
    assert other.ask(type="REQUEST_FILE_LIST")[0]["filelist"] == {}
    replies = [(r["type"], r.get("request")) for r in peer.heard()]
    assert replies == [
        ("REPLY_REGISTER", None),
        ("ERROR", "REQUEST_CHUNK_REGISTER"),
        ("REPLY_PUBLISH", None),
        ("REPLY_FILE_LIST", None),
        ("REPLY_PUBLISH", None),
        ("ERROR", "REQUEST_FILE_LOCATION"),
    ]


def test_a_connection_takes_little_memory() -> None:
    """All share one table of their attributes' names, as long as these are not too many."""
    tracker = MemoryTracker()
    connections = [tracker.join(port=number + 1).protocol for number in range(3)]
    assert all(sys.getsizeof(vars(connection)) < 512 for connection in connections)
