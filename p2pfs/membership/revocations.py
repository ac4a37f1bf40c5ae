"""Which certificates hold no more: a list (X.509 CRL) that the authority signs and numbers."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from p2pfs.errors import InvalidRevocations
from p2pfs.membership.certificates import (
    ODD,
    CheckingKey,
    issuer_identifier,
    moment,
    swarm_fingerprint,
)

_EXTENSIONS = {
    x509.CRLNumber.oid: False,
    x509.AuthorityKeyIdentifier.oid: False,
}
"""What a list has, and whether it is critical: any other would change what it means."""


class RevocationList:
    """Certificates of one authority that hold no more.

    It does not expire: it holds while the authority is away, until there is a newer one.
    """

    def __init__(self, der: bytes, number: int, issuer: str, revoked: Mapping[int, float]) -> None:
        """For those who have checked it: see `RevocationList.read`."""
        self.der = der
        """The list as it is kept and sent."""
        self.number = number
        """Which of the authority's lists it is; the highest is the newest."""
        self.issuer = issuer
        """The `swarm_fingerprint` of the authority that signed it."""
        self.revoked = revoked
        """Serial numbers, and since when each is revoked (seconds since 1970)."""

    @classmethod
    def read(cls, der: bytes, authority: x509.Certificate) -> RevocationList:
        """The list that these bytes are; raises `InvalidRevocations` for any other.

        That is also for one that is not signed by this authority, or only tells changes.
        """
        try:
            crl = x509.load_der_x509_crl(der)
            key = authority.public_key()
            ours = crl.issuer == authority.subject and (
                isinstance(key, CheckingKey) and crl.is_signature_valid(key)
            )
            if not ours:
                raise InvalidRevocations(
                    "The list of revocations is not signed by this swarm's authority; ask the "
                    "swarm's tracker for its own."
                )
            if {each.oid: each.critical for each in crl.extensions} != _EXTENSIONS:
                raise ValueError
            number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            revoked = {}
            for entry in crl:
                # One may say that it is revoked no more, or that of another authority is.
                if len(entry.extensions):
                    raise ValueError
                revoked[entry.serial_number] = entry.revocation_date_utc.timestamp()
        except ODD:
            raise InvalidRevocations(
                "The list of revocations cannot be read; ask the swarm's tracker for it again."
            ) from None
        return cls(der, number, swarm_fingerprint(authority), revoked)

    def is_newer_than(self, other: RevocationList | None) -> bool:
        """Whether it takes the place of that one; None is for having none yet."""
        return other is None or self.number > other.number

    def is_revoked(self, serial: int) -> bool:
        """Whether the certificate with that number holds no more."""
        return serial in self.revoked


def revocation_list_builder(
    authority: x509.Certificate, number: int, revoked: Mapping[int, float], now: float
) -> x509.CertificateRevocationListBuilder:
    """A list for the authority to sign; ``revoked`` has serials, and since when (seconds)."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(moment(now))
        .next_update(authority.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), False)
        .add_extension(issuer_identifier(authority), False)
    )
    for serial, since in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        builder = builder.add_revoked_certificate(entry.revocation_date(moment(since)).build())
    return builder


def encoded(crl: x509.CertificateRevocationList) -> bytes:
    """A list as it is kept and sent (DER)."""
    return crl.public_bytes(Encoding.DER)
