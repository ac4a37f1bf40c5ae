"""Certificates of members: asked for, made, and read.

Of what X.509 allows, a member's certificate has one form; whatever differs from it is refused.
So nothing in a certificate is overlooked, and no two readers see two members in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from p2pfs.errors import InvalidMember, NotAMember
from p2pfs.identity import PeerKey
from p2pfs.membership.member import Member, Role, check_patterns, member_name

MAX_REQUEST = 4096
"""Bytes of a request for a certificate, at most."""

ODD = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What ``cryptography`` raises for what it cannot read, or does not know."""

SigningKey = Ed25519PrivateKey | Ed448PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
"""What an authority may sign with; our own have Ed25519."""

CheckingKey = Ed25519PublicKey | Ed448PublicKey | EllipticCurvePublicKey | RSAPublicKey
"""What its signatures are checked with."""

_ROLE = "p2pfs:role:"
_NAMES = "p2pfs:names:"
_LONGEST_COMMON_NAME = 64


def request_certificate(key: PeerKey, name: str) -> bytes:
    """A request (CSR, in DER) for a certificate of that key, by who has it.

    What the certificate says is the authority's choice; the name is for those who look at it.
    Raises `InvalidMember` for a name that cannot be one.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject(member_name(name)))
    return builder.sign(key.private, None).public_bytes(Encoding.DER)


def read_request(request: bytes) -> Ed25519PublicKey:
    """The key that a certificate is asked for, by who has shown to have it.

    Raises `InvalidMember` for any bytes that are no such request.
    """
    try:
        if len(request) > MAX_REQUEST:
            raise ValueError
        csr = x509.load_der_x509_csr(request)
        key = csr.public_key()
        signed = csr.is_signature_valid
    except ODD:
        raise InvalidMember(
            "The request for a certificate cannot be read; ask again with this version of p2pfs."
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidMember("A certificate is asked for a key that is not Ed25519; make one anew.")
    if not signed:
        raise InvalidMember(
            "The request for a certificate is not signed by the key that it is for; ask again."
        )
    return key


def read_certificate(der: bytes) -> x509.Certificate:
    """The certificate that these bytes are, whoever's; raises `NotAMember`."""
    try:
        return x509.load_der_x509_certificate(der)
    except ODD:
        raise NotAMember("What came for a certificate is none; join the swarm again.") from None


def encode_chain(chain: Iterable[x509.Certificate]) -> list[bytes]:
    """Certificates as they are sent, each in DER."""
    return [certificate.public_bytes(Encoding.DER) for certificate in chain]


def read_member(certificate: x509.Certificate) -> Member:
    """Who its owner is, if it holds; for that see `p2pfs.membership.verify`.

    Raises `NotAMember` for all that is not exactly as an authority makes it.
    """
    try:
        return _read_member(certificate)
    except (*ODD, InvalidMember):
        raise _odd() from None


def renewal_due(certificate: x509.Certificate, now: float) -> bool:
    """Whether two thirds of the time for which it holds have passed."""
    begin = certificate.not_valid_before_utc.timestamp()
    end = certificate.not_valid_after_utc.timestamp()
    return now >= begin + (end - begin) * 2 / 3


def subject(name: str) -> x509.Name:
    """What a certificate is about: empty for a name that X.509 has no room for there."""
    if len(name) > _LONGEST_COMMON_NAME:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def extensions(
    name: str,
    role: Role,
    patterns: tuple[str, ...],
    key: Ed25519PublicKey,
    issuer: x509.AuthorityKeyIdentifier,
) -> list[tuple[x509.ExtensionType, bool]]:
    """All that the certificate of such a member has, and whether it is critical."""
    uris = [_ROLE + role.value, *(_NAMES + encode_pattern(pattern) for pattern in patterns)]
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (key_usage(digital_signature=True), True),
        (
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            False,
        ),
        (
            x509.SubjectAlternativeName(
                [x509.DNSName(name), *map(x509.UniformResourceIdentifier, uris)]
            ),
            # By RFC 5280 it is critical where the subject is empty.
            len(name) > _LONGEST_COMMON_NAME,
        ),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (issuer, False),
    ]


def issuer_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """How a certificate says whose key has signed it."""
    try:
        known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        key = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
        return x509.AuthorityKeyIdentifier(key, None, None)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known.value)


def key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    """What a key is for, and nothing else."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def swarm_fingerprint(authority: x509.Certificate) -> str:
    """How people know a swarm: SHA-256 of its authority's public key, in hexadecimal.

    It stays when the authority's certificate is renewed. Raises `NotAMember` for a key that
    cannot be read.
    """
    return sha256(public_key_info(authority)).hexdigest()


def public_key_info(certificate: x509.Certificate) -> bytes:
    """The public key as X.509 has it (SubjectPublicKeyInfo, DER); raises `NotAMember`."""
    try:
        key = certificate.public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ODD:
        raise NotAMember(
            "The certificate is for a key that cannot be read; have it issued anew for another."
        ) from None


def encode_pattern(pattern: str) -> str:
    """A pattern as it stands in a certificate: all but unreserved ASCII percent-encoded."""
    return quote(pattern, safe="")


def decode_pattern(text: str) -> str:
    """What was encoded; raises ValueError when it is not just as `encode_pattern` has it."""
    pattern = unquote(text, errors="strict")
    if encode_pattern(pattern) != text:
        raise ValueError("not encoded as it has to be")
    return pattern


def moment(seconds: float) -> datetime:
    """A time for a certificate, which knows whole seconds; from seconds since 1970."""
    return datetime.fromtimestamp(int(seconds), UTC)


def _odd(reason: str = "") -> NotAMember:
    # Only our own words go on to people: those of libraries may be of any kind.
    return NotAMember(
        f"The certificate is not that of a member of a swarm{reason and f' ({reason})'}; have one "
        "issued by joining the swarm."
    )


def _read_member(certificate: x509.Certificate) -> Member:
    key = certificate.public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise _odd("its key is not Ed25519")
    if certificate.version is not x509.Version.v3:
        raise _odd("it is not of version 3")
    found = certificate.extensions
    names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    name, *uris = names
    if not isinstance(name, x509.DNSName) or member_name(name.value) != name.value:
        raise _odd("it does not begin with a member's name")
    role, patterns = _read_uris(uris)
    issuer = found.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    if issuer.key_identifier is None:
        raise _odd("it does not say whose key has signed it")
    plain = x509.AuthorityKeyIdentifier(issuer.key_identifier, None, None)
    expected: dict[x509.ObjectIdentifier, tuple[x509.ExtensionType, bool]] = {
        value.oid: (value, critical)
        for value, critical in extensions(name.value, role, patterns, key, plain)
    }
    if {each.oid: (each.value, each.critical) for each in found} != expected:
        raise _odd("it says more, or less, than such a one does")
    if certificate.subject != subject(name.value):
        raise _odd("it has two different names")
    if certificate.serial_number <= 0:
        raise _odd("it has no number")
    return Member(
        name=name.value,
        role=role,
        patterns=patterns,
        key=key.public_bytes_raw(),
        serial=certificate.serial_number,
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )


def _read_uris(uris: list[x509.GeneralName]) -> tuple[Role, tuple[str, ...]]:
    texts = [uri.value for uri in uris if isinstance(uri, x509.UniformResourceIdentifier)]
    if len(texts) != len(uris) or not texts or not texts[0].startswith(_ROLE):
        raise _odd("it names no role")
    role = Role(texts[0].removeprefix(_ROLE))
    if not all(text.startswith(_NAMES) for text in texts[1:]):
        raise _odd("it has names of another kind")
    patterns = [decode_pattern(text.removeprefix(_NAMES)) for text in texts[1:]]
    return role, check_patterns(role, patterns)


CRITICAL_KNOWN = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE})
"""The critical extensions of an authority's certificate that are looked at; others are refused."""
