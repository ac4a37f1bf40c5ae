"""A connection to one source: pings, chunks and hash lists asked of another peer."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.errors import MalformedMessage, P2pfsError, SourceFailed
from p2pfs.hashing import DIGEST_SIZE
from p2pfs.peer.payloads import ChunkRequest, Sink
from p2pfs.peer.rates import RateMeter
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources.incoming import Incoming
from p2pfs.peer.sources.payload_receiver import PayloadReceiver
from p2pfs.peer.sources.receive_window import ReceiveWindow
from p2pfs.wire import LineTooLong, LongLine, LongReply, Pending, RequestProtocol, said
from p2pfs.wire import messages as m

PROBE_SECONDS = 5.0
"""Of silence, after which a source that owes nothing but offers is asked for a sign of life."""


class WrongChunk(SourceFailed):
    """A source sent something else than the chunk asked for; it is not to be asked again."""


class OutOfReach(SourceFailed):
    """Nothing came back from the host of a source: no connection, and no refusal of one."""


class Answer(Enum):
    """What becomes of a chunk that a source offers."""

    TAKEN = "taken"
    """It is asked for."""
    DECLINED = "declined"
    """It is not wanted."""
    BUSY = "busy"
    """It is wanted, but not now."""
    LATER = "later"
    """That is said later, by `fetch` or `SourceConnection.answer`."""


class SourceConnection(RequestProtocol):
    """The downloading side of a connection between two peers."""

    short_line = m.SERVING_LINE_LIMIT
    """Longest line while no hash list is due, in bytes; of a longer chunk's, it is the rest."""

    def __init__(
        self,
        reactor: IReactorTime,
        address: Address,
        patience: Patience,
        incoming: Incoming,
    ) -> None:
        """``incoming`` is what comes over this connection and all others."""
        super().__init__(reactor, patience.silence, patience.least_rate)
        self.address = address
        self.received = 0
        """Bytes that have come, of whatever kind."""
        self._chatter = 0
        self.takes_turns = False
        """True once the source has said that it offers chunks when it is a downloader's turn."""
        # For each file of which something is wanted: who takes offers, and who takes a refusal.
        self._takers: dict[str, tuple[Callable[[int, bool], Answer], Callable[[str], None]]] = {}
        self._heard_at = reactor.seconds()
        self._meter = RateMeter()
        self._incoming = incoming
        self._window = ReceiveWindow(incoming)
        self._waiting_turn: IDelayedCall | None = None
        self._payloads = PayloadReceiver(
            self, incoming.lender, incoming.bandwidth, self._read_elsewhere
        )

    def dataReceived(self, data: bytes) -> None:
        now = self.reactor.seconds()
        self._arrived(len(data), now)
        super().dataReceived(data)
        self._spend(len(data), now)
        self._payloads.read(len(data))

    def _arrived(self, count: int, now: float) -> None:
        self.received += count
        self._heard_at = now
        self._meter.count(count, now)
        self._window.adjust(self.transport, now)

    def _spend(self, count: int, now: float) -> None:
        wait = self._incoming.limit.spend(count, now)
        if wait > 0 and self._waiting_turn is None and not self.closed:
            self.hold_input()
            self._waiting_turn = self.reactor.callLater(wait, self._go_on)

    def _read_elsewhere(self, count: int) -> None:
        now = self.reactor.seconds()
        self._arrived(count, now)
        self.heard(count)
        self._spend(count, now)

    @property
    def brought(self) -> int:
        """Bytes that have come, without messages that bring nothing of a file."""
        return self.received - self._chatter

    def rate(self) -> float | None:
        """Bytes a second that came over the last few seconds; None while too little is known."""
        return self._meter.rate(self.reactor.seconds())

    def _go_on(self) -> None:
        self._waiting_turn = None
        self.release_input()

    def closing(self, reason: Failure) -> None:
        if self._waiting_turn is not None:
            self._waiting_turn.cancel()
            self._waiting_turn = None
        self._takers.clear()
        self._payloads.call_back()
        super().closing(reason)

    def connection_error(self, reason: str) -> P2pfsError:
        return SourceFailed(f"{self.address}: {reason}")

    def ping(self) -> Deferred[float]:
        """Fires with the round trip time in seconds."""
        sent = self.reactor.seconds()
        pong = self.ask(m.PeerPingPong(turns=True), m.PeerPingPong)
        return pong.addCallback(lambda _: self.reactor.seconds() - sent)

    def fetch(
        self, filename: str, info: FileInfo, chunknum: int, sink: Sink
    ) -> Deferred[bytes | None]:
        """Ask for a chunk, whose bytes go to ``sink``; fires with the digest the sender claims.

        That is None where the sender need not claim one, or claims one of another hash.
        Fails with `Refused` when the source does not have it, with `WrongChunk`
        when it sends something of another length, and with `SourceFailed`.
        """
        request = m.PeerRequestChunk(filename, chunknum, info.root, "raw")
        pending = ChunkRequest(request, info, sink)
        self.enqueue(pending, m.PeerReplyChunk)
        self._payloads.asked(pending)
        return pending.answered

    def want(
        self,
        filename: str,
        info: FileInfo,
        chunks: ChunkSet,
        room: int,
        take: Callable[[int, bool], Answer],
        refused: Callable[[str], None],
    ) -> None:
        """Tell a source that takes turns what is wanted of a file, ``room`` chunks at a time.

        ``take`` is called with the number of each chunk that it offers, and whether it has
        nothing else to send; it calls `fetch` if it returns `Answer.TAKEN`. ``refused`` is
        called with the reason when it offers nothing of the file.
        """
        self._takers[filename] = take, refused
        self.send(m.PeerWant(filename, chunks.to_bitfield(), room, info.root))

    def want_nothing(self, filename: str, info: FileInfo) -> None:
        """Take no more offers of a file."""
        if self._takers.pop(filename, None) is not None:
            nothing = ChunkSet(info.totalchunknum)
            self.send(m.PeerWant(filename, nothing.to_bitfield(), 0, info.root))

    def ready(self, filename: str) -> None:
        """Tell a source whose offer was answered with `Answer.BUSY` to go on making offers."""
        self.send(m.PeerReady(filename))

    def have(self, filename: str, chunknum: int) -> None:
        """Tell a source that takes turns that a chunk is wanted no more."""
        self.send(m.PeerHave(filename, chunknum))

    def found_wrong(self, filename: str, chunknum: int) -> None:
        """Tell a source that a chunk is wrong, so that it looks at its own copy."""
        kind = m.type_of(m.PeerReplyChunk)
        self.send(m.Error(kind, "It does not have the digest it should.", filename, chunknum))

    def probe(self) -> None:
        """Ask for a sign of life, if nothing is due and nothing has come for a while.

        When there is none, the connection ends as it does when an answer does not come.
        """
        quiet = self.reactor.seconds() - self._heard_at >= PROBE_SECONDS
        if quiet and not self.open_requests and not self.closed:
            # Whoever has to know of the end learns it from `ended`.
            self.ping().addErrback(lambda failure: failure.trap(P2pfsError))

    def message_received(self, message: m.Message, line: bytes) -> None:
        if not isinstance(message, m.PeerReplyChunk | m.PeerReplyDigests):
            self._chatter += len(line) + 1
        match message:
            case m.PeerTurns():
                self.takes_turns = True
            case m.PeerOffer() if self.takes_turns:
                self._offered(message)
            case m.Error(request, text, str(filename)) if request == m.type_of(m.PeerWant):
                taker = self._takers.pop(filename, None)
                if taker is not None:
                    taker[1](said(text))
            case _:
                super().message_received(message, line)

    def _offered(self, offer: m.PeerOffer) -> None:
        taker = self._takers.get(offer.filename)
        answer = Answer.DECLINED if taker is None else taker[0](offer.chunknum, offer.spare)
        self.answer(offer.filename, offer.chunknum, answer)

    def answer(self, filename: str, chunknum: int, answer: Answer) -> None:
        """Say what becomes of an offer, as far as a request for it does not say so."""
        if answer is Answer.DECLINED:
            self.have(filename, chunknum)
        elif answer is Answer.BUSY:
            self.send(m.PeerBusy(filename, chunknum))

    def fetch_hash_list(self, filename: str, info: FileInfo) -> Deferred[HashList]:
        """Ask for the hash list behind ``info.root``.

        Fails with `WrongChunk` when the list does not have that root.
        """
        assert info.root is not None
        request = m.PeerRequestDigests(filename, info.root)
        asked = self.ask(request, m.PeerReplyDigests)
        return asked.addCallback(self._check_hash_list, info)

    def _check_hash_list(self, reply: m.PeerReplyDigests, info: FileInfo) -> HashList:
        if len(reply.data) == info.totalchunknum * DIGEST_SIZE:
            hashes = info.hash_list(reply.data)
            if hashes.root == info.root:
                return hashes
        raise WrongChunk(f"{self.address}: it sent a hash list that does not match the root")

    def reply_received(self, pending: Pending, reply: m.Message) -> None:
        if isinstance(pending, ChunkRequest) and isinstance(reply, m.PeerReplyChunk):
            self._chunk_received(pending, reply)
        else:
            super().reply_received(pending, reply)

    def _chunk_received(self, pending: ChunkRequest, reply: m.PeerReplyChunk) -> None:
        """The line of a chunk is there: its bytes are in it, or follow it."""
        fault, sink = pending.fault(reply), pending.sink
        if fault is not None:
            self._reject(pending, fault)
        elif reply.data is not None:
            try:
                data = m.decode_chunk(reply.data)
            except MalformedMessage:
                self._reject(pending, "it sent a chunk that is not base64")
                return
            if pending.taken + len(data) != sink.length:
                self._reject(pending, "it sent a chunk of the wrong length")
                return
            if pending.wanted:
                if data:
                    self._attach(pending)
                    sink.write(data)
                pending.succeed(pending.claimed(reply))
        else:
            self._payloads.begin(pending, reply)

    def longest_line(self) -> int:
        if self.due(m.PeerReplyDigests) is not None:
            return self.MAX_LENGTH
        return min(self.MAX_LENGTH, self.short_line)

    def long_line_begun(self) -> LongLine | None:
        """A line that is not kept as a whole: it can only be the next chunk, in base64."""
        pending = self.due(m.PeerReplyChunk)
        if not isinstance(pending, ChunkRequest):
            return None
        reply, began = LongReply(), self.reactor.seconds()
        if not pending.answered.called:
            self._attach(pending)

        def received(piece: bytes, last: bool) -> None:
            try:
                for data in reply.feed(piece):
                    self._take_piece(pending, data)
            except LineTooLong as error:
                self.refuse(m.Error(None, str(error)))
            except MalformedMessage:
                self._reject(pending, "it sent a chunk that is not base64")
            if last and not self.closing_down:
                self._incoming.bandwidth.count(pending.taken, began, self.reactor.seconds())
                self._long_line_ended(pending, bytes(reply.rest))

        return received

    def _take_piece(self, pending: ChunkRequest, data: bytes) -> None:
        pending.taken += len(data)
        if pending.taken > pending.sink.length:
            self._reject(pending, "it sent a chunk of the wrong length")
        elif not pending.answered.called:
            # As of raw bytes, a cancelled request's go nowhere.
            pending.sink.write(data)

    def _long_line_ended(self, pending: ChunkRequest, rest: bytes) -> None:
        """The line is there, as if the chunk in it were empty."""
        try:
            message = m.decode(rest)
        except m.UndecodableMessage as error:
            self.undecodable_received(error)
        else:
            self.message_received(message, rest)
        if self.due(m.PeerReplyChunk) is pending:
            self.give_up("it sent a line that is too long, and no chunk")

    def _attach(self, pending: ChunkRequest) -> None:
        pending.sink.attach(self.hold_input, self.release_input)

    def _reject(self, pending: ChunkRequest, reason: str) -> None:
        # After a reply that breaks the rules nothing tells where the next one begins.
        pending.fail(WrongChunk(f"{self.address}: {reason}"))
        self.give_up(reason)


class SourceFactory(Factory):
    """Makes the connection to one source."""

    noisy = False

    def __init__(self, make: Callable[[], SourceConnection]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> SourceConnection:
        return self._make()
