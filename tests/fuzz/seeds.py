"""Write the seeds, valid conversations that fuzzers start from: ``python -m tests.fuzz.seeds``."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator

from p2pfs.chunks import FileInfo
from p2pfs.identity import PeerKey
from p2pfs.membership import Signature
from p2pfs.membership.signature import sign
from p2pfs.wire import messages as m
from tests.fuzz import CORPUS
from tests.fuzz.content import CHUNKS, DATA, HASHES, INFO, described
from tests.fuzz.script import script

SMALL = FileInfo(14, 1)
EMPTY = FileInfo(0, 0)
NINE = FileInfo(17, 9, 2, "ab" * 32)
"""Nine chunks: the second byte of a bitfield has spare bits."""
OTHER = FileInfo(14, 7, 2, "cd" * 32)
KEY = PeerKey.from_seed(bytes(32))


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """Each seed's target, name, and bytes."""
    for number, message in enumerate(_messages()):
        yield "messages", f"{number:02}-{m.type_of(type(message))}", m.encode(message)[:-1]
    # By chance no change comes to three numbers that agree and are too large.
    yield (
        "messages",
        "too-many-chunks",
        (
            b'{"type":"REQUEST_PUBLISH","filename":"f","fileinfo":'
            b'{"filesize":1000000000000000,"totalchunknum":1000000000000000,"chunksize":1}}'
        ),
    )
    yield "messages", "long-type", b'{"type":"%s"}' % (b"X" * 150)
    for name, text in _values().items():
        yield "values", name, text
    for target, scripts in _scripts().items():
        for name, text in scripts.items():
            yield target, name, text


def main() -> None:
    """Write them into the corpus."""
    for target, name, text in seeds():
        directory = CORPUS / target
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"seed-{name}").write_bytes(text)


def say(whom: int, *messages: m.Message) -> bytes:
    """The step in which connection ``whom`` sends messages."""
    return b">%d" % whom + b"".join(map(m.encode, messages))


def _messages() -> list[m.Message]:
    return [
        m.RequestRegister(":6881"),
        m.ReplyRegister("[2001:db8::3]:6881"),
        m.RequestPublish("dir/f", INFO),
        m.RequestPublish("f", EMPTY),
        m.RequestUnpublish("f"),
        m.ReplyPublish("f", True),
        m.ReplyPublish("f", False, "Another content is listed."),
        m.RequestFileList("d", "dir/f"),
        m.ReplyFileList({"f": INFO, "g": SMALL}, True),
        m.RequestFileLocation("f"),
        m.ReplyFileLocation("f", INFO, {"192.0.2.1:6881": b"\xf8"}),
        m.RequestChunkRegister("f", 3),
        m.RequestChunkRegister("f", None, b"\xa0", INFO),
        m.Error("REQUEST_PUBLISH", "No.", "f", 1),
        m.PeerPingPong(),
        m.PeerTurns(),
        m.PeerWant("f", b"\xc0", 2),
        m.PeerOffer("f", 1),
        m.PeerHave("f", 1),
        m.PeerRequestChunk("f", 0, INFO.root, "raw"),
        m.PeerReplyChunk("f", 0, "ab" * 32, "SGVsbG8sIHN3YXJtIQo="),
        m.PeerReplyChunk("f", 0, "ab" * 32, length=14),
        m.PeerRequestDigests("f", "AB" * 32),
        m.PeerReplyDigests("f", "ab" * 32, bytes(32)),
        m.ReplyFileLocation("f", INFO, {}, 70, 12, 5_000_000),
        m.RequestChunkRegister("f", 3, up=5_000_000, down=6_000_000),
        m.PeerOffer("f", 1, True),
        m.PeerBusy("f", 1),
        m.PeerReady("f"),
        m.ReplyRegister("192.0.2.1:6881", 1_700_000_000.125),
        m.ReplyFileList({"f": INFO, "g": SMALL}, ages=[60, 0]),
        m.RequestProbe(),
        m.RequestPublish("f", FileInfo(14, 1, root="ab" * 32, hash="blake3")),
        m.PeerReplyChunk("f", 0, length=14),
        m.RequestPublish("f", NINE, sign(KEY, "f", NINE, 7)),
        m.ReplyFileLocation("f", NINE, {}, signature=Signature(7, bytes(64), chain=(b"0", b"1"))),
    ]


def _values() -> dict[str, bytes]:
    texts = {
        "name": "dir/sub/f.txt",
        "accents": "caf\u00e9/\u00fcber",
        "not-nfc": "cafe\u0301",
        "climbing": "dir/../../etc",
        "absolute": "/etc/f",
        "address": "192.0.2.1:6881",
        "bracketed": "[2001:db8::3]:6881",
        "mapped": "[::ffff:192.0.2.1]:6881",
        "wildcard": "0.0.0.0:6881",
        "host": "Example.org:65535",
        "digest": "aB" * 32,
    }
    values = {name: text.encode() for name, text in texts.items()}
    values["bitfield"] = b"\x00\x09\xa0\x80"
    values["spare-bit"] = b"\x00\x09\xa0\xc0"
    values["hash-list"] = b"\x00\x02" + bytes(HASHES)[:64]
    return values


def _scripts() -> dict[str, dict[str, bytes]]:
    return {
        "tracker": _tracker(),
        "serving": _serving(),
        "source": _source(),
        "tracker_client": _tracker_client(),
    }


def _tracker() -> dict[str, bytes]:
    register, publish = m.RequestRegister(":6881"), m.RequestPublish("f", NINE)
    chunks = m.RequestChunkRegister("f", chunks=b"\xa0\x80", fileinfo=NINE)
    rootless = m.RequestChunkRegister("h", chunks=b"\xa0\x80", fileinfo=FileInfo(9, 9, 1))
    some = m.RequestChunkRegister("g", chunknum=3, fileinfo=INFO)
    locate, listing = m.RequestFileLocation("f"), m.RequestFileList()
    nonsense = b'>0{"type":"NOTHING"}\n\r\n{"type":"REQUEST_PUBLISH"}\n'
    return {
        "publish": script(say(0, register), say(0, publish), say(1, locate, listing)),
        "two-holders": script(
            say(0, register, publish), say(2, register, chunks, some), say(1, locate), "!0"
        ),
        "bitfield": script(say(0, register, rootless)),
        "spare-bit": script(
            say(0, register, m.RequestChunkRegister("h", chunks=b"\xa0\x90", fileinfo=NINE))
        ),
        "chunk-by-chunk": script(
            say(2, register, chunks, m.RequestChunkRegister("f", 4)), say(3, locate), "!2"
        ),
        "unpublish": script(say(0, register, publish, m.RequestUnpublish("f"), listing)),
        "empty-file": script(
            say(0, register, m.RequestPublish("e", EMPTY)), say(1, m.RequestFileLocation("e"))
        ),
        "crowd": script(
            say(0, register, publish, m.RequestChunkRegister("f", 0, up=4_000_000)),
            say(2, register, locate, m.RequestChunkRegister("f", 4, up=3_000_000, down=1)),
            say(3, register, locate, m.RequestChunkRegister("f", 1, up=-1, down=1 << 60)),
            "+.9",
            say(2, chunks, locate),
            say(3, locate, m.RequestChunkRegister("f", chunks=b"\xff\x80")),
            "+.40",
            say(1, locate),
            "!2",
            "!0",
        ),
        "vouched-for": script(
            say(0, register, publish),
            say(2, register, m.RequestChunkRegister("f", 1, sources=["192.0.2.1:6881", "h:1"])),
            say(1, locate),
            "!0",
            say(1, locate),
        ),
        "taken-over": script(say(0, register, publish), say(1, register, locate), say(0, locate)),
        "probes": script(say(1, m.RequestProbe()), say(0, register, m.RequestProbe())),
        "not-joined": script(say(0, publish, chunks, m.RequestUnpublish("f"))),
        "another-content": script(
            say(0, register, publish), say(2, register, m.RequestPublish("f", SMALL))
        ),
        "replaced": script(
            say(0, register, publish),
            say(2, register, chunks),
            say(3, register, m.RequestChunkRegister("f", chunks=b"\0\0")),
            say(0, m.RequestUnpublish("f"), m.RequestPublish("f", SMALL)),
            say(2, chunks, locate, listing),
            "!2",
            say(1, locate),
        ),
        "kept": script(
            say(0, register, publish),
            say(2, register, chunks),
            "!0",
            say(3, register, m.RequestPublish("f", SMALL)),
            "+.60",
            say(3, m.RequestPublish("f", SMALL)),
            say(0, register, publish),
        ),
        "signed": script(
            say(0, register, m.RequestPublish("f", NINE, sign(KEY, "f", NINE, 7))),
            say(2, register, chunks, m.RequestPublish("f", OTHER, sign(KEY, "f", OTHER, 8))),
            say(0, publish, m.RequestPublish("f", OTHER, sign(KEY, "f", NINE, 9)), locate),
            say(3, register, m.RequestChunkRegister("f", 1, fileinfo=OTHER)),
        ),
        "pages": script(
            say(0, register, *[m.RequestPublish(f"d/{n}", SMALL) for n in range(4)]),
            say(1, m.RequestFileList("d/", "d/1")),
        ),
        "nonsense": script(nonsense, say(0, m.PeerPingPong(), m.Error(None, "No."))),
        "in-pieces": script("/07", say(0, register, publish, locate), ">0{", "+.60"),
        "long-line": script(b">0" + b"x" * 1499, ">0x\r", ">0xx"),
        "not-read": script(
            say(0, register, publish), "|1", say(1, *((locate, listing) * 12)), "~1", "|1", "+.60"
        ),
    }


def _serving() -> dict[str, bytes]:
    raw = [m.PeerRequestChunk("f", n, INFO.root, "raw") for n in range(len(CHUNKS))]
    base64 = [m.PeerRequestChunk("f", n) for n in (4, 0)]
    part = [m.PeerRequestChunk("part", n, None, "raw") for n in range(3)]
    digests, ping = m.PeerRequestDigests("f", str(INFO.root)), m.PeerPingPong()
    _, none = described([])
    turns = m.PeerPingPong(turns=True)
    wish = m.PeerWant("f", b"\xf8", 2, INFO.root)
    had = [m.PeerHave("f", n) for n in range(len(CHUNKS))]
    full = [m.PeerBusy("f", n) for n in range(len(CHUNKS))]
    busy = b'>0{"type":"PEER_PING_PONG","sent":12.5}\n{"type":"NOTHING"}\n'
    return {
        "raw": script(say(0, digests, ping, *raw)),
        "base64": script(say(0, *base64, ping)),
        "part": script(say(0, *part, m.PeerRequestDigests("part", str(INFO.root)))),
        "empty": script(
            say(0, m.PeerRequestChunk("e", 0), m.PeerRequestDigests("e", none.root), ping)
        ),
        "refusals": script(
            say(0, m.PeerRequestChunk("g", 0), m.PeerRequestChunk("f", 9, "ab" * 32, "gzip")),
            say(0, m.RequestFileList(), m.Error(None, "No."), m.PeerRequestDigests("f", "")),
        ),
        "not-read": script("|0", say(0, *raw, *raw, *base64), busy, "~0", "|0", "+.60"),
        "many-pings": script("|0", say(0, *raw, *raw), say(0, *[ping] * 70), "~0"),
        "slow-disk": script("-.", say(0, raw[0], ping), busy, "_.", "_.", say(1, raw[1]), "!1"),
        "slow-line": script("%.1", say(0, *raw), busy, "+.1", say(1, raw[2]), "!0", "+.1", "%.0"),
        "slow-base64": script("%.1", say(0, *base64), busy, "+.1", "!0"),
        "rewritten": script(say(0, raw[0]), "@0", say(0, raw[1], raw[2])),
        "cut-short": script("-.", say(0, raw[3]), "_.", "@1700", "=.", say(0, raw[0])),
        "removed": script("@2", say(0, raw[0], base64[0])),
        "long-line": script("|0", say(0, *raw, *raw), b">0" + b"x" * 1499, ">0xxx", "~0"),
        "idle": script(say(0, ping), "+.299", say(0, ping), "+.300"),
        "turns": script(say(0, turns, wish, *raw, *had), say(1, turns, wish, *had)),
        "busy": script(
            say(0, wish),
            say(1, wish),
            say(0, *full),
            say(1, *full),
            "+.15",
            say(0, m.PeerReady("f"), m.PeerReady("g")),
            say(1, m.PeerReady("f"), *had),
        ),
        "no-wishes": script(
            say(0, m.PeerWant("g", b"\xf8", 1), m.PeerWant("f", b"\xf9", 1), m.PeerHave("g", 9)),
            say(0, wish, m.PeerWant("f", b"\0", 0), m.PeerWant("part", b"\xf8", 9)),
        ),
        "late-turns": script(say(0, wish), say(1, wish), say(2, wish), "+.1", "+.16", "!0", "@2"),
        "in-pieces": script("/05", say(0, raw[0], ping, base64[0]), ">0{", "+.60"),
    }


def _source() -> dict[str, bytes]:
    digests = [hashlib.sha256(chunk).hexdigest() for chunk in CHUNKS]

    def raw(n: int, cut: int | None = None) -> bytes:
        reply = m.PeerReplyChunk("f", n, digests[n], length=len(CHUNKS[n]))
        return say(0, reply) + CHUNKS[n][:cut]

    def base64(n: int) -> bytes:
        return say(0, m.PeerReplyChunk("f", n, digests[n], m.encode_chunk(CHUNKS[n]).decode()))

    def data_first(n: int, data: bytes) -> bytes:
        # A line that another peer may send: its fields in another order, a solidus escaped.
        line = json.loads(m.encode(m.PeerReplyChunk("f", n, digests[n])))
        text = b64encode(data).decode()
        escaped = json.dumps({"data": text, **line}).replace("/", "\\/")
        return b">0" + escaped.encode() + b"\n"

    refusal = say(0, m.Error("PEER_REQUEST_CHUNK", "No.", "f", 1))
    hashes = say(0, m.PeerReplyDigests("f", str(INFO.root), bytes(HASHES)))
    lie = say(0, m.PeerReplyDigests("f", str(INFO.root), bytes(HASHES)[::-1]))
    short = say(0, m.PeerReplyChunk("f", 0, digests[0], length=200)) + CHUNKS[0][:200]
    bare = say(0, m.PeerReplyChunk("f", 0, length=len(CHUNKS[0]))) + CHUNKS[0]
    ping = say(0, m.PeerPingPong())
    nonsense = b'>0{"type":"NOTHING"}\n' * 17
    turns = say(0, m.PeerTurns())
    offers = say(0, *[m.PeerOffer("f", n) for n in (1, 3, 9)], m.PeerOffer("g", 0))
    put_off = say(0, m.PeerOffer("f", 2), m.PeerOffer("f", 2, True))
    return {
        "raw": script("f00", "f@1", "p0", raw(0), raw(1), ping),
        "no-digest": script("f00", bare, "f01", base64(1).replace(b'"digest"', b'"x"')),
        "base64": script("f04", "f00", base64(4), base64(0)),
        "hash-list": script("h0", hashes, "h0", lie),
        "refused": script("f01", "f02", refusal, base64(2)),
        "cut-off": script("f00", raw(0, 100), "!0"),
        "data-first": script(
            "f00", "f01", data_first(0, CHUNKS[0]), "/07", data_first(1, CHUNKS[1])
        ),
        "data-too-long": script("f00", "f01", "/03", data_first(0, CHUNKS[0] + b"x")),
        "data-too-short": script("f00", "f01", data_first(0, CHUNKS[0][:-1])),
        "data-cancelled": script(
            "f00", "f01", base64(0)[:300], "x.0", b">0" + base64(0)[300:], base64(1)
        ),
        "in-pieces": script("/09", "f00", "f@4", raw(0), base64(4)),
        "wrong-length": script("f00", "f01", short),
        "wrong-digest": script("f00", base64(1)),
        "cancelled": script("f00", "f01", "x.0", raw(0), "x.1", base64(1)),
        "cancelled-midway": script("f00", "f01", raw(0, 99), "x.0", b">0" + DATA[99:300], raw(1)),
        "silent": script("p0", "+.9", "f00", raw(0, 50), "+.10"),
        "turns": script("p0", turns, ping, "w05", offers, raw(1), raw(3), put_off, "v0", offers),
        "no-turns": script("p0", ping, "w05", offers),
        "no-wish": script(
            "p0", turns, ping, "w03", say(0, m.Error("PEER_WANT", "No.\n", "f")), offers
        ),
        "slow-disk": script("-.", "f@0", raw(0), "f01", "_.", raw(1), "=."),
        "slow-line": script("%.1", "f00", "f01", raw(0), raw(1), "+.1", "%.0", "+.1"),
        "hung-up": script("f00", "c.", raw(0)),
        "not-asked": script(raw(0)),
        "nonsense": script("p0", nonsense, ping),
        "unreadable": script("f00", '>0{"type":"PEER_REPLY_CHUNK","filename":"f"}\n'),
        "long-line": script("h0", b">0" + b"x" * 1501, ">0xx"),
    }


def _tracker_client() -> dict[str, bytes]:
    registered = say(0, m.ReplyRegister("192.0.2.1:6881", 1_700_000_000.125))
    published = say(0, m.ReplyPublish("f", True))
    refused = say(0, m.ReplyPublish("f", False, "Another content.\n"), m.ReplyPublish("f", False))
    location = say(0, m.ReplyFileLocation("f", INFO, {"192.0.2.1:6881": b"\xf8", "x": b""}))
    first = say(0, m.ReplyFileList({"a": SMALL, "../b": SMALL}, True))
    second = say(0, m.ReplyFileList({"c": EMPTY}, ages=[5]))
    unknown = say(0, m.Error("REQUEST_FILE_LOCATION", "Nobody offers it.", "f"))
    return {
        "session": script(
            "r0", registered, "u0", published, "k03", "l0", location, "w0", published
        ),
        "refused": script("u0", "w0", refused),
        "unknown": script("l0", unknown),
        "pages": script("s0", first, second),
        "endless-pages": script("s0", first, first, "s0", say(0, m.ReplyFileList({}, True))),
        "another-file": script("l0", "u0", say(0, m.ReplyPublish("g", True))),
        "chunks-refused": script("k07", say(0, m.Error("REQUEST_CHUNK_REGISTER", "No."))),
        "part-refused": script("k07", say(0, m.Error("REQUEST_CHUNK_REGISTER", "No.\n", "f"))),
        "error": script("r0", say(0, m.Error(None, "The line is too long."))),
        "silent": script("r0", "+.29", ">0{", "+.30"),
        "in-pieces": script("/03", "r0", "l0", registered, location),
        "cancelled": script("r0", "l0", "x.0", registered, "x.1", location),
        "hung-up": script("r0", "c.", registered, "r0"),
        "nonsense": script("r0", b'>0{"type":"NOTHING"}\n' * 17),
        "not-asked": script(published, registered, "c."),
        "long-line": script("r0", b">0" + b"x" * 1502),
    }


if __name__ == "__main__":
    main()
