"""Whether a certificate makes its owner a member of this swarm, now.

``cryptography.x509.verification`` is made for the public web; here the reasons are told apart, so
the chain is walked in this module, with the signatures left to ``cryptography``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from p2pfs.errors import NotAMember
from p2pfs.membership.certificates import (
    CRITICAL_KNOWN,
    ODD,
    public_key_info,
    read_member,
    swarm_fingerprint,
)
from p2pfs.membership.member import Member, Role
from p2pfs.membership.revocations import RevocationList

MAX_CHAIN = 6
"""Certificates of a chain, at most, from the member's up to a company's root."""

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""What a signature may be made over, by keys that do not choose for themselves."""

ANY_ROLE = frozenset(Role)
"""For those who do not mind which role a member has."""


@dataclass(frozen=True)
class Identity:
    """Whom a chain of certificates is about, as far as that is the same at all times."""

    member: Member
    issuers: tuple[x509.Certificate, ...]
    """From the issuer of the member's certificate up to the authority."""

    def is_revoked(self, revocations: RevocationList) -> bool:
        """Whether the member's certificate is on that list.

        Raises `NotAMember` when the list is of another than who issued the certificate.
        """
        if revocations.issuer != swarm_fingerprint(self.issuers[0]):
            raise NotAMember(
                f"Whether the certificate of {self.member.name} is revoked is not known: the list "
                "at hand is another authority's; ask the swarm's tracker for its own."
            )
        return revocations.is_revoked(self.member.serial)

    def check(
        self,
        revocations: RevocationList | None,
        now: float,
        *,
        roles: Collection[Role] = ANY_ROLE,
        name: str | None = None,
    ) -> Member:
        """The member, if it is one at that time; all is as `verify` says."""
        member = self.member
        for below, issuer in enumerate(self.issuers):
            _check_authority(issuer, below, now)
        _check_time(member, now)
        if revocations is not None and self.is_revoked(revocations):
            raise NotAMember(
                f"The certificate of {member.name} is revoked; an invitation lets it join again."
            )
        if member.role not in roles:
            wanted = " or ".join(sorted(role.value for role in roles))
            raise NotAMember(
                f"The member {member.name} is a {member.role.value}, and a {wanted} is needed "
                "here; check the address, or have it join with that role."
            )
        if name is not None and member.name != name:
            raise NotAMember(
                f"The member {member.name} answered where {name} was expected; check the address."
            )
        return member


def identify(chain: Sequence[x509.Certificate], authority: x509.Certificate) -> Identity:
    """Whom this chain is about; `Identity.check` is still to be asked whether it holds.

    Raises `NotAMember` when the authority has issued none of it, or it is no member's.
    """
    if not 1 <= len(chain) <= MAX_CHAIN:
        raise NotAMember(
            f"What came has {len(chain)} certificates, and 1 to {MAX_CHAIN} make a chain; have "
            "one issued by joining the swarm."
        )
    issuers = _issuers(chain, authority)
    return Identity(read_member(chain[0]), tuple(issuers))


def verify(
    chain: Sequence[x509.Certificate],
    authority: x509.Certificate,
    revocations: RevocationList | None,
    now: float,
    *,
    roles: Collection[Role] = ANY_ROLE,
    name: str | None = None,
) -> Member:
    """The member whose chain this is, its own certificate first.

    ``authority`` is the one that is trusted; what comes above it in the chain does not matter,
    and what comes between must be authorities. ``revocations`` must be of whoever issued the
    member's certificate; None is for having no list yet. ``now`` is in seconds since 1970.
    Raises `NotAMember`, with the reason, when there is no such member, its role is none of
    ``roles``, or it is not called ``name``.
    """
    return identify(chain, authority).check(revocations, now, roles=roles, name=name)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether it names that issuer, and is signed by its key; nothing else is looked at."""
    try:
        certificate.verify_directly_issued_by(issuer)
        algorithm = certificate.signature_hash_algorithm
    except (*ODD, InvalidSignature):
        return False
    return algorithm is None or isinstance(algorithm, _HASHES)


def _issuers(
    chain: Sequence[x509.Certificate], authority: x509.Certificate
) -> list[x509.Certificate]:
    """From the issuer of the member's certificate up to the authority."""
    issuers: list[x509.Certificate] = []
    for i, certificate in enumerate(chain):
        if is_issued_by(certificate, authority):
            return [*issuers, authority]
        if i + 1 == len(chain) or not is_issued_by(certificate, chain[i + 1]):
            break
        issuers.append(chain[i + 1])
    raise NotAMember(
        "The certificate was not issued by this swarm's authority; check the address, or join "
        "the swarm."
    )


def _check_authority(certificate: x509.Certificate, below: int, now: float) -> None:
    """Raise `NotAMember` unless it may issue, with that many authorities below it, now."""
    if not may_issue(certificate, below):
        raise NotAMember(
            "The certificate was issued with one that is not an authority's; join the swarm again."
        )
    if now < certificate.not_valid_before_utc.timestamp():
        raise NotAMember(
            "The certificate of the swarm's authority does not hold yet; check this machine's "
            "clock."
        )
    if now > certificate.not_valid_after_utc.timestamp():
        raise NotAMember(
            "The certificate of the swarm's authority has expired; check this machine's clock, "
            "and have the authority renewed."
        )


def may_issue(certificate: x509.Certificate, below: int = 0) -> bool:
    """Whether it is an authority's, for that many authorities below it.

    Whoever limits it in a way that is not known here (a critical extension) has it refused.
    """
    try:
        found = certificate.extensions
        constraints = found.get_extension_for_class(x509.BasicConstraints).value
        usage = found.get_extension_for_class(x509.KeyUsage).value
        public_key_info(certificate)
    except (*ODD, NotAMember):
        return False
    longest = constraints.path_length
    known = all(each.oid in CRITICAL_KNOWN for each in found if each.critical)
    deep_enough = longest is None or longest >= below
    return constraints.ca and usage.key_cert_sign and deep_enough and known


def _check_time(member: Member, now: float) -> None:
    if now < member.not_before:
        raise NotAMember(
            f"The certificate of {member.name} does not hold yet; check the clocks of both "
            "machines."
        )
    if now > member.not_after:
        raise NotAMember(
            f"The certificate of {member.name} has expired; check the clocks of both machines, "
            "or let it join again."
        )
