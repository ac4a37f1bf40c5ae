"""The wire's vocabulary: one Struct a message. Reading this module is reading the protocol.

Each class is one message of ``docs/protocol.md``; its name is the tag in the
field ``type``. `encode` makes a line of a message, `decode` a message of a line.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import pybase64

from p2pfs.chunks import FileInfo
from p2pfs.errors import MalformedMessage

KIB = 1 << 10
MIB = 1 << 20
CONTROL_LINE_LIMIT = 4 * MIB
"""Longest line towards a tracker or a downloading peer, in bytes without its end."""
SERVING_LINE_LIMIT = 64 * KIB
"""Longest line towards a serving peer, in bytes without its end."""

MOST_RATE = 1 << 50
"""Bytes a second beyond which a rate that somebody states is taken for none."""

MOST_AGE = 1 << 40
"""Seconds beyond which an age that somebody states is taken for none."""

MOST_WALL_CLOCK = 1 << 38
"""The same of a time of day: some thousand years from now."""

MOST_SOURCES = 16
"""Sources that one `RequestChunkRegister` names."""


def _tag(class_name: str) -> str:
    """``RequestFileList`` is ``REQUEST_FILE_LIST`` on the wire."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in class_name).lstrip("_")


class _Message(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag=_tag):
    """Base of all messages."""


# Peer and tracker


class RequestRegister(_Message, frozen=True):
    """A peer joins the network and says where it listens.

    ``key`` is its public key, and ``proof`` its answer to the `ReplyChallenge` that the key
    is answered with. ``inner`` is where those behind the same outer address can reach it.
    ``revocations`` is the number of the newest list of revocations that it knows.
    """

    address: str
    key: bytes | None = None
    proof: bytes | None = None
    inner: str | None = None
    revocations: int | None = None


class ReplyChallenge(_Message, frozen=True):
    """Who registers with a key is to prove that it is its own, for this ``nonce``."""

    nonce: bytes


class ReplyRegister(_Message, frozen=True):
    """The address as the tracker recorded it, and its time of day in seconds since 1970."""

    address: str
    wall_clock: float | None = None


class RequestJoin(_Message, frozen=True):
    """Who has an invitation's ``secret`` wants to become the member ``name``.

    ``request`` asks for the certificate: a CSR in DER, signed by the key that it is for.
    """

    name: str
    secret: bytes
    request: bytes


class ReplyJoin(_Message, frozen=True):
    """The new member's certificate and what leads up to the authority's, each in DER.

    ``revocations`` is the newest list of revoked certificates, a CRL in DER.
    """

    chain: list[bytes]
    revocations: bytes


class RequestRenew(_Message, frozen=True):
    """A member wants a certificate that holds for longer, for the key that it has shown here."""


class ReplyRenew(_Message, frozen=True):
    """The certificate and what leads up to the authority's, as in `ReplyJoin`."""

    chain: list[bytes]


class NoticeRevocations(_Message, frozen=True):
    """The newest list of revoked certificates, a CRL in DER. No reply."""

    revocations: bytes


class RequestPublish(_Message, frozen=True):
    """A peer offers a whole file."""

    filename: str
    fileinfo: FileInfo


class RequestUnpublish(_Message, frozen=True):
    """A peer holds none of a file any more; answered with `ReplyPublish`."""

    filename: str


class ReplyPublish(_Message, frozen=True):
    """Whether a publish or unpublish was carried out, and if not, why not."""

    filename: str
    result: bool
    message: str = ""


class RequestFileList(_Message, frozen=True):
    """Asks for the names beginning with ``prefix`` and sorting behind ``after``."""

    prefix: str = ""
    after: str = ""


class ReplyFileList(_Message, frozen=True):
    """Names and what is known of them; ``more`` when the list was cut to fit a line.

    ``ages`` are how many seconds each is listed, in the order of their names.
    """

    filelist: dict[str, FileInfo]
    # A factory, unlike a plain default, is written to the wire even when it holds.
    more: bool = msgspec.field(default_factory=bool)
    ages: list[int] = []


class RequestFileLocation(_Message, frozen=True):
    """Asks which peers hold which chunks of a file."""

    filename: str


class ReplyFileLocation(_Message, frozen=True):
    """``chunkinfo`` maps a peer's address to the bitfield of the chunks it holds.

    ``holders`` is how many hold some of the file in all, when not all are named. ``crowd`` is
    how many fetch it, and ``rate`` what each of these can have, in bytes a second, if known.
    ``waiting`` maps peers that cannot be reached, but connect when `RequestCallBack` asks them
    to, to their bitfields. ``proven`` are those of all of them that others had chunks from.
    ``members`` maps all of them to the names of the members that they are, in a private swarm.
    """

    filename: str
    fileinfo: FileInfo
    chunkinfo: dict[str, bytes]
    holders: int | None = None
    crowd: int | None = None
    rate: int | None = None
    waiting: dict[str, bytes] = {}
    proven: list[str] = []
    members: dict[str, str] = {}


class RequestChunkRegister(_Message, frozen=True):
    """A peer now holds a chunk (``chunknum``) or several (``chunks``, a bitfield). No reply.

    ``up`` and ``down`` are how fast it was seen to send and to receive, in bytes a second.
    ``sources`` are whom verified chunks came from lately, by the addresses it was told.
    """

    filename: str
    chunknum: int | None = None
    chunks: bytes | None = None
    fileinfo: FileInfo | None = None
    up: int | None = None
    down: int | None = None
    sources: list[str] = []


class RequestReached(_Message, frozen=True):
    """A peer was pinged with a tracker's ``probe``, which was this ``token``. No reply."""

    token: str


class RequestProbe(_Message, frozen=True):
    """A peer with a key wants to know anew whether it can be reached. `NoticeReachable` follows."""


class NoticeReachable(_Message, frozen=True):
    """The tracker found out whether a peer with a key can be reached where it says. No reply."""

    reachable: bool


class RequestCallBack(_Message, frozen=True):
    """A downloader asks that a peer that cannot be reached connects to it, with that token."""

    peer: str
    token: str


class ReplyCallBack(_Message, frozen=True):
    """The peer was told to connect."""

    peer: str


class NoticeCallBack(_Message, frozen=True):
    """A downloader at ``address`` wants this peer to connect and say `PeerCallBack`. No reply."""

    address: str
    token: str


class Error(_Message, frozen=True):
    """The answer to a request that cannot be carried out; ``request`` is the type answered."""

    request: str | None
    message: str
    filename: str | None = None
    chunknum: int | None = None


# Peer and peer


class PeerPingPong(_Message, frozen=True):
    """Sent back exactly as it came; the fields a peer puts in are its own affair.

    With ``turns``, whoever asks understands `PeerTurns` and `PeerOffer`. A ``probe`` is of a
    tracker that wants to know whether this peer can be reached.
    """

    turns: bool = False
    probe: str | None = None


class PeerCallBack(_Message, frozen=True):
    """First on a connection: who opened it serves on it, as `RequestCallBack` has asked for."""

    token: str


class PeerTurns(_Message, frozen=True):
    """Sent before the answer to a ping with ``turns``: the source understands `PeerWant`."""


class PeerRequestChunk(_Message, frozen=True):
    """Asks for one chunk; ``encoding`` "raw" asks for plain bytes after the header line."""

    filename: str
    chunknum: int
    root: str | None = None
    encoding: str | None = None


class PeerReplyChunk(_Message, frozen=True):
    """A chunk: ``data`` in base64, or ``length`` raw bytes right behind the line.

    ``digest`` is its SHA-256, which raw bytes of a file with a root can do without.
    """

    filename: str
    chunknum: int
    digest: str | None = None
    data: str | None = None
    length: int | None = None


class PeerWant(_Message, frozen=True):
    """A downloader wants these chunks (``chunks``, a bitfield), ``room`` of them at a time.

    It replaces what was wanted of the file before. Answered with offers, when it is its turn.
    """

    filename: str
    chunks: bytes
    room: int
    root: str | None = None


class PeerOffer(_Message, frozen=True):
    """A downloader's turn: it may request this chunk, or else says `PeerHave` or `PeerBusy`.

    With ``spare`` the source has nothing else to send just now.
    """

    filename: str
    chunknum: int
    spare: bool = False


class PeerBusy(_Message, frozen=True):
    """A downloader wants a chunk that was offered, but has enough on its way. No reply.

    Nothing of the file is to be offered before `PeerReady`, but for what is ``spare``.
    """

    filename: str
    chunknum: int


class PeerReady(_Message, frozen=True):
    """A downloader that was busy has room again. No reply."""

    filename: str


class PeerHave(_Message, frozen=True):
    """A downloader wants this chunk no more: it is here, or on its way from elsewhere. No reply."""

    filename: str
    chunknum: int


class PeerRequestDigests(_Message, frozen=True):
    """Asks for the hash list behind ``root``."""

    filename: str
    root: str


class PeerReplyDigests(_Message, frozen=True):
    """The concatenated 32-byte digests of all chunks."""

    filename: str
    root: str
    data: bytes


Message: TypeAlias = (
    RequestRegister
    | ReplyChallenge
    | ReplyRegister
    | RequestJoin
    | ReplyJoin
    | RequestRenew
    | ReplyRenew
    | NoticeRevocations
    | RequestPublish
    | RequestUnpublish
    | ReplyPublish
    | RequestFileList
    | ReplyFileList
    | RequestFileLocation
    | ReplyFileLocation
    | RequestChunkRegister
    | RequestReached
    | RequestProbe
    | NoticeReachable
    | RequestCallBack
    | ReplyCallBack
    | NoticeCallBack
    | Error
    | PeerPingPong
    | PeerCallBack
    | PeerTurns
    | PeerWant
    | PeerOffer
    | PeerBusy
    | PeerReady
    | PeerHave
    | PeerRequestChunk
    | PeerReplyChunk
    | PeerRequestDigests
    | PeerReplyDigests
)


class _TypeOnly(msgspec.Struct):
    type: str = ""


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_type_decoder = msgspec.json.Decoder(_TypeOnly)
# What decoding can raise: the library reports deep nesting and bad UTF-8 in Python's own terms.
_UNDECODABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class UndecodableMessage(MalformedMessage):
    """A line that is no message; ``request`` is its type where that could be read."""

    def __init__(self, reason: str, request: str | None) -> None:
        super().__init__(reason)
        self.request = request


def encode(message: Message) -> bytes:
    """The message as a line, with its end."""
    return _encoder.encode(message) + b"\n"


def decode(line: bytes | bytearray | memoryview) -> Message:
    """The message in a line (without its end); raises `UndecodableMessage`."""
    try:
        return _decoder.decode(line)
    except _UNDECODABLE as error:
        reason = str(error)
        reason = reason if len(reason) <= 200 else reason[:200] + "..."
    try:
        request = _type_decoder.decode(line).type[:64] or None
    except _UNDECODABLE:
        request = None
    raise UndecodableMessage(f"This line is not a message of the protocol: {reason}.", request)


def type_of(message: type[Message]) -> str:
    """The name of a message class on the wire, such as ``REQUEST_PUBLISH``."""
    return _tag(message.__name__)


def plausible_rate(rate: int | None) -> int | None:
    """Bytes a second as another side states them, or None for what is no rate."""
    return rate if rate is not None and 0 < rate <= MOST_RATE else None


def plausible_wall_clock(seconds: float | None) -> float | None:
    """A time of day as another side states it, or None for what is none."""
    return seconds if seconds is not None and 0 < seconds <= MOST_WALL_CLOCK else None


def encode_chunk(data: bytes) -> bytes:
    """Base64 of a chunk, or of a piece of it that has a multiple of three bytes."""
    # An order of magnitude faster than the JSON library.
    return pybase64.b64encode(data)


def before_chunk(filename: str, chunknum: int) -> bytes:
    """The line of a `PeerReplyChunk` up to its base64."""
    return encode(PeerReplyChunk(filename, chunknum, data=""))[:-3]


def after_chunk(digest: bytes) -> bytes:
    """The same line from the end of its base64 on: the digest may be known only then."""
    return b'","digest":"%b"}\n' % digest.hex().encode()


def decode_chunk(data: str | bytes) -> bytes:
    """The bytes of a chunk in base64, or of a piece of it; raises `MalformedMessage`."""
    try:
        return pybase64.b64decode(data, validate=True)
    except ValueError as error:
        raise MalformedMessage(f"The chunk's data is not base64: {error}.") from None
