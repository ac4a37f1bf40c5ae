"""The side that is called: a peer that cannot be reached connects to a downloader, and serves."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import Address, parse_address
from p2pfs.errors import HandshakeFailed, InvalidAddress
from p2pfs.listening import address_endpoint
from p2pfs.peer.serving.factory import ServingFactory
from p2pfs.peer.serving.protocol import ServingProtocol
from p2pfs.peer.settings import Patience
from p2pfs.reactor import Reactor
from p2pfs.secure import A_PEER, Door
from p2pfs.wire import messages as m

MOST_ATTEMPTS = 32
"""Connections that are being opened at a time."""

WINDOW = 10.0
MOST_IN_WINDOW = 64
"""Connections that are opened in that many seconds, whatever a tracker says."""


class Callee:
    """Connects to who calls this peer, and serves there."""

    log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        patience: Patience,
        reception: ServingFactory,
        door: Door,
    ) -> None:
        """``reception`` makes the protocols of these connections, as many as it has room for.

        ``door`` is that of the swarm.
        """
        self._reactor = reactor
        self._patience = patience
        self._reception = reception
        self._door = door
        self._attempts: dict[Deferred[None], None] = {}
        self._since = 0.0
        self._begun = 0

    def called(self, notice: m.NoticeCallBack) -> None:
        """A downloader wants this peer to connect; nothing happens when too many do."""
        now = self._reactor.seconds()
        if now - self._since >= WINDOW:
            self._since, self._begun = now, 0
        if len(self._attempts) >= MOST_ATTEMPTS or self._begun >= MOST_IN_WINDOW:
            return
        try:
            address = parse_address(notice.address)
        except InvalidAddress:
            return
        self._begun += 1
        attempt = Deferred.fromCoroutine(self._connect(address, notice.token))
        self._attempts[attempt] = None
        attempt.addErrback(self._broken).addCallback(lambda _: self._attempts.pop(attempt))

    def stop(self) -> None:
        """Give up what is under way."""
        for attempt in list(self._attempts):
            attempt.cancel()

    async def _connect(self, address: Address, token: str) -> None:
        endpoint = address_endpoint(self._reactor, address, self._patience.connect)
        try:
            connection = await self._door.connect(endpoint, self._reception, A_PEER)
        except (
            ConnectError,
            ConnectingCancelledError,
            DNSLookupError,
            HandshakeFailed,
            OSError,
            CancelledError,
        ):
            return  # who called finds out by itself
        if isinstance(connection, ServingProtocol):
            connection.send(m.PeerCallBack(token))

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Connecting to a downloader failed.", failure=failure)
