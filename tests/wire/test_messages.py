"""The wire's vocabulary, byte by byte."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.chunks import FileInfo
from p2pfs.errors import MalformedMessage
from p2pfs.membership import Signature
from p2pfs.wire import messages as m

ROOT = "ab" * 32
INFO = FileInfo(10, 2, 5, ROOT)
WIRE_INFO = {"filesize": 10, "totalchunknum": 2, "chunksize": 5, "root": ROOT}

SIGNATURE, WIRE_SIGNATURE = (
    Signature(7, b"\x01", b"\x02"),
    {"at": 7, "signature": "AQ==", "key": "Ag=="},
)

# One of each, with what the contract says it is on the wire.
EXAMPLES: list[tuple[m.Message, dict[str, Any]]] = [
    (m.RequestRegister(":1"), {"type": "REQUEST_REGISTER", "address": ":1"}),
    (
        m.RequestRegister(":1", b"\x01", b"\x02", "10.0.0.1:1"),
        {
            "type": "REQUEST_REGISTER",
            "address": ":1",
            "key": "AQ==",
            "proof": "Ag==",
            "inner": "10.0.0.1:1",
        },
    ),
    (m.ReplyChallenge(b"\x03"), {"type": "REPLY_CHALLENGE", "nonce": "Aw=="}),
    (m.ReplyRegister("h:1"), {"type": "REPLY_REGISTER", "address": "h:1"}),
    (
        m.ReplyRegister("h:1", 1.5),
        {"type": "REPLY_REGISTER", "address": "h:1", "wall_clock": 1.5},
    ),
    (m.RequestReached("t"), {"type": "REQUEST_REACHED", "token": "t"}),
    (m.RequestProbe(), {"type": "REQUEST_PROBE"}),
    (m.NoticeReachable(False), {"type": "NOTICE_REACHABLE", "reachable": False}),
    (
        m.RequestCallBack("h:1#ab", "t"),
        {"type": "REQUEST_CALL_BACK", "peer": "h:1#ab", "token": "t"},
    ),
    (m.ReplyCallBack("h:1#ab"), {"type": "REPLY_CALL_BACK", "peer": "h:1#ab"}),
    (
        m.NoticeCallBack("h:1", "t"),
        {"type": "NOTICE_CALL_BACK", "address": "h:1", "token": "t"},
    ),
    (
        m.RequestJoin("gpu-17", b"\x03", b"\x30"),
        {"type": "REQUEST_JOIN", "name": "gpu-17", "secret": "Aw==", "request": "MA=="},
    ),
    (
        m.ReplyJoin([b"\x30", b"\x31"], b"\x32"),
        {"type": "REPLY_JOIN", "chain": ["MA==", "MQ=="], "revocations": "Mg=="},
    ),
    (m.RequestRenew(), {"type": "REQUEST_RENEW"}),
    (m.ReplyRenew([b"\x30"]), {"type": "REPLY_RENEW", "chain": ["MA=="]}),
    (
        m.NoticeRevocations(b"\x30"),
        {"type": "NOTICE_REVOCATIONS", "revocations": "MA=="},
    ),
    (
        m.RequestPublish("f", INFO),
        {"type": "REQUEST_PUBLISH", "filename": "f", "fileinfo": WIRE_INFO},
    ),
    (
        m.RequestPublish("f", INFO, SIGNATURE),
        {
            "type": "REQUEST_PUBLISH",
            "filename": "f",
            "fileinfo": WIRE_INFO,
            "signature": WIRE_SIGNATURE,
        },
    ),
    (
        m.RequestPublish("f", INFO, Signature(7, b"\x01", chain=(b"\x30", b"\x31"))),
        {
            "type": "REQUEST_PUBLISH",
            "filename": "f",
            "fileinfo": WIRE_INFO,
            "signature": {"at": 7, "signature": "AQ==", "chain": ["MA==", "MQ=="]},
        },
    ),
    (m.RequestUnpublish("f"), {"type": "REQUEST_UNPUBLISH", "filename": "f"}),
    (m.ReplyPublish("f", True), {"type": "REPLY_PUBLISH", "filename": "f", "result": True}),
    (
        m.ReplyPublish("f", False, "no"),
        {"type": "REPLY_PUBLISH", "filename": "f", "result": False, "message": "no"},
    ),
    (m.RequestFileList(), {"type": "REQUEST_FILE_LIST"}),
    (
        m.RequestFileList("a", "b"),
        {"type": "REQUEST_FILE_LIST", "prefix": "a", "after": "b"},
    ),
    (
        m.ReplyFileList({"f": INFO}, True),
        {"type": "REPLY_FILE_LIST", "filelist": {"f": WIRE_INFO}, "more": True},
    ),
    (m.ReplyFileList({}), {"type": "REPLY_FILE_LIST", "filelist": {}, "more": False}),
    (
        m.ReplyFileList({"f": INFO}, ages=[7]),
        {"type": "REPLY_FILE_LIST", "filelist": {"f": WIRE_INFO}, "more": False, "ages": [7]},
    ),
    (m.RequestFileLocation("f"), {"type": "REQUEST_FILE_LOCATION", "filename": "f"}),
    (
        m.ReplyFileLocation("f", INFO, {"h:1": b"\x80"}),
        {
            "type": "REPLY_FILE_LOCATION",
            "filename": "f",
            "fileinfo": WIRE_INFO,
            "chunkinfo": {"h:1": "gA=="},
        },
    ),
    (
        m.ReplyFileLocation("f", INFO, {}, 70, 12, 5_000_000),
        {
            "type": "REPLY_FILE_LOCATION",
            "filename": "f",
            "fileinfo": WIRE_INFO,
            "chunkinfo": {},
            "holders": 70,
            "crowd": 12,
            "rate": 5_000_000,
        },
    ),
    (
        m.ReplyFileLocation("f", INFO, {}, waiting={"h:1#ab": b"\xc0"}),
        {
            "type": "REPLY_FILE_LOCATION",
            "filename": "f",
            "fileinfo": WIRE_INFO,
            "chunkinfo": {},
            "waiting": {"h:1#ab": "wA=="},
        },
    ),
    (
        m.ReplyFileLocation("f", INFO, {}, signature=SIGNATURE),
        {
            "type": "REPLY_FILE_LOCATION",
            "filename": "f",
            "fileinfo": WIRE_INFO,
            "chunkinfo": {},
            "signature": WIRE_SIGNATURE,
        },
    ),
    (
        m.RequestChunkRegister("f", 0, fileinfo=INFO, signature=SIGNATURE),
        {
            "type": "REQUEST_CHUNK_REGISTER",
            "filename": "f",
            "chunknum": 0,
            "fileinfo": WIRE_INFO,
            "signature": WIRE_SIGNATURE,
        },
    ),
    (
        m.RequestChunkRegister("f", 1, up=5_000_000, down=6_000_000),
        {
            "type": "REQUEST_CHUNK_REGISTER",
            "filename": "f",
            "chunknum": 1,
            "up": 5_000_000,
            "down": 6_000_000,
        },
    ),
    (
        m.RequestChunkRegister("f", chunknum=0),
        {"type": "REQUEST_CHUNK_REGISTER", "filename": "f", "chunknum": 0},
    ),
    (
        m.RequestChunkRegister("f", chunks=b"\xc0", fileinfo=INFO),
        {
            "type": "REQUEST_CHUNK_REGISTER",
            "filename": "f",
            "chunks": "wA==",
            "fileinfo": WIRE_INFO,
        },
    ),
    (
        m.ReplyFileLocation("f", INFO, {"h:1": b"\x80", "h:2": b"\x80"}, proven=["h:2"]),
        {
            "type": "REPLY_FILE_LOCATION",
            "filename": "f",
            "fileinfo": WIRE_INFO,
            "chunkinfo": {"h:1": "gA==", "h:2": "gA=="},
            "proven": ["h:2"],
        },
    ),
    (
        m.RequestChunkRegister("f", 1, sources=["h:1", "[::1]:2"]),
        {
            "type": "REQUEST_CHUNK_REGISTER",
            "filename": "f",
            "chunknum": 1,
            "sources": ["h:1", "[::1]:2"],
        },
    ),
    (m.Error(None, "x"), {"type": "ERROR", "request": None, "message": "x"}),
    (
        m.Error("A", "x", "f", 0),
        {"type": "ERROR", "request": "A", "message": "x", "filename": "f", "chunknum": 0},
    ),
    (m.PeerPingPong(), {"type": "PEER_PING_PONG"}),
    (m.PeerPingPong(turns=True), {"type": "PEER_PING_PONG", "turns": True}),
    (m.PeerPingPong(probe="t"), {"type": "PEER_PING_PONG", "probe": "t"}),
    (m.PeerCallBack("t"), {"type": "PEER_CALL_BACK", "token": "t"}),
    (m.PeerTurns(), {"type": "PEER_TURNS"}),
    (
        m.PeerWant("f", b"\xc0", 2, ROOT),
        {"type": "PEER_WANT", "filename": "f", "chunks": "wA==", "room": 2, "root": ROOT},
    ),
    (m.PeerOffer("f", 1), {"type": "PEER_OFFER", "filename": "f", "chunknum": 1}),
    (
        m.PeerOffer("f", 1, True),
        {"type": "PEER_OFFER", "filename": "f", "chunknum": 1, "spare": True},
    ),
    (m.PeerBusy("f", 1), {"type": "PEER_BUSY", "filename": "f", "chunknum": 1}),
    (m.PeerReady("f"), {"type": "PEER_READY", "filename": "f"}),
    (m.PeerHave("f", 1), {"type": "PEER_HAVE", "filename": "f", "chunknum": 1}),
    (
        m.PeerRequestChunk("f", 0),
        {"type": "PEER_REQUEST_CHUNK", "filename": "f", "chunknum": 0},
    ),
    (
        m.PeerRequestChunk("f", 1, ROOT, "raw"),
        {
            "type": "PEER_REQUEST_CHUNK",
            "filename": "f",
            "chunknum": 1,
            "root": ROOT,
            "encoding": "raw",
        },
    ),
    (
        m.PeerReplyChunk("f", 1, ROOT, data="aa"),
        {
            "type": "PEER_REPLY_CHUNK",
            "filename": "f",
            "chunknum": 1,
            "digest": ROOT,
            "data": "aa",
        },
    ),
    (
        m.PeerReplyChunk("f", 1, ROOT, length=5),
        {
            "type": "PEER_REPLY_CHUNK",
            "filename": "f",
            "chunknum": 1,
            "digest": ROOT,
            "length": 5,
        },
    ),
    (
        m.PeerRequestDigests("f", ROOT),
        {"type": "PEER_REQUEST_DIGESTS", "filename": "f", "root": ROOT},
    ),
    (
        m.PeerReplyDigests("f", ROOT, b"\xff"),
        {"type": "PEER_REPLY_DIGESTS", "filename": "f", "root": ROOT, "data": "/w=="},
    ),
]


@pytest.mark.parametrize(("message", "wire"), EXAMPLES)
def test_a_message_is_what_the_contract_says(message: m.Message, wire: dict[str, Any]) -> None:
    """Tag, field names and values are exact, on one line, and are read back as the same."""
    line = m.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == wire
    assert m.decode(line[:-1]) == message
    assert m.type_of(type(message)) == wire["type"]


def test_every_message_has_an_example() -> None:
    """A new message cannot be added without saying here what it is on the wire."""
    assert {type(message) for message, _ in EXAMPLES} == set(get_args(m.Message))


@pytest.mark.parametrize(("message", "wire"), EXAMPLES)
def test_unknown_fields_order_and_spacing_do_not_matter(
    message: m.Message, wire: dict[str, Any]
) -> None:
    """A message of a newer or a foreign client means the same."""
    fields = {"new": {"deep": [1, None]}, **dict(reversed(wire.items())), "z": 1.5}
    assert m.decode(
        json.dumps(fields, indent=None, separators=(" , ", " : ")).encode() + b"\r"
    ) == (message)


@given(st.text(max_size=20), st.integers(0, 1 << 60))
def test_any_text_survives(name: str, number: int) -> None:
    """Every name, with line ends and quotes in it, stays one line and comes back."""
    message = m.PeerRequestChunk(name, number)
    line = m.encode(message)
    assert line.index(b"\n") == len(line) - 1
    assert m.decode(line[:-1]) == message


NO_TYPE = [
    b"",
    b"\r",
    b"null",
    b"[]",
    b'"REQUEST_FILE_LIST"',
    b"{}",
    b'{"type":null}',
    b'{"type":7}',
    b'{"type":""}',
    b'{"type":"REQUEST_FILE_LIST"',
    b'{"type":"REQUEST_FILE_LIST"}}',
    b'{"type":"REQUEST_FILE_LIST"} {}',
    b'{"type":"REQUEST_FILE_LIST","x":' + b"[" * 200_000,
    b'{"type":"REQUEST_FILE_LIST","x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    b'{"type":"\xff"}',
    b'{"type":"\\ud800"}',
    b"\xff\xfe{\x00}\x00",
    b"GET / HTTP/1.1",
]


@pytest.mark.parametrize("line", NO_TYPE)
def test_a_line_without_a_readable_type_is_undecodable(line: bytes) -> None:
    """Whatever a stranger sends, the outcome is this one error, and answers no request."""
    with pytest.raises(m.UndecodableMessage, match="not a message of the protocol") as caught:
        m.decode(line)
    assert caught.value.request is None


@pytest.mark.parametrize(
    ("line", "request_type"),
    [
        (b'{"type":"FETCH"}', "FETCH"),
        (b'{"type":"request_file_list"}', "request_file_list"),
        (b'{"type":"REQUEST_REGISTER"}', "REQUEST_REGISTER"),
        (b'{"type":"REQUEST_REGISTER","address":1}', "REQUEST_REGISTER"),
        (b'{"type":"REQUEST_UNPUBLISH","filename":"\xff"}', "REQUEST_UNPUBLISH"),
        (b'{"type":"REQUEST_FILE_LIST","prefix":null}', "REQUEST_FILE_LIST"),
        (b'{"type":"REQUEST_PUBLISH","filename":"f","fileinfo":[]}', "REQUEST_PUBLISH"),
        (
            b'{"type":"REQUEST_PUBLISH","filename":"f","fileinfo":'
            b'{"filesize":1,"totalchunknum":7}}',
            "REQUEST_PUBLISH",
        ),
        (
            b'{"type":"REQUEST_PUBLISH","filename":"f","fileinfo":'
            b'{"filesize":1,"totalchunknum":1,"root":"zz"}}',
            "REQUEST_PUBLISH",
        ),
        (
            b'{"type":"REQUEST_CHUNK_REGISTER","filename":"f","chunks":"%%"}',
            "REQUEST_CHUNK_REGISTER",
        ),
        (
            b'{"type":"PEER_REQUEST_CHUNK","filename":"f","chunknum":1.5}',
            "PEER_REQUEST_CHUNK",
        ),
        (
            b'{"type":"PEER_REQUEST_CHUNK","filename":"f","chunknum":true}',
            "PEER_REQUEST_CHUNK",
        ),
        (
            b'{"type":"PEER_REQUEST_CHUNK","filename":"f","chunknum":' + b"9" * 100_000 + b"}",
            "PEER_REQUEST_CHUNK",
        ),
        (b'{"type":"' + b"X" * 1000 + b'"}', "X" * 64),
    ],
)
def test_an_undecodable_line_names_its_type(line: bytes, request_type: str) -> None:
    """The ERROR can say which request it answers, where that could be read."""
    with pytest.raises(m.UndecodableMessage) as caught:
        m.decode(line)
    assert caught.value.request == request_type


@given(st.binary(max_size=60) | st.sampled_from([m.encode(e) for e, _ in EXAMPLES]), st.data())
def test_damage_is_never_anything_but_undecodable(line: bytes, data: Any) -> None:
    """No cut or changed byte makes decoding raise anything else."""
    damaged = bytearray(line[: data.draw(st.integers(0, len(line)))])
    if damaged:
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        m.encode(m.decode(bytes(damaged)))
    except m.UndecodableMessage as error:
        m.encode(m.Error(error.request, str(error)))


def test_the_reason_is_short() -> None:
    """The ERROR that quotes a 4 MiB type is not itself over the limit for a line."""
    with pytest.raises(m.UndecodableMessage) as caught:
        m.decode(b'{"type":"' + b"X" * (m.CONTROL_LINE_LIMIT - 11) + b'"}')
    assert len(m.encode(m.Error(caught.value.request, str(caught.value)))) < 2000


@pytest.mark.parametrize("token", ['"abc"', "1.5", "[1]", "9" * 5000, '{"a":null}'])
def test_a_ping_may_have_any_fields(token: str) -> None:
    """A ping is echoed, whatever a foreign client puts into it."""
    assert isinstance(
        m.decode(f'{{"type":"PEER_PING_PONG","token":{token}}}'.encode()), m.PeerPingPong
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hash": "md5", "root": ROOT}, "hash is not 'blake3', and has to be left out for SHA-256"),
        ({"hash": "sha256", "root": ROOT}, "hash is not 'blake3'"),
        ({"hash": "blake3"}, "hash is without a root; give both, or neither"),
        ({"hash": 3, "root": ROOT}, "Expected `str | null`"),
    ],
)
def test_a_fileinfo_with_a_wrong_hash_is_malformed(fields: dict[str, Any], words: str) -> None:
    """With a sentence for who wrote the client."""
    info = {"filesize": 1, "totalchunknum": 1, **fields}
    line = json.dumps({"type": "REQUEST_PUBLISH", "filename": "f", "fileinfo": info}).encode()
    with pytest.raises(m.UndecodableMessage) as malformed:
        m.decode(line)
    assert malformed.value.request == "REQUEST_PUBLISH"
    assert words in str(malformed.value)


def test_the_hash_is_said_where_it_is_not_sha256() -> None:
    """So what was said before there was a choice means what it meant."""
    info = FileInfo(1, 1, root=ROOT, hash="blake3")
    line = m.encode(m.RequestPublish("f", info))
    assert json.loads(line)["fileinfo"]["hash"] == "blake3"
    assert m.decode(line) == m.RequestPublish("f", info)
    assert b"hash" not in m.encode(m.RequestPublish("f", FileInfo(1, 1, root=ROOT)))


def test_a_chunk_in_base64_is_one_message_in_three_parts() -> None:
    """What is before and behind the base64 makes a line of it, with the digest behind."""
    name, digest = 'a "\\ü', bytes(range(32))
    line = m.before_chunk(name, 7) + m.encode_chunk(b"content") + m.after_chunk(digest)
    assert line.endswith(b"\n")
    whole = m.PeerReplyChunk(name, 7, digest.hex(), m.encode_chunk(b"content").decode())
    assert m.decode(line[:-1]) == whole


def test_fileinfo_on_the_wire() -> None:
    """The chunk size is always written, and 1 MiB when it was not; no root is no field."""
    line = m.encode(m.RequestPublish("f", FileInfo(1, 1)))
    assert json.loads(line)["fileinfo"] == {
        "filesize": 1,
        "totalchunknum": 1,
        "chunksize": 1048576,
    }
    short = b'{"type":"REQUEST_PUBLISH","filename":"f","fileinfo":{"filesize":1,"totalchunknum":1}}'
    assert m.decode(short) == m.RequestPublish("f", FileInfo(1, 1, 1048576, None))


# Base64


@given(st.binary(max_size=100))
def test_a_chunk_survives_base64(data: bytes) -> None:
    """The text of a chunk is its bytes again."""
    assert m.decode_chunk(m.encode_chunk(data)) == data


@pytest.mark.parametrize(
    "text", ["YWI", "Y", "YW=I", "YW JhYg==", "YWI\n", "YWI-", "\u00e9YWI", "===="]
)
def test_what_is_no_base64_is_malformed(text: str) -> None:
    """Nothing is skipped or guessed in the data of a chunk."""
    with pytest.raises(MalformedMessage, match="not base64"):
        m.decode_chunk(text)
