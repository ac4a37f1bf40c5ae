"""The decoder: a line is a message, or it is not, and nothing else happens."""

from __future__ import annotations

from p2pfs.chunks import MAX_CHUNK_SIZE, MAX_CHUNKS, FileInfo
from p2pfs.errors import MalformedMessage
from p2pfs.wire import messages as m
from tests.fuzz.faults import check

MOST_TEXT = 250
"""Characters that the text of an error may have: it goes back to the sender, and to a log."""


def run(data: bytes) -> None:
    """Decode a line. What comes out encodes into one line, and decodes to the same again."""
    try:
        message = m.decode(data)
    except m.UndecodableMessage as error:
        _check_error(error)
        return
    line = m.encode(message)
    check(line.find(b"\n") == len(line) - 1, "a message is one line")
    again = m.decode(line[:-1])
    check(again == message and type(again) is type(message), "a message survives the wire")
    for info in _infos(message):
        _check_info(info)
    if isinstance(message, m.PeerReplyChunk) and message.data is not None:
        _check_base64(message.data)


def _check_error(error: m.UndecodableMessage) -> None:
    check(len(str(error)) <= MOST_TEXT, "an error's text is bounded")
    check(error.request is None or 0 < len(error.request) <= 64, "an error's type is bounded")
    answer = m.Error(error.request, str(error))
    check(m.decode(m.encode(answer)[:-1]) == answer, "an error can be told to the sender")


def _infos(message: m.Message) -> list[FileInfo]:
    if isinstance(message, m.ReplyFileList):
        return list(message.filelist.values())
    info = getattr(message, "fileinfo", None)
    return [] if info is None else [info]


def _check_info(info: FileInfo) -> None:
    check(0 <= info.filesize < 1 << 63, "a filesize is in range")
    check(1 <= info.chunksize <= MAX_CHUNK_SIZE, "a chunksize is in range")
    check(info.totalchunknum <= MAX_CHUNKS, "the number of chunks is bounded")
    if info.totalchunknum:
        lengths = (info.totalchunknum - 1) * info.chunksize + info.length(info.totalchunknum - 1)
        check(lengths == info.filesize, "the chunks are the file")
    if info.root is not None:
        check(len(bytes.fromhex(info.root)) == 32, "a root is a digest")
        check(info.root == info.root.lower(), "one root has one spelling")
    check(info.hash in (None, "blake3"), "a hash is known, and has one spelling")
    check(info.hash is None or info.root is not None, "a hash is of a root")


def _check_base64(text: str) -> None:
    try:
        data = m.decode_chunk(text)
    except MalformedMessage as error:
        check(len(str(error)) <= MOST_TEXT, "an error's text is bounded")
        return
    check(len(data) <= len(text), "base64 is longer than what it stands for")
