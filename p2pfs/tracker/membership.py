"""What the connections of members have to do with their being members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.errors import P2pfsError, Refused
from p2pfs.membership import Member, encode_chain
from p2pfs.secure import PrivateSwarm
from p2pfs.wire import MessageProtocol
from p2pfs.wire import messages as m

Renew = Callable[[Member, str], Awaitable[Sequence[x509.Certificate]]]
"""Gives a member at that address its next chain; raises `P2pfsError`."""


class Membership:
    """A tracker's private swarm, as its members' connections see it."""

    log = Logger()

    def __init__(self, swarm: PrivateSwarm, renew: Renew) -> None:
        self.swarm = swarm
        self._renew = renew

    def check_key(self, member: Member, key: bytes | None) -> None:
        """Raise `Refused` when a member registers with another key than its certificate's."""
        if key != member.key:
            raise Refused("In a private swarm a peer has the key of its certificate; show that.")

    def news_for(self, known: int | None) -> m.NoticeRevocations | None:
        """The newest list of revocations for who knows the one with that number, or none."""
        newest = self.swarm.revocations
        if newest is None or (known is not None and known >= newest.number):
            return None
        return m.NoticeRevocations(newest.der)

    def renew(self, connection: MessageProtocol, member: Member) -> None:
        """Answer who asks for its next certificate."""
        connection.hold_input()  # replies go out in the order of requests
        address = connection.host if connection.remote is None else str(connection.remote)
        renewed = Deferred.fromCoroutine(self._renewed(connection, member, address))
        renewed.addErrback(self._broken).addCallback(lambda _: connection.release_input())

    async def _renewed(self, connection: MessageProtocol, member: Member, address: str) -> None:
        try:
            chain = await self._renew(member, address)
        except P2pfsError as error:
            connection.send(m.Error(m.type_of(m.RequestRenew), str(error)))
        else:
            connection.send(m.ReplyRenew(encode_chain(chain)))

    def _broken(self, failure: Failure) -> None:
        self.log.failure("Renewing a certificate failed.", failure=failure)
