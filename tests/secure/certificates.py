"""Authorities and members, with certificates as right or as wrong as a test wants them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from p2pfs.errors import P2pfsError
from p2pfs.membership import Member, Role
from p2pfs.secure import Credentials

DAY = datetime.timedelta(days=1)
ROLE = "p2pfs:role:"


class NoMember(P2pfsError):
    """What a check says of a certificate."""


@dataclass
class Authority:
    """A swarm's authority, and what its members check each other by."""

    name: str = "authority"
    above: Authority | None = None
    """Who signs its certificate; itself if nobody."""
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    revoked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        superior = self.above or self
        self.certificate = (
            _begun(self.name, superior.name, self.key, -DAY, DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(superior.key, None)
        )

    def member(
        self,
        name: str,
        role: Role = Role.READER,
        *,
        since: datetime.timedelta = -DAY,
        until: datetime.timedelta = DAY,
        is_self_signed: bool = False,
    ) -> Credentials:
        """What a new member shows: valid, unless it is told otherwise."""
        key = Ed25519PrivateKey.generate()
        issuer = name if is_self_signed else self.name
        names: list[x509.GeneralName] = [
            x509.DNSName(name),
            x509.UniformResourceIdentifier(ROLE + role.value),
        ]
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        certificate = (
            _begun(name, issuer, key, since, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .sign(key if is_self_signed else self.key, None)
        )
        return Credentials(key, (certificate,))

    def has(self, member: Member) -> bool:
        """Whether it is a member still."""
        return member.name not in self.revoked

    def check(self, chain: Sequence[x509.Certificate]) -> Member:
        """What a door is told to check members by."""
        certificate = chain[0]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (name,) = names.get_values_for_type(x509.DNSName)
        (role,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        if name in self.revoked:
            raise NoMember(f"{name} was revoked; ask for another invitation.")
        key = certificate.public_key()
        assert isinstance(key, Ed25519PublicKey)
        key_bytes, serial = key.public_bytes_raw(), certificate.serial_number
        return Member(name, Role(role.removeprefix(ROLE)), (), key_bytes, serial, 0.0, 1.0)


def _begun(
    name: str,
    issuer: str,
    key: Ed25519PrivateKey,
    since: datetime.timedelta,
    until: datetime.timedelta,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_x509_name(name))
        .issuer_name(_x509_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
    )


def _x509_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
