"""The tracker's end of a stranger's connection: to a private swarm it can do nothing but join."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError
from p2pfs.membership import RevocationList, encode_chain
from p2pfs.wire import MessageProtocol, Reception
from p2pfs.wire import messages as m

MOST_STRANGERS = 64
"""Connections of those who are no members; hosts share them, and members have others."""

JOINING_SECONDS = 10.0
"""How long a stranger may take to say what it wants."""

MEMBERS_ONLY = (
    "This swarm is private, and you are no member: have an invitation made on the tracker with "
    "'p2pfs tracker invite', and join with it by 'p2pfs join'."
)

Join: TypeAlias = Callable[[m.RequestJoin, str, str], Awaitable[Sequence[x509.Certificate]]]
"""Lets somebody in, from that host and that address; the chain, or raises `P2pfsError`."""


class JoiningProtocol(MessageProtocol):
    """A stranger's connection: one request, its answer, and the end."""

    log = Logger()
    MAX_LENGTH = 16 * m.KIB
    message_timeout = JOINING_SECONDS
    receive_size = 16 * m.KIB

    def __init__(self, factory: JoiningFactory, host: str) -> None:
        super().__init__(factory.reactor, host, factory.handling, factory.budget)
        self._factory = factory
        self._joining: Deferred[None] | None = None
        self._patience: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self._patience = self.reactor.callLater(JOINING_SECONDS, self._too_late)

    def message_received(self, message: m.Message, line: bytes) -> None:
        self._stop_waiting()
        if not isinstance(message, m.RequestJoin):
            self.refuse(m.Error(m.type_of(type(message)), MEMBERS_ONLY))
            return
        self.hold_input()
        self._joining = Deferred.fromCoroutine(self._join(message))
        self._joining.addErrback(self._broken)

    def undecodable_received(self, error: m.UndecodableMessage) -> None:
        self.refuse(m.Error(error.request, str(error)))

    def refuse(self, error: m.Error) -> None:
        self._stop_waiting()
        super().refuse(error)

    def closing(self, reason: Failure) -> None:
        self._stop_waiting()
        self._factory.forget(self)

    async def _join(self, request: m.RequestJoin) -> None:
        address = self.host if self.remote is None else str(self.remote)
        try:
            chain = await self._factory.join(request, self.host, address)
        except P2pfsError as error:
            self.send(m.Error(m.type_of(m.RequestJoin), str(error)))
        else:
            self.send(m.ReplyJoin(encode_chain(chain), self._factory.revocations().der))
        self.close()

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Letting somebody join failed.", failure=failure)
        self.abort()

    def _too_late(self) -> None:
        self._patience = None
        self.refuse(m.Error(None, f"Nothing was asked for {JOINING_SECONDS:g} s; join again."))

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class JoiningFactory(Reception[JoiningProtocol]):
    """Takes the connections of strangers."""

    def __init__(
        self, reactor: IReactorTime, join: Join, revocations: Callable[[], RevocationList]
    ) -> None:
        """``revocations`` gives the newest list."""
        super().__init__(reactor, MOST_STRANGERS)
        self.reactor = reactor
        self.join = join
        self.revocations = revocations

    def receive(self, host: str) -> JoiningProtocol:
        return JoiningProtocol(self, host)

    def in_use(self, connection: JoiningProtocol) -> bool:
        return connection.input_held
