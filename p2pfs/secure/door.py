"""What a door is, for all who listen and connect; and the door of an open swarm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint

from p2pfs.membership import Member, Role
from p2pfs.secure.contexts import Credentials


@dataclass(frozen=True)
class Expected:
    """Who has to be at the other end of a connection that this side makes."""

    roles: frozenset[Role]
    """It has one of these."""
    name: str | None = None
    """The name of the member that it is; None when any will do."""

    def named(self, name: str | None) -> Expected:
        """The same, but that one member only, if there is a name."""
        return replace(self, name=name)


A_TRACKER = Expected(frozenset({Role.TRACKER}))
A_PEER = Expected(frozenset({Role.READER, Role.PUBLISHER}))


class Door(Protocol):
    """Where connections go through before any protocol has them."""

    def guard(
        self, factory: IProtocolFactory, strangers: IProtocolFactory | None = None
    ) -> IProtocolFactory:
        """What listens in the place of ``factory``: it builds protocols for members.

        A protocol sees by `member_of` who it talks to. Who shows no certificate gets a
        protocol of ``strangers``, and without that nothing; in an open swarm there are none.
        """

    def connect(
        self, endpoint: IStreamClientEndpoint, factory: IProtocolFactory, expected: Expected
    ) -> Deferred[IProtocol]:
        """Connect; fires with the connected protocol of ``factory`` when both sides are content.

        Fails as ``endpoint`` does, or with `HandshakeFailed`; may be cancelled.
        """


class MembersDoor(Door, Protocol):
    """The door of a private swarm."""

    def use(self, credentials: Credentials) -> None:
        """Show these on connections from now on; those that stand go on as they are."""

    def keep_only(self, is_member: Callable[[Member], bool]) -> list[Member]:
        """Cut off all that are connected and are no members any more, by that word.

        Returns these, once for each connection. To be called when the word may be another:
        after a revocation, and now and then for those that expire. There may be thousands.
        """


class OpenDoor:
    """The door of an open swarm: all may pass, and nobody is known."""

    def guard(
        self, factory: IProtocolFactory, strangers: IProtocolFactory | None = None
    ) -> IProtocolFactory:
        """The factory as it is."""
        return factory

    def connect(
        self, endpoint: IStreamClientEndpoint, factory: IProtocolFactory, expected: Expected
    ) -> Deferred[IProtocol]:
        """Connect, to whoever is there."""
        connecting: Deferred[IProtocol] = endpoint.connect(factory)
        return connecting


def member_of(transport: object) -> Member | None:
    """The member at the other end of a protocol's transport; None where nobody has shown who."""
    member = getattr(transport, "member", None)
    return member if isinstance(member, Member) else None
