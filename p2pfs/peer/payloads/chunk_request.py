"""A request for a chunk, and what a reply to it may be."""

from __future__ import annotations

from p2pfs.chunks import FileInfo, parse_digest
from p2pfs.hashing import REPLY_HASH
from p2pfs.peer.payloads.chunk_sink import ChunkSink, Sink
from p2pfs.wire import Pending
from p2pfs.wire import messages as m


class ChunkRequest(Pending):
    """A request for a chunk, with the sink its bytes go to."""

    def __init__(self, request: m.PeerRequestChunk, info: FileInfo, sink: Sink) -> None:
        super().__init__(request)
        self.request: m.PeerRequestChunk = request
        self.sink = sink
        self.taken = 0
        """Bytes of the chunk that were taken out of a long line."""
        self._info = info

    @property
    def length(self) -> int:
        """Bytes of the chunk."""
        return self.sink.length

    @property
    def wanted(self) -> bool:
        """False once nobody waits for it any more: its bytes go nowhere. For any thread."""
        return not self.answered.called

    @property
    def threaded_sink(self) -> ChunkSink | None:
        """The sink, if that takes bytes in other threads than the reactor's."""
        return self.sink if isinstance(self.sink, ChunkSink) else None

    def fault(self, reply: m.PeerReplyChunk) -> str | None:
        """What is wrong with the line of a reply, in words; None if nothing is."""
        if (reply.filename, reply.chunknum) != (self.request.filename, self.request.chunknum):
            return "it sent another chunk than was asked for"
        is_raw = reply.data is None
        if is_raw == (reply.length is None):
            return "it sent a chunk without digest or data"
        may_lack = is_raw and self._info.root is not None
        if parse_digest(reply.digest) is None if reply.digest is not None else not may_lack:
            return "it sent a chunk without digest or data"
        if is_raw and reply.length != self.length:
            return "it sent a chunk of the wrong length"
        return None

    def claimed(self, reply: m.PeerReplyChunk) -> bytes | None:
        """The digest that a reply without `fault` claims, if it is one of the file's hash."""
        if reply.digest is None or self._info.function is not REPLY_HASH:
            return None
        return parse_digest(reply.digest)
