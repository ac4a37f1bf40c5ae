"""The serving side of a connection between two peers: chunks and hash lists for whoever asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import is_loopback
from p2pfs.errors import P2pfsError, Refused, StorageProblem
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.rates import Bandwidth, RateLimit
from p2pfs.peer.serving.chunk_sender import ChunkSender
from p2pfs.peer.serving.deliveries import Deliveries
from p2pfs.peer.serving.offers import Offers
from p2pfs.peer.serving.sending import Sending
from p2pfs.peer.sources import Expected
from p2pfs.peer.storage import ChunkReader, Disk, FileAway, FileChanged
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread
from p2pfs.wire import HostRates, MessageProtocol, Notices, Reception, set_tcp_options
from p2pfs.wire import messages as m

MAX_QUEUE = 64
"""Requests that wait on one connection before no more are read from it."""

UNSENT = 128 * 1024
"""Bytes that the system takes from a connection before it has sent them, while several want chunks.

So it is known here how far a chunk is, and an offer does not come behind the whole of it.
"""

USUAL_UNSENT = 0
"""The system's own limit, for one that is alone: then nothing waits for it, and fewer, larger
portions cost less."""

IDLE_TIMEOUT = 300.0
"""Seconds after which a connection that asks for nothing is closed."""

MAX_CONNECTIONS = 256
"""Connections served at the same time; when there are more, hosts share them."""

MESSAGE_RATE = 1000
"""Messages a second that each host may have handled, beside `EARNED`."""

MESSAGE_BURST = 2000
"""Messages that it may have handled at once."""

EARNED = 4
"""Messages that do not count for each chunk that it was sent: those that bring it about."""


_CHUNK = m.type_of(m.PeerReplyChunk)
"""What a downloader's error is about when it found a chunk wrong."""


@dataclass(frozen=True)
class ServingHooks:
    """What others are told of what comes in, or asked for it."""

    heard: Callable[[], None] = lambda: None
    """Called when another host connects."""
    doubted: Callable[[Holding, int], None] = lambda holding, chunknum: None
    """Called with each chunk that was found wrong by whom it was sent to."""
    probed: Callable[[str, str], None] = lambda token, host: None
    """Called with the token of each ping that somebody probes with, and his host."""
    expected: Callable[[str], Expected | None] = lambda token: None
    """Has who waits for a connection with a token."""


class ServingProtocol(MessageProtocol):
    """One downloader's connection. Everything is answered one by one, in order."""

    log = Logger()
    MAX_LENGTH = m.SERVING_LINE_LIMIT
    # Requests are short, and so is what may wait to be sent before the connection counts as full.
    receive_size = 64 * m.KIB

    def __init__(self, factory: ServingFactory, host: str) -> None:
        super().__init__(factory.reactor, host, factory.handling, factory.budget)
        self._serving = factory
        # What to answer, with the size of its line in bytes. Bytes are sent as they are, behind
        # earlier answers: a ping's line, or a complaint.
        self._queue: deque[tuple[m.Message | bytes, int]] = deque()
        self._queued_bytes = 0
        self._queue_full = False
        self._refused = False
        self._is_new = True
        self._idle_timer: IDelayedCall | None = None
        self._unsent = USUAL_UNSENT
        self._sender = ChunkSender(
            factory.reactor, self, factory.limit, factory.budget, factory.count_upload
        )
        self.at_work: Deferred[None] | None = None

    # Incoming

    def connectionMade(self) -> None:
        super().connectionMade()
        self._start_idle_timer()

    def message_received(self, message: m.Message, line: bytes) -> None:
        offers = self._serving.offers
        is_first, self._is_new = self._is_new, False
        match message:
            case m.PeerPingPong(knows_turns, probe):
                if probe is not None:
                    self._serving.hooks.probed(probe, self.host)
                greeting = m.encode(m.PeerTurns()) if knows_turns else b""
                self._enqueue(greeting + line + b"\n", len(line))
            case m.PeerWant(filename):
                try:
                    offers.want(self, message)
                except P2pfsError as error:
                    answer = m.encode(m.Error(m.type_of(m.PeerWant), str(error), filename))
                    self._enqueue(answer, len(answer))
            case m.PeerHave(filename, chunknum):
                self._serving.deliveries.has(self, filename, chunknum, self.reactor.seconds())
                offers.have(self, filename, chunknum)
            case m.PeerBusy(filename, chunknum):
                offers.busy(self, filename, chunknum)
            case m.PeerReady(filename):
                offers.ready(self, filename)
            case m.Error(request, _, str(filename), int(chunknum)) if request == _CHUNK:
                self._serving.found_wrong(self, filename, chunknum)
            case m.PeerRequestChunk(filename, chunknum):
                offers.asked(self, filename, chunknum)
                self._enqueue(message, len(line))
            case m.PeerCallBack(token) if is_first:
                self._turn_round(token)
            case m.Error(request) if request == m.type_of(m.PeerCallBack):
                self.close()  # this side has connected, and is not waited for any more
            case _:
                self._enqueue(message, len(line))

    def _turn_round(self, token: str) -> None:
        """Who has connected serves on this connection, if somebody here waits for that."""
        expected = self._serving.hooks.expected(token)
        if expected is None:
            text = "Nobody here waits for that connection."
            answer = m.encode(m.Error(m.type_of(m.PeerCallBack), text))
            self._enqueue(answer, len(answer))
            return
        self._stop_idle_timer()
        self._serving.admission.settle(self)
        connection = expected.make()
        self.hand_over(connection)
        expected.arrived.callback(connection)

    def offer(self, filename: str, chunknum: int, spare: bool) -> None:
        """Tell the downloader that it is its turn; before what else waits, not inside a payload."""
        self._enqueue(m.encode(m.PeerOffer(filename, chunknum, spare)), 0, first=True)

    def undecodable_received(self, error: m.UndecodableMessage) -> None:
        # What it was is not repeated in the log: it is for the other side to choose.
        self._serving.offences.note(self.host, "sends lines that are no messages of the protocol.")
        # Queued, because sent at once it would end up inside a raw payload.
        answer = m.encode(m.Error(error.request, str(error)))
        self._enqueue(answer, len(answer))

    def refuse(self, error: m.Error) -> None:
        self._serving.offences.note(self.host, error.message)
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

    def _enqueue(self, item: m.Message | bytes, size: int, first: bool = False) -> None:
        if first:
            self._queue.appendleft((item, size))
        else:
            self._queue.append((item, size))
        self._queued_bytes += size
        if isinstance(item, m.PeerRequestChunk | m.PeerRequestDigests):
            self._serving.admission.settle(self)
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
                await self._serving.sending.begin(self, self.host)
                if self.closed:
                    return
            await self._answer(item)
            if isinstance(item, m.PeerRequestChunk):
                # Not after a failure nobody foresaw: the connection is cut then, and forgotten.
                self._serving.sending.end(self, self.host)
            await self.writable()
            if isinstance(item, m.PeerRequestChunk):
                self._serving.offers.sent(self, item.filename, item.chunknum)

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Serving a peer failed.", failure=failure)
        self.abort()

    def _worked(self, _: None) -> None:
        done, self.at_work = self.at_work, None
        self._serving.admission.unsettle(self)
        if self._refused:
            self.close()
        if not self.closed:
            self._start_idle_timer()
        if done is not None:
            done.callback(None)

    async def _answer(self, item: m.Message | bytes) -> None:
        if isinstance(item, bytes):
            self.send_bytes(item)
            return
        try:
            match item:
                case m.PeerRequestChunk():
                    await self._send_chunk(item)
                    self._serving.rates.earn(self.host, EARNED)
                    self._serving.admission.touch(self, self.reactor.seconds())
                case m.PeerRequestDigests(filename, root):
                    holding = self._serving.holding(filename, root)
                    if holding.hashes.root != holding.info.root:
                        raise Refused("This peer does not have the hash list yet.")
                    await self._sender.room()
                    self.send(m.PeerReplyDigests(filename, root, bytes(holding.hashes)))
                    self._serving.admission.touch(self, self.reactor.seconds())
                case m.Error():
                    pass  # nothing was asked, and answering errors with errors never ends
                case _:
                    raise Refused("A peer does not answer this message; it goes to a tracker.")
        except P2pfsError as error:
            request = m.type_of(type(item))
            named = getattr(item, "filename", None), getattr(item, "chunknum", None)
            self.send(m.Error(request, str(error), *named))
            if isinstance(item, m.PeerRequestChunk):
                self._serving.offers.failed(self, item.filename, item.chunknum)

    async def _send_chunk(self, request: m.PeerRequestChunk) -> None:
        holding = self._serving.holding(request.filename, request.root)
        if request.chunknum not in holding.chunks:
            raise Refused("This peer does not hold that chunk.")
        self._limit_unsent()
        try:
            # Nothing is waited for before: it is not noted of a connection that is forgotten.
            self._serving.deliveries.begun(self, holding, request.chunknum, self.reactor.seconds())
            reader = await self._serving.open(holding)
            try:
                if request.encoding == "raw":
                    await self._sender.send_raw(holding, request.chunknum, reader)
                else:
                    await self._sender.send_base64(holding, request.chunknum, reader)
            finally:
                reader.close()
        except FileChanged as error:
            self._serving.changed(holding, error)
            if isinstance(error, FileAway):
                raise Refused("This peer does not share that file at present.") from None
            raise Refused("The file was changed or removed; this peer shares it no more.") from None
        except StorageProblem as error:
            # The other side has no business with paths on this machine.
            self._serving.unreadable.note(self.host, f"asked for what cannot be read: {error}")
            raise Refused("This peer cannot read the file at present.") from None

    def _limit_unsent(self) -> None:
        unsent = UNSENT if self._serving.offers.several else USUAL_UNSENT
        if unsent != self._unsent:
            self._unsent = unsent
            set_tcp_options(self.transport, {"TCP_NOTSENT_LOWAT": unsent})

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


class ServingFactory(Reception[ServingProtocol]):
    """What all connections of a serving peer share: the library, and what it sent so far."""

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        disk: Disk,
        library: Library,
        changed: Callable[[Holding, FileChanged], None],
        limit: RateLimit,
        random: Random,
        deliveries: Deliveries | None = None,
        hooks: ServingHooks | None = None,
        possible: int = MAX_CONNECTIONS,
    ) -> None:
        """``changed`` is told of a holding whose file is no longer what was published.

        ``random`` breaks ties between those whose turn it could be, and ``deliveries``
        watches how fast chunks are sent. ``possible`` are as many connections as the system
        allows.
        """
        self.hooks = hooks or ServingHooks()
        self.limit = limit
        self.reactor = reactor
        self.changed = changed
        self.rates = HostRates(MESSAGE_RATE, MESSAGE_BURST)
        super().__init__(reactor, min(MAX_CONNECTIONS, possible), self.rates)
        self.uploaded = 0
        self._disk = disk
        self.unreadable = Notices(reactor, self.log.warn)
        self._library = library
        self.offers = Offers(reactor, random, self.holding)
        self.sending: Sending[ServingProtocol] = Sending(reactor)
        self.deliveries = deliveries or Deliveries(Bandwidth(limit), lambda name: None)

    def receive(self, host: str) -> ServingProtocol:
        if not is_loopback(host):
            self.hooks.heard()
        return ServingProtocol(self, host)

    def count_upload(self, size: int) -> None:
        """So many bytes of a chunk were sent."""
        self.uploaded += size

    def in_use(self, connection: ServingProtocol) -> bool:
        return self.offers.waits(connection)

    def forget(self, connection: ServingProtocol) -> None:
        """Drop a connection that ended."""
        super().forget(connection)
        self.offers.forget(connection)
        self.sending.end(connection, connection.host)
        self.deliveries.forget(connection)

    def found_wrong(self, receiver: ServingProtocol, filename: str, chunknum: int) -> None:
        """A downloader says that a chunk that it was sent is wrong."""
        holding = self._library.get(filename)
        sent = self.deliveries.found_wrong(receiver, filename, chunknum)
        if sent and holding is not None and not holding.withheld and chunknum in holding.chunks:
            self.hooks.doubted(holding, chunknum)

    def holding(self, filename: str, root: str | None) -> Holding:
        """What this peer holds under that name; raises `Refused` when it is not that content."""
        holding = self._library.get(filename)
        if holding is None:
            raise Refused("This peer does not share that file.")
        if holding.withheld is not None:
            raise Refused("This peer does not share that file at present.")
        if root is not None and root.lower() != holding.info.root:
            raise Refused("This peer holds another content under that name.")
        return holding

    async def open(self, holding: Holding) -> ChunkReader:
        """A reader for a holding; raises `FileChanged` when its file is not what it was."""
        if holding.part is not None:
            return holding.part.reader()
        return await in_thread(
            self.reactor, ChunkReader.open, self._disk, holding.path, holding.stamp
        )
