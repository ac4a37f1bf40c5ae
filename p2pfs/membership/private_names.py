"""Whose word a name is in a private swarm: that of a publisher whose patterns allow it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from p2pfs.chunks import FileInfo
from p2pfs.errors import BadSignature, NotAMember
from p2pfs.identity import PeerKey, fingerprint
from p2pfs.membership.certificates import read_certificate, read_member
from p2pfs.membership.member import Member, Role
from p2pfs.membership.name_signing import SigningClock
from p2pfs.membership.revocations import RevocationList
from p2pfs.membership.signature import Signature, Signer, by_key, check_form, check_signed, sign
from p2pfs.membership.verification import MAX_CHAIN, Identity, identify, is_issued_by

EARLY_SECONDS = 600.0
"""How far in the future a signature may seem to be made: clocks differ."""

MOST_KNOWN = 256
"""Chains that are remembered once they were found to be the authority's."""

_PUBLISHER = frozenset({Role.PUBLISHER})


@dataclass(frozen=True)
class SigningMember:
    """What a member signs with: its key, and the chain that it has at the time."""

    key: PeerKey
    chain: Callable[[], Sequence[x509.Certificate]]
    """The present one, its own certificate first; it changes when that is renewed."""


@dataclass(frozen=True)
class _Own:
    """What a member's certificates come to."""

    certificates: tuple[x509.Certificate, ...]
    member: Member
    chain: tuple[bytes, ...]
    """What goes along with what it signs."""


class PrivateNames:
    """Signs for a member, and believes none but publishers of the same swarm."""

    required = True

    def __init__(
        self,
        authority: x509.Certificate,
        revocations: Callable[[], RevocationList | None],
        wall_clock: Callable[[], float],
        member: SigningMember | None = None,
    ) -> None:
        """``revocations`` gives the newest list that there is, or None; ``wall_clock`` tells the
        seconds since 1970. Without a ``member`` it signs nothing."""
        self._authority = authority
        self._revocations = revocations
        self._wall_clock = wall_clock
        self._clock = SigningClock(wall_clock)
        self._member = member
        self._own: _Own | None = None
        # Those asked for last are last.
        self._known: dict[tuple[bytes, ...], Identity] = {}

    def check_may_sign(self, name: str) -> None:
        """As `NameSigning` says."""
        self._signing(name)

    def sign(self, name: str, info: FileInfo, after: int = 0) -> Signature:
        """As `NameSigning` says."""
        key, own = self._signing(name)
        return sign(key, name, info, self._clock.next(name, after), own.chain)

    def check(self, name: str, info: FileInfo, signature: Signature | None) -> None:
        """As `NameSigning` says."""
        if signature is None:
            raise BadSignature(
                f"'{name}' is not signed, and in this swarm each name is, by a publisher; have "
                "one publish the file again."
            )
        check_form(signature)
        if signature.at > self._wall_clock() + EARLY_SECONDS:
            raise BadSignature(
                f"'{name}' is signed for a time that has not come yet; check the clocks of this "
                "machine and of who published it."
            )
        try:
            identity = self._identity(signature)
            # By then: that a certificate expires does not end what it has signed.
            member = identity.check(self._revocations(), signature.at, roles=_PUBLISHER)
        except NotAMember as error:
            raise BadSignature(f"'{name}' is not signed by a publisher: {error}") from None
        if not member.may_publish(name):
            raise BadSignature(
                f"'{name}' is signed by {member.name}, who may publish only {_allowed(member)}; "
                "have somebody else publish it, or choose another name."
            )
        check_signed(name, info, signature, member.key)

    def is_void(self, signature: Signature) -> bool:
        """As `NameSigning` says."""
        revocations = self._revocations()
        try:
            identity = self._identity(signature)
            return revocations is not None and identity.is_revoked(revocations)
        except NotAMember:
            return True

    def is_same_owner(self, present: Signature, other: Signature) -> bool:
        """As `NameSigning` says: each publisher who may is the owner, and the last word counts."""
        return True

    def signer(self, signature: Signature | None) -> Signer | None:
        """As `NameSigning` says."""
        if signature is None or not signature.chain:
            return None if signature is None else by_key(signature)
        try:
            member = self._identity(signature).member
        except NotAMember:
            return None
        return Signer(member.name, fingerprint(member.key))

    def _signing(self, name: str) -> tuple[PeerKey, _Own]:
        """What that name is signed with; raises `BadSignature` if it may not be."""
        if self._member is None:
            raise BadSignature("Nothing is signed here; publish at a peer.")
        own = self._read_own(self._member)
        member = own.member
        if member.role is not Role.PUBLISHER:
            raise BadSignature(
                f"'{name}' cannot be published by {member.name}, which is a {member.role.value}; "
                "have a publisher do it, or join with an invitation for one."
            )
        if not member.may_publish(name):
            raise BadSignature(
                f"'{name}' cannot be published by {member.name}, which may publish only "
                f"{_allowed(member)}; choose another name, or have somebody else do it."
            )
        return self._member.key, own

    def _read_own(self, signing: SigningMember) -> _Own:
        """Read its own certificates, if they are others than last time."""
        certificates = tuple(signing.chain())
        if self._own is None or self._own.certificates != certificates:
            chain: list[bytes] = []
            for certificate in certificates[:MAX_CHAIN]:
                if certificate == self._authority:
                    break
                chain.append(certificate.public_bytes(Encoding.DER))
                if is_issued_by(certificate, self._authority):
                    break  # all have the authority's own, and what is above it
            self._own = _Own(certificates, read_member(certificates[0]), tuple(chain))
        return self._own

    def _identity(self, signature: Signature) -> Identity:
        """Whom its chain is about; raises `NotAMember`.

        Thousands of names are signed with the same chain, and reading it takes longer than
        checking any of the signatures.
        """
        chain = signature.chain
        found = self._known.pop(chain, None)
        if found is None:
            if len(chain) > MAX_CHAIN:  # before they are read
                raise NotAMember("What came has too many certificates; publish the file again.")
            found = identify([read_certificate(each) for each in chain], self._authority)
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
        self._known[chain] = found
        return found


def _allowed(member: Member) -> str:
    """The patterns of a publisher, in words: a sentence has no room for many."""
    some = ", ".join(f"'{pattern}'" for pattern in member.patterns[:3])
    return some if len(member.patterns) <= 3 else f"{some} and {len(member.patterns) - 3} more"
