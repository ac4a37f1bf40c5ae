"""The authority: made once, and what it issues and revokes."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreFlags

from p2pfs.errors import AuthorityProblem, InvalidMember
from p2pfs.identity import PeerKey
from p2pfs.membership import Authority, Role, read_member, verify
from tests.membership.swarms import (
    CA,
    CA_USAGE,
    DAY,
    KEY,
    NOW,
    authority,
    company,
    issued,
    signed,
    write_files,
)


def test_an_authority_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """And its fingerprint is that of its public key, as other programs make it."""
    made = authority(tmp_path / "authority")
    loaded = Authority.load(tmp_path / "authority", Random(2).randbytes)
    assert loaded.certificate == made.certificate
    assert loaded.chain == (made.certificate,)
    key = made.certificate.public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert loaded.fingerprint == made.fingerprint == sha256(der).hexdigest()
    issued(loaded).verify_directly_issued_by(made.certificate)


def test_an_authority_may_issue_and_nothing_below_it(tmp_path: Path) -> None:
    """What it issues cannot issue in turn; it holds for ten years."""
    certificate = authority(tmp_path / "authority").certificate
    found = certificate.extensions
    assert found.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        ca=True, path_length=0
    )
    usage = found.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert certificate.not_valid_after_utc.timestamp() == NOW + 3650 * DAY


def test_swarms_differ(tmp_path: Path) -> None:
    """In key and in name, so no program takes one for another."""
    one, other = (authority(tmp_path / str(seed), seed) for seed in (1, 2))
    assert one.fingerprint != other.fingerprint
    assert one.certificate.subject != other.certificate.subject


def test_each_certificate_has_a_number_of_its_own(tmp_path: Path) -> None:
    """By which it is revoked; 20 bytes at most, as X.509 has it."""
    ours = authority(tmp_path / "authority")
    serials = {issued(ours).serial_number for _ in range(50)}
    assert len(serials) == 50
    assert all(0 < serial < 1 << 159 for serial in serials)


def test_chance_that_gives_nothing_makes_a_number_still(tmp_path: Path) -> None:
    """Zero is none."""
    ours = Authority.create(tmp_path / "authority", bytes, lambda: NOW)
    assert issued(ours).serial_number == 1


def test_the_tracker_has_a_certificate_for_a_key_of_its_own(tmp_path: Path) -> None:
    """The authority's key signs, and meets no connection."""
    ours = authority(tmp_path / "authority")
    key = PeerKey.from_seed(bytes(32))
    member = read_member(ours.issue(key.public, "Tracker.example", Role.TRACKER, (), NOW))
    assert (member.name, member.role, member.patterns) == ("tracker.example", Role.TRACKER, ())
    assert member.key == key.public


def test_nothing_is_issued_that_would_not_be_read(tmp_path: Path) -> None:
    """A name or patterns that no member has, and bytes that are no key."""
    ours = authority(tmp_path / "authority")
    with pytest.raises(InvalidMember):
        ours.issue(KEY.public, "not a name", Role.READER, (), NOW)
    with pytest.raises(InvalidMember):
        ours.issue(KEY.public, "a", Role.READER, ("*",), NOW)
    with pytest.raises(InvalidMember):
        ours.issue(b"", "a", Role.READER, (), NOW)


def test_no_certificate_outlives_its_authority(tmp_path: Path) -> None:
    """And an authority that has expired, or does not hold yet, issues none."""
    ours = authority(tmp_path / "authority")
    end = NOW + 3650 * DAY
    assert read_member(issued(ours, now=end - DAY)).not_after == end
    for now in (end, end + DAY, NOW - DAY):
        with pytest.raises(AuthorityProblem, match="does not hold at this time"):
            issued(ours, now=now)


def test_a_company_s_authority_issues_as_ours_does(tmp_path: Path) -> None:
    """With a key of another kind, and a chain up to the root."""
    ours, root = company(tmp_path / "authority")
    assert ours.chain == (ours.certificate, root)
    assert read_member(issued(ours)).name == "gpu-17"
    assert ours.revocation_list(1, {}, NOW).issuer == ours.fingerprint


@pytest.mark.parametrize("identifier", [None, b"as somebody liked"])
def test_however_an_authority_names_its_key_its_members_are_known(
    tmp_path: Path, identifier: bytes | None
) -> None:
    """Not every company's certificate has an identifier, or one that is made of the key.

    OpenSSL has to find the issuer by it, as in a handshake; so have those who read lists.
    """
    key = generate_private_key(SECP256R1())
    more = [] if identifier is None else [(x509.SubjectKeyIdentifier(identifier), False)]
    root = generate_private_key(SECP256R1())
    certificate = signed("work", key, ("root", root), CA, CA_USAGE, *more)
    write_files(tmp_path / "authority", key, certificate)
    ours = Authority.load(tmp_path / "authority", Random(1).randbytes)
    member = issued(ours)
    revocations = ours.revocation_list(1, {}, NOW)
    assert verify([member], ours.certificate, revocations, NOW).name == "gpu-17"
    store = X509Store()
    store.add_cert(X509.from_cryptography(ours.certificate))
    store.set_time(datetime.fromtimestamp(NOW, UTC))
    store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
    X509StoreContext(store, X509.from_cryptography(member)).verify_certificate()
