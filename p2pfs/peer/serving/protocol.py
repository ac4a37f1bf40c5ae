"""A downloader's connection: what it says is taken in, what it asks is answered in order."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError, Refused
from p2pfs.peer.serving.chunk_sender import ChunkSender
from p2pfs.peer.serving.serving import Serving
from p2pfs.secure import member_of
from p2pfs.wire import MessageProtocol
from p2pfs.wire import messages as m

MAX_QUEUE = 64
"""Requests that wait on one connection before no more are read from it."""

IDLE_TIMEOUT = 300.0
"""Seconds after which a connection that asks for nothing is closed."""

_CHUNK = m.type_of(m.PeerReplyChunk)
"""What a downloader's error is about when it found a chunk wrong."""


class ServingProtocol(MessageProtocol):
    """One downloader's connection. Everything is answered one by one, in order."""

    log = Logger()
    MAX_LENGTH = m.SERVING_LINE_LIMIT
    # Requests are short, and so is what may wait to be sent before the connection counts as full.
    receive_size = 64 * m.KIB

    def __init__(self, serving: Serving, host: str) -> None:
        super().__init__(serving.reactor, host, serving.handling, serving.budget)
        self._serving = serving
        # What to answer, with the size of its line in bytes. Bytes are sent as they are, behind
        # earlier answers: a ping's line, or a complaint.
        self._queue: deque[tuple[m.Message | bytes, int]] = deque()
        self._queued_bytes = 0
        self._queue_full = False
        self._refused = False
        self._is_new = True
        self._idle_timer: IDelayedCall | None = None
        self._sender = ChunkSender(self, serving)
        self.at_work: Deferred[None] | None = None
        """Fires when all is answered that was asked; None while nothing is."""

    # Incoming

    def connectionMade(self) -> None:
        super().connectionMade()
        self._start_idle_timer()

    def message_received(self, message: m.Message, line: bytes) -> None:
        is_first, self._is_new = self._is_new, False
        match message:
            case m.PeerPingPong(knows_turns, probe):
                if probe is not None:
                    self._serving.probed(probe, self.host)
                greeting = m.encode(m.PeerTurns()) if knows_turns else b""
                self._enqueue(greeting + line + b"\n", len(line))
            case m.PeerRequestChunk():
                self._serving.asked(self, message)
                self._enqueue(message, len(line))
            case m.PeerWant(filename):
                try:
                    self._serving.told(self, message)
                except P2pfsError as error:
                    self._complain(m.Error(m.type_of(m.PeerWant), str(error), filename))
            case m.PeerHave() | m.PeerBusy() | m.PeerReady():
                self._serving.told(self, message)
            case m.Error(request, _, str(filename), int(chunknum)) if request == _CHUNK:
                self._serving.found_wrong(self, filename, chunknum)
            case m.PeerCallBack(token) if is_first:
                self._turn_round(token)
            case m.Error(request) if request == m.type_of(m.PeerCallBack):
                self.close()  # this side has connected, and is not waited for any more
            case _:
                self._enqueue(message, len(line))

    def _turn_round(self, token: str) -> None:
        """Who has connected serves on this connection, if somebody here waits for that."""
        expected = self._serving.expected(token)
        member = member_of(self.transport)
        name = None if member is None else member.name
        if expected is None or expected.member not in (None, name):
            text = "Nobody here waits for that connection."
            self._complain(m.Error(m.type_of(m.PeerCallBack), text))
            return
        self._stop_idle_timer()
        self._serving.settle(self)
        connection = expected.make()
        self.hand_over(connection)
        expected.arrived.callback(connection)

    def offer(self, filename: str, chunknum: int, spare: bool) -> None:
        """Tell the downloader that it is its turn; before what else waits, not inside a payload."""
        self._enqueue(m.encode(m.PeerOffer(filename, chunknum, spare)), 0, first=True)

    def undecodable_received(self, error: m.UndecodableMessage) -> None:
        # What it was is not repeated in the log: it is for the other side to choose.
        self._serving.offended(self, "sends lines that are no messages of the protocol.")
        self._complain(m.Error(error.request, str(error)))

    def refuse(self, error: m.Error) -> None:
        self._serving.offended(self, error.message)
        # Behind what was asked before, as above, and nothing is taken after it.
        self._refused = True
        self.hold_input()
        self._enqueue(m.encode(error), 0)

    def output_blocked(self) -> None:
        """A full output buffer is normal while a chunk goes out; `MAX_QUEUE` bounds the input."""

    def output_unblocked(self) -> None:
        """See `output_blocked`."""

    def closing(self, reason: Failure) -> None:
        self._queue.clear()
        self._stop_idle_timer()
        self._sender.go_on()
        self._serving.forget(self)

    def _complain(self, error: m.Error) -> None:
        """Queued, because sent at once it would end up inside a raw payload."""
        answer = m.encode(error)
        self._enqueue(answer, len(answer))

    def _enqueue(self, item: m.Message | bytes, size: int, first: bool = False) -> None:
        if first:
            self._queue.appendleft((item, size))
        else:
            self._queue.append((item, size))
        self._queued_bytes += size
        if isinstance(item, m.PeerRequestChunk | m.PeerRequestDigests):
            self._serving.settle(self)
        full = len(self._queue) >= MAX_QUEUE or self._queued_bytes >= self.MAX_LENGTH
        if full and not self._queue_full:
            self._queue_full = True
            self.hold_input()
        if self.at_work is None:
            self._stop_idle_timer()
            self.at_work = Deferred()
            Deferred.fromCoroutine(self._work()).addErrback(self._broken).addCallback(self._worked)

    # Answering

    async def _work(self) -> None:
        """Answer until the queue is empty."""
        while self._queue and not self.closing_down:
            item, size = self._queue.popleft()
            self._queued_bytes -= size
            roomy = 2 * len(self._queue) <= MAX_QUEUE and 2 * self._queued_bytes <= self.MAX_LENGTH
            if self._queue_full and roomy:
                self._queue_full = False
                self.release_input()
            if isinstance(item, m.PeerRequestChunk):
                await self._answer_chunk(item)
            else:
                await self._answer(item)
                await self.writable()

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Serving a peer failed.", failure=failure)
        self.abort()

    def _worked(self, _: None) -> None:
        done, self.at_work = self.at_work, None
        self._sender.rest()
        self._serving.unsettle(self)
        if self._refused:
            self.close()
        if not self.closed:
            self._start_idle_timer()
        if done is not None:
            done.callback(None)

    async def _answer_chunk(self, request: m.PeerRequestChunk) -> None:
        """Send a chunk when it is the turn of this connection's host, or say why not."""
        turn = self._serving.turn(self)
        if not turn.called:
            self._sender.rest()
            await turn
        if self.closed:
            return
        try:
            await self._sender.send(request)
        except P2pfsError as error:
            self._send_error(request, error)
            self._serving.failed(self, request)
        else:
            self._serving.given(self)
        # Not after a failure nobody foresaw: the connection is cut then, and forgotten.
        self._serving.turn_over(self)
        await self.writable()
        self._serving.sent(self, request)

    async def _answer(self, item: m.Message | bytes) -> None:
        match item:
            case bytes():
                self.send_bytes(item)
            case m.PeerRequestDigests():
                await self._answer_digests(item)
            case m.Error():
                pass  # nothing was asked, and answering errors with errors never ends
            case _:
                text = "A peer does not answer this message; it goes to a tracker."
                self._send_error(item, Refused(text))

    async def _answer_digests(self, request: m.PeerRequestDigests) -> None:
        try:
            hashes = self._serving.files.hash_list(request.filename, request.root)
        except P2pfsError as error:
            self._send_error(request, error)
            return
        await self._sender.room()
        self.send(m.PeerReplyDigests(request.filename, request.root, bytes(hashes)))
        self._serving.of_use(self)

    def _send_error(self, request: m.Message, error: P2pfsError) -> None:
        named = getattr(request, "filename", None), getattr(request, "chunknum", None)
        self.send(m.Error(m.type_of(type(request)), str(error), *named))

    # Idleness

    def _start_idle_timer(self) -> None:
        self._idle_timer = self.reactor.callLater(IDLE_TIMEOUT, self._idle)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _idle(self) -> None:
        self._idle_timer = None
        self.close()
