"""The authority of a private swarm: it says who is a member, and who is one no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from p2pfs.errors import AuthorityProblem, InvalidMember
from p2pfs.identity import KEY_SIZE, PeerKey
from p2pfs.membership.authority_files import (
    USUAL_TRACKER_NAME,
    AuthorityFiles,
    read_authority,
    write_authority,
)
from p2pfs.membership.certificates import (
    extensions,
    issuer_identifier,
    key_usage,
    moment,
    subject,
    swarm_fingerprint,
)
from p2pfs.membership.member import Role, check_patterns, member_name
from p2pfs.membership.revocations import RevocationList, encoded, revocation_list_builder

Entropy = Callable[[int], bytes]
"""Gives as many random bytes as it is asked for."""

_DAY = 24 * 3600.0

MEMBER_SECONDS = 30 * _DAY
"""How long a member's certificate holds from when it is issued."""

AUTHORITY_SECONDS = 3650 * _DAY
"""How long an authority of our own does."""

EARLY_SECONDS = 600.0
"""How long before it is issued a certificate begins to hold: clocks differ."""


class Authority:
    """It has the key that signs a swarm's certificates, and its lists of revocations."""

    def __init__(self, files: AuthorityFiles, entropy: Entropy) -> None:
        self._key = files.key
        self._entropy = entropy
        self.certificate = files.certificate
        """Its own certificate."""
        self.chain = (files.certificate, *files.above)
        """Its own certificate, and those that lead up to a company's root, if there is one."""
        self.fingerprint = swarm_fingerprint(files.certificate)
        """How people know the swarm: see `swarm_fingerprint`."""

    @classmethod
    def create(
        cls,
        directory: Path,
        entropy: Entropy,
        wall_clock: Callable[[], float],
        tracker: str = USUAL_TRACKER_NAME,
    ) -> Authority:
        """A new one, kept in that directory, which must not exist or be empty.

        ``wall_clock`` tells the seconds since 1970; ``tracker`` is the member name of the tracker
        that keeps it. Raises `AuthorityProblem`.
        """
        key = PeerKey.from_seed(entropy(KEY_SIZE)).private
        now = wall_clock()
        public = key.public_key()
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        # Different names, so that no program takes one swarm's authority for another's.
        name = x509.Name(
            [
                x509.NameAttribute(
                    NameOID.COMMON_NAME, f"p2pfs authority {identifier.digest.hex()[:16]}"
                )
            ]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(_serial(entropy))
            .not_valid_before(moment(now - EARLY_SECONDS))
            .not_valid_after(moment(now + AUTHORITY_SECONDS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .add_extension(key_usage(key_cert_sign=True, crl_sign=True), True)
            .add_extension(identifier, False)
        )
        files = AuthorityFiles(key, builder.sign(key, None), ())
        write_authority(directory, files, tracker)
        return cls(files, entropy)

    @classmethod
    def bring(
        cls, source: Path, directory: Path, entropy: Entropy, tracker: str = USUAL_TRACKER_NAME
    ) -> Authority:
        """One from elsewhere, copied into that directory as `create` makes it.

        Raises `AuthorityProblem`, also for all that `load` refuses.
        """
        files = read_authority(source)
        write_authority(directory, files, tracker)
        return cls(files, entropy)

    @classmethod
    def load(cls, directory: Path, entropy: Entropy) -> Authority:
        """The one that is kept there, whoever made it.

        Raises `AuthorityProblem` when others than its owner can read the key, or its files are
        missing, damaged, or do not belong together.
        """
        return cls(read_authority(directory), entropy)

    def new_serial(self) -> int:
        """A number for one certificate, which nobody can foresee."""
        return _serial(self._entropy)

    def until(self, now: float) -> float:
        """When a certificate that is issued then ceases to hold, in seconds since 1970."""
        end = self.certificate.not_valid_after_utc.timestamp()
        return float(int(min(now + MEMBER_SECONDS, end)))

    def issue(
        self,
        key: bytes,
        name: str,
        role: Role,
        patterns: Iterable[str],
        now: float,
        serial: int | None = None,
    ) -> x509.Certificate:
        """A certificate for a public key (32 bytes), from ``now`` `until` then.

        ``serial`` is a `new_serial`, if that is to be on record before. Raises `InvalidMember`
        when there can be no such member, and `AuthorityProblem` when the authority has expired.
        """
        name, patterns = member_name(name), check_patterns(role, patterns)
        try:
            public = Ed25519PublicKey.from_public_bytes(key)
        except ValueError:
            raise InvalidMember("That is no key for a member; make one anew.") from None
        return self._issue(public, name, role, patterns, now, serial or self.new_serial())

    def revocation_list(
        self, number: int, revoked: Mapping[int, float], now: float
    ) -> RevocationList:
        """The list of all that is revoked: serials, and since when (seconds since 1970).

        Each list needs a higher number than the one before.
        """
        builder = revocation_list_builder(self.certificate, number, revoked, now)
        crl = builder.sign(self._key, self._algorithm())
        # Read as all others will, so that no list goes out that they would not take.
        return RevocationList.read(encoded(crl), self.certificate)

    def _issue(
        self,
        key: Ed25519PublicKey,
        name: str,
        role: Role,
        patterns: tuple[str, ...],
        now: float,
        serial: int,
    ) -> x509.Certificate:
        end = self.certificate.not_valid_after_utc.timestamp()
        if not self.certificate.not_valid_before_utc.timestamp() <= now < end:
            raise AuthorityProblem(
                "The authority's own certificate does not hold at this time; check this machine's "
                "clock, or have the certificate renewed for the same key."
            )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(name))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(moment(now - EARLY_SECONDS))
            .not_valid_after(moment(self.until(now)))
        )
        issuer = issuer_identifier(self.certificate)
        for extension, critical in extensions(name, role, patterns, key, issuer):
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, self._algorithm())

    def _algorithm(self) -> hashes.SHA256 | None:
        # These keys have a hash of their own.
        return (
            None if isinstance(self._key, Ed25519PrivateKey | Ed448PrivateKey) else hashes.SHA256()
        )


def _serial(entropy: Entropy) -> int:
    # Positive, and 20 bytes at most, as X.509 asks for.
    return (int.from_bytes(entropy(20)) >> 1) or 1
