"""What the connections of a serving peer work with: what there is to give, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.addresses import is_loopback
from p2pfs.peer.library import Holding
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving.deliveries import Deliveries
from p2pfs.peer.serving.offers import Offers, Receiver
from p2pfs.peer.serving.sending import Sending
from p2pfs.peer.serving.served_files import ServedFiles
from p2pfs.peer.serving.uploads import Downloader, Uploads
from p2pfs.peer.sources import Expected
from p2pfs.reactor import ThreadedReactor
from p2pfs.wire import HostRates, Reception
from p2pfs.wire import messages as m

EARNED = 4
"""Messages that do not count for each chunk that a host was sent: those that bring it about."""


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


class Serving:
    """Knows all downloaders, and what they share: files, turns, limits, and the log's patience.

    A connection says here what its downloader said, and what it did for it.
    """

    def __init__(
        self,
        reactor: ThreadedReactor,
        reception: Reception[Any],
        rates: HostRates,
        files: ServedFiles,
        limit: RateLimit,
        random: Random,
        deliveries: Deliveries,
        hooks: ServingHooks,
    ) -> None:
        """``reception`` lets connections in; ``rates`` are of the messages that it has handled.

        ``random`` breaks ties between those whose turn it could be, and ``deliveries``
        watches how fast chunks are sent.
        """
        self.reactor = reactor
        self.handling = reception.handling
        self.budget = reception.budget
        self.files = files
        self.limit = limit
        self.uploads = Uploads()
        self.offers = Offers(reactor, random, files.holding)
        self._reception = reception
        self._rates = rates
        self._deliveries = deliveries
        self._hooks = hooks
        self._sending: Sending[Receiver] = Sending(reactor)

    # What is said

    def heard(self, host: str) -> None:
        """Somebody has connected."""
        if not is_loopback(host):
            self._hooks.heard()

    def probed(self, token: str, host: str) -> None:
        """Somebody looks whether this peer can be reached."""
        self._hooks.probed(token, host)

    def expected(self, token: str) -> Expected | None:
        """Who waits for a connection with that token; only the first to ask is told."""
        return self._hooks.expected(token)

    def told(self, receiver: Receiver, message: m.Message) -> None:
        """A downloader says what it wants, has, or has room for.

        Raises `P2pfsError` when nothing will ever be offered for what it wants.
        """
        match message:
            case m.PeerWant():
                self.offers.want(receiver, message)
            case m.PeerHave(filename, chunknum):
                self._deliveries.has(receiver, filename, chunknum, self.reactor.seconds())
                self.offers.have(receiver, filename, chunknum)
            case m.PeerBusy(filename, chunknum):
                self.offers.busy(receiver, filename, chunknum)
            case m.PeerReady(filename):
                self.offers.ready(receiver, filename)

    def found_wrong(self, receiver: Receiver, filename: str, chunknum: int) -> None:
        """A downloader says that a chunk is wrong, which counts once if it was sent that."""
        if self._deliveries.found_wrong(receiver, filename, chunknum):
            holding = self.files.claims(filename, chunknum)
            if holding is not None:
                self._hooks.doubted(holding, chunknum)

    def offended(self, receiver: Receiver, what: str) -> None:
        """A downloader broke a rule, to be said in the log as ``what``."""
        self._reception.offences.note(receiver.host, what)

    def forget(self, receiver: Receiver) -> None:
        """A connection has ended."""
        self._reception.forget(receiver)
        self.offers.forget(receiver)
        self._sending.end(receiver, receiver.host)
        self._deliveries.forget(receiver)
        self.uploads.forget(receiver)

    # Whether it may stay

    def settle(self, receiver: Receiver) -> None:
        """A downloader is being answered, or was turned round: others make room before it."""
        self._reception.admission.settle(receiver)

    def unsettle(self, receiver: Receiver) -> None:
        """A downloader has been answered."""
        self._reception.admission.unsettle(receiver)

    def of_use(self, receiver: Receiver) -> None:
        """A downloader got what it asked for: it is not idle."""
        self._reception.admission.touch(receiver, self.reactor.seconds())

    # The way of a chunk

    def asked(self, receiver: Receiver, request: m.PeerRequestChunk) -> None:
        """A downloader asks for a chunk, perhaps for one that was offered."""
        self.offers.asked(receiver, request.filename, request.chunknum)

    def turn(self, receiver: Receiver) -> Deferred[None]:
        """Fires when a chunk may be sent to it, or when it is gone; `turn_over` has to follow."""
        return self._sending.begin(receiver, receiver.host)

    def begun(self, receiver: Hashable, holding: Holding, chunknum: int) -> None:
        """A chunk begins to be sent."""
        self._deliveries.begun(receiver, holding, chunknum, self.reactor.seconds())

    def count_upload(self, receiver: Downloader, name: str, size: int) -> None:
        """Bytes of a chunk of a file were sent, that many."""
        self.uploads.count(receiver, name, size, self.reactor.seconds())

    def given(self, receiver: Receiver) -> None:
        """All of a chunk was sent: some messages of its host do not count for that."""
        self._rates.earn(receiver.host, EARNED)
        self.of_use(receiver)

    def failed(self, receiver: Receiver, request: m.PeerRequestChunk) -> None:
        """A chunk could not be sent."""
        self.offers.failed(receiver, request.filename, request.chunknum)

    def turn_over(self, receiver: Receiver) -> None:
        """The next chunk may be sent to others of its host."""
        self._sending.end(receiver, receiver.host)

    def sent(self, receiver: Receiver, request: m.PeerRequestChunk) -> None:
        """A chunk has gone out, so that there is room for what comes next."""
        self.offers.sent(receiver, request.filename, request.chunknum)
