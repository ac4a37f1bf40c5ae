"""What a daemon knows of the private swarm that it is in, and its door to the other members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from cryptography import x509
from twisted.internet.interfaces import IReactorTime

from p2pfs.membership import Member, RevocationList, swarm_fingerprint, verify
from p2pfs.secure.contexts import Credentials
from p2pfs.secure.door import Door, MembersDoor, OpenDoor
from p2pfs.secure.threshold import Check
from p2pfs.secure.tls_door import TlsDoor


class MakeDoor(Protocol):
    """Makes the door of a private swarm; `TlsDoor` is one such."""

    def __call__(
        self,
        reactor: IReactorTime,
        authority: x509.Certificate,
        credentials: Credentials,
        check: Check,
    ) -> MembersDoor:
        """The arguments are those of `TlsDoor`."""


class PrivateSwarm:
    """One authority, who this daemon is there, and which certificates hold no more."""

    def __init__(
        self,
        reactor: IReactorTime,
        authority: x509.Certificate,
        credentials: Credentials,
        revocations: RevocationList | None,
        wall_clock: Callable[[], float],
        make_door: MakeDoor = TlsDoor,
    ) -> None:
        """``wall_clock`` tells the seconds since 1970, by which certificates hold."""
        self.authority = authority
        self.fingerprint = swarm_fingerprint(authority)
        """How people know it."""
        self.credentials = credentials
        """Its own."""
        self.revocations = revocations
        """The newest list that it knows of."""
        self.wall_clock = wall_clock
        self.door = make_door(reactor, authority, credentials, self.check)

    def check(self, chain: Sequence[x509.Certificate]) -> Member:
        """The member whose certificates these are, now; raises `NotAMember`."""
        return verify(chain, self.authority, self.revocations, self.wall_clock())

    @property
    def member(self) -> Member:
        """Who this daemon is; raises `NotAMember` when it is nobody any more."""
        return self.check(self.credentials.chain)

    def use(self, credentials: Credentials) -> None:
        """Show these from now on; connections that stand go on as they are."""
        self.credentials = credentials
        self.door.use(credentials)

    def take_revocations(self, revocations: RevocationList) -> bool:
        """Go by that list from now on, if it is newer; whether it is.

        Members whose certificates are on it are cut off at once.
        """
        is_newer = revocations.is_newer_than(self.revocations)
        if is_newer:
            self.revocations = revocations
            self.cut_off()
        return is_newer

    def cut_off(self) -> None:
        """End the connections of those who are members no more: revoked, or expired meanwhile."""
        now, revocations = self.wall_clock(), self.revocations

        def is_member(member: Member) -> bool:
            # All else was checked when it came in, and stays as it was.
            is_revoked = revocations is not None and revocations.is_revoked(member.serial)
            return member.not_before <= now <= member.not_after and not is_revoked

        self.door.keep_only(is_member)


def door_of(swarm: PrivateSwarm | None) -> Door:
    """The door of a swarm; None is an open one."""
    return OpenDoor() if swarm is None else swarm.door
