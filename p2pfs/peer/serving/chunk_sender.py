"""Sends one chunk after the other to a downloader: as raw bytes, or in a line as base64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from p2pfs.errors import StorageProblem
from p2pfs.hashing import REPLY_HASH, Hasher
from p2pfs.peer.library import Holding
from p2pfs.peer.serving.file_sender import FileSender
from p2pfs.peer.serving.sealed_sender import SealedSender
from p2pfs.peer.serving.serving import Serving
from p2pfs.peer.storage import ChunkReader, Stamp
from p2pfs.secure import channel_of
from p2pfs.threads import in_thread
from p2pfs.wire import MessageProtocol, is_plain_tcp, set_tcp_options
from p2pfs.wire import messages as m

UNSENT = 128 * 1024
"""Bytes that the system takes from a connection before it has sent them, while several want chunks.

So it is known here how far a chunk is, and an offer does not come behind the whole of it.
"""

USUAL_UNSENT = 0
"""The system's own limit, for one that is alone: then nothing waits for it, and fewer, larger
portions cost less."""

FRAME = 512 * 1024
"""Bytes of a chunk read from the disk in one go."""

PIECE = 256 * 1024
"""Bytes of base64 made of a chunk in one go; fewer where its host has others kept unread."""


KEPT_OPEN = 1.0
"""Seconds for which a file is kept open for the next chunk. Each opening looks at its path."""


@dataclass(frozen=True)
class _OpenFile:
    holding: Holding
    stamp: Stamp | None
    reader: ChunkReader
    opened_at: float


class ChunkSender:
    """Sends chunks over one connection, within the limit on what is sent.

    What is kept for a host that does not read is within the budget of all connections.
    """

    def __init__(self, connection: MessageProtocol, serving: Serving) -> None:
        self._connection = connection
        self._serving = serving
        self._reactor = serving.reactor
        self._host = connection.host
        self._limit = serving.limit
        self._budget = serving.budget
        self._waits_for_room: Deferred[None] | None = None
        self._open: _OpenFile | None = None
        # What had been written to the connection when the last file was sent; nothing is left then.
        self._empty_at = -1
        self._unsent = USUAL_UNSENT

    async def send(self, request: m.PeerRequestChunk) -> None:
        """Send a chunk that was asked for.

        Raises `Refused` when it is not here, or cannot be read. When that is seen after the
        first bytes went out, the connection is cut besides.
        """
        files = self._serving.files
        holding = files.with_chunk(request.filename, request.chunknum, request.root)
        self._limit_unsent()
        try:
            # Nothing is waited for before: it is not noted of a connection that is forgotten.
            self._serving.begun(self._connection, holding, request.chunknum)
            reader = await self._reader(holding)
            if request.encoding == "raw":
                await self._send_raw(holding, request.chunknum, reader)
            else:
                await self._send_base64(holding, request.chunknum, reader)
        except StorageProblem as problem:
            self.rest()
            raise files.failed(holding, problem, self._host) from None

    def rest(self) -> None:
        """No chunk is sent for a while: close the file that was kept open for the next one."""
        kept, self._open = self._open, None
        if kept is not None:
            kept.reader.close()

    async def room(self) -> None:
        """Wait until more may be kept for this host, or the connection is gone."""
        while not self._connection.closed and not self._budget.has_room(self._host):
            self._waits_for_room = Deferred()
            self._budget.wait(self._host, self.go_on)
            await self._waits_for_room

    def go_on(self) -> None:
        """There is room, or the connection is gone."""
        waiting, self._waits_for_room = self._waits_for_room, None
        if waiting is not None:
            waiting.callback(None)

    # Inside

    async def _reader(self, holding: Holding) -> ChunkReader:
        """A reader of a holding: that of the chunk before, if it is of the same file, and new."""
        now, kept = self._reactor.seconds(), self._open
        if kept is not None:
            is_same = kept.holding is holding and kept.stamp == holding.stamp
            if is_same and now - kept.opened_at < KEPT_OPEN:
                kept.reader.check()
                return kept.reader
            self.rest()
        reader = await self._serving.files.open(holding)
        self._open = _OpenFile(holding, holding.stamp, reader, now)
        return reader

    def _limit_unsent(self) -> None:
        unsent = UNSENT if self._serving.offers.several else USUAL_UNSENT
        if unsent != self._unsent:
            self._unsent = unsent
            set_tcp_options(self._connection.transport, {"TCP_NOTSENT_LOWAT": unsent})

    async def _send_base64(self, holding: Holding, chunknum: int, reader: ChunkReader) -> None:
        """Send one line, of which pieces are made as the other side takes them.

        Raises `StorageProblem`; a line that was begun is cut off then.
        """
        offset, length = holding.info.offset(chunknum), holding.info.length(chunknum)
        end, budget = offset + length, self._budget
        before = m.before_chunk(holding.name, chunknum)
        # What the hash list has need not be made anew.
        hasher = None if holding.info.function is REPLY_HASH else REPLY_HASH.hasher()
        begun = False
        while offset < end and not self._connection.closed:
            await self.room()
            most = self._limit.portion(min(PIECE, budget.room(self._host)))
            size = min(max(1, most // 4) * 3, end - offset)
            # It counts as unread from the beginning, so that others of the host see it.
            budget.keep(self._host, most)
            try:
                piece = await in_thread(
                    self._reactor, _piece_in_base64, reader, offset, size, hasher
                )
                offset += size
                if not begun:
                    piece = before + piece
                if offset == end:
                    known = hasher.digest() if hasher else _digest(holding, chunknum)
                    piece += m.after_chunk(known)
                self._connection.send_bytes(piece)
            except StorageProblem:
                if begun:
                    # The line cannot be finished: only a cut says so.
                    self._connection.abort()
                raise
            finally:
                budget.drop(self._host, most)
            begun = True
            self._count(holding, size)
            await self._spend(len(piece))

    async def _send_raw(self, holding: Holding, chunknum: int, reader: ChunkReader) -> None:
        """Send header and payload.

        Raises `StorageProblem`; the connection is cut then, as the payload was announced.
        """
        offset, length = holding.info.offset(chunknum), holding.info.length(chunknum)
        # With a root, whoever asked knows better what the chunk has to be.
        digest = _digest(holding, chunknum).hex() if holding.info.root is None else None
        header = m.encode(m.PeerReplyChunk(holding.name, chunknum, digest, length=length))
        try:
            sender = self._file_sender(holding, reader)
            if sender is not None:
                await self._send_file(sender, header, offset, length)
            else:
                await self._send_frames(header, holding, reader, offset, length)
        except StorageProblem:
            # The payload was announced and cannot be delivered: only a cut says so.
            self._connection.abort()
            raise

    def _file_sender(self, holding: Holding, reader: ChunkReader) -> FileSender | None:
        """What sends a file past the transport, if it is one that allows that."""
        transport = self._connection.transport
        channel = channel_of(transport)
        if channel is None and not is_plain_tcp(transport):
            return None
        kind = FileSender if channel is None else partial(SealedSender, channel)
        return kind(
            self._reactor,
            transport,
            reader,
            self._limit,
            self._connection.stall_timeout,
            partial(self._count, holding),
        )

    async def _send_file(self, sender: FileSender, header: bytes, offset: int, length: int) -> None:
        connection = self._connection
        connection.give_up_producing()
        try:
            nothing_before = connection.sent_bytes == self._empty_at
            await sender.send(header, offset, length, nothing_before)
            self._empty_at = connection.sent_bytes
        finally:
            connection.take_up_producing()

    async def _send_frames(
        self, header: bytes, holding: Holding, reader: ChunkReader, offset: int, length: int
    ) -> None:
        """Read the next frame while one goes out."""
        limit, end = self._limit, offset + length
        frame = await in_thread(
            self._reactor, reader.read, offset, limit.portion(min(FRAME, length))
        )
        self._connection.send_bytes(header)
        while not self._connection.closed:
            offset += len(frame)
            ahead: Deferred[bytes] | None = None
            if offset < end:
                size = limit.portion(min(FRAME, end - offset))
                ahead = in_thread(self._reactor, reader.read, offset, size)
            self._connection.send_bytes(frame)
            self._count(holding, len(frame))
            await self._spend(len(frame))
            if ahead is None:
                return
            frame = await ahead

    def _count(self, holding: Holding, size: int) -> None:
        self._serving.count_upload(self._connection, holding.name, size)

    async def _spend(self, count: int) -> None:
        """Wait until more than the ``count`` bytes just sent may be sent."""
        await self._connection.writable()
        wait = self._limit.spend(count, self._reactor.seconds())
        if wait > 0 and not self._connection.closed:
            await deferLater(self._reactor, wait)


def _piece_in_base64(reader: ChunkReader, offset: int, size: int, hasher: Hasher | None) -> bytes:
    """For a thread: part of a file in base64; ``hasher`` takes it too."""
    data = reader.read(offset, size)
    if hasher is not None:
        hasher.update(data)
    return m.encode_chunk(data)


def _digest(holding: Holding, chunknum: int) -> bytes:
    digest = holding.hashes[chunknum]
    assert digest is not None  # every chunk held was verified against it, or hashed
    return digest
