"""The tracker's part in a private swarm: it lets members in, renews, and revokes them."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from p2pfs.errors import Refused
from p2pfs.membership import (
    Authority,
    Member,
    RevocationList,
    member_name,
    read_request,
)
from p2pfs.reactor import ThreadedReactor
from p2pfs.threads import in_thread
from p2pfs.tracker.enrolment.invitations import Invitations
from p2pfs.tracker.enrolment.records import NotEnrolled, Records
from p2pfs.tracker.enrolment.values import Applicant, Enrolled, Terms


class Enrolment:
    """Certificates and revocations, by the authority and what is on record.

    What blocks is done in threads of ``reactor``.
    """

    log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        authority: Authority,
        name: str,
        records: Records,
        invitations: Invitations,
        wall_clock: Callable[[], float],
        revoked: Callable[[RevocationList], None],
    ) -> None:
        """``name`` is that of the tracker's own member, which nobody else can be.

        ``revoked`` is given each new list of revocations once it is on record.
        """
        self.name = name
        self._reactor = reactor
        self._authority = authority
        self._records = records
        self._invitations = invitations
        self._wall_clock = wall_clock
        self._revoked = revoked
        self._revoking = DeferredLock()

    @property
    def fingerprint(self) -> str:
        """How people know the swarm."""
        return self._authority.fingerprint

    async def invite(self, terms: Terms, uses: int, lifetime: float) -> bytes:
        """Make an invitation, as `Invitations.make` says; the secret."""
        return await in_thread(
            self._reactor, self._invitations.make, terms.role, terms.patterns, uses, lifetime
        )

    async def join(
        self, secret: bytes, name: str, request: bytes, host: str, address: str
    ) -> tuple[x509.Certificate, ...]:
        """Let somebody in: the chain of certificates for the key of ``request``.

        ``host`` is whom it counts for, ``address`` where it comes from. Raises `InvalidMember`
        for a name or a request that cannot be, and what `Invitations.redeem` raises.
        """
        name, key = member_name(name), read_request(request).public_bytes_raw()
        if name == self.name:
            raise NotEnrolled(f"The tracker itself is {name}; join under another name.")
        applicant = self._applicant(name, key, address)

        def enrol() -> x509.Certificate:
            terms = self._invitations.redeem(secret, host, applicant)
            return self._issue(applicant, terms)

        certificate = await in_thread(self._reactor, enrol)
        self.log.info("{name} joined the swarm, from {address}.", name=name, address=address)
        return self._chain(certificate)

    async def renew(self, member: Member, address: str) -> tuple[x509.Certificate, ...]:
        """A member's next chain, for the same key; raises `NotEnrolled` if it is none any more."""
        applicant = self._applicant(member.name, member.key, address)

        def renew() -> x509.Certificate:
            terms = self._records.renew(applicant, applicant.since)
            return self._issue(applicant, terms)

        return self._chain(await in_thread(self._reactor, renew))

    async def members(self) -> list[Enrolled]:
        """All members on record, by name."""
        return await in_thread(self._reactor, self._records.members)

    async def revoke(self, name: str) -> None:
        """Have a member be none any more, and say so to all; raises `NotFound`.

        The invitation by which it came is over too.
        """
        # One at a time, so that lists go out in the order of their numbers.
        await self._revoking.run(self._revoke, name)

    async def _revoke(self, name: str) -> None:
        name = member_name(name)
        if name == self.name:
            raise Refused(
                "The tracker cannot revoke itself; to begin anew, move its directory 'authority' "
                "away, and have all members join again."
            )

        def revoke() -> RevocationList:
            now = self._wall_clock()
            return self._list(self._records.revoke(name, now), now)

        revocations = await in_thread(self._reactor, revoke)
        self.log.info("{name} was revoked.", name=name)
        self._revoked(revocations)

    def revocations(self) -> RevocationList:
        """The newest list, made anew: for the start, as it blocks."""
        now = self._wall_clock()
        return self._list(self._records.next_list_number(now), now)

    async def tend(self, seen: list[tuple[str, str, float]]) -> None:
        """Have invitations end, and note where members were seen: name, address, time."""
        await in_thread(self._reactor, self._invitations.expire)
        if seen:
            await in_thread(self._reactor, self._records.note_seen, seen)

    def _applicant(self, name: str, key: bytes, address: str) -> Applicant:
        now, authority = self._wall_clock(), self._authority
        return Applicant(name, key, authority.new_serial(), now, authority.until(now), address)

    def _issue(self, applicant: Applicant, terms: Terms) -> x509.Certificate:
        return self._authority.issue(
            applicant.key,
            applicant.name,
            terms.role,
            terms.patterns,
            applicant.since,
            applicant.serial,
        )

    def _list(self, number: int, now: float) -> RevocationList:
        revoked = {each.serial: each.at for each in self._records.revocations()}
        return self._authority.revocation_list(number, revoked, now)

    def _chain(self, certificate: x509.Certificate) -> tuple[x509.Certificate, ...]:
        return (certificate, *self._authority.chain)
