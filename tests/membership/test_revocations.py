"""Lists of revocations: signed, numbered, and read by nobody as anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.errors import InvalidRevocations
from p2pfs.membership import Authority, RevocationList
from p2pfs.membership.certificates import issuer_identifier
from p2pfs.membership.revocations import revocation_list_builder
from tests.membership.swarms import NOW, authority, company


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    """An authority."""
    return authority(tmp_path / "authority")


def test_a_list_says_what_is_revoked_and_since_when(ours: Authority) -> None:
    """Also after a way over the network."""
    made = ours.revocation_list(3, {5: NOW - 60, 1 << 158: NOW}, NOW)
    read = RevocationList.read(made.der, ours.certificate)
    assert (read.number, read.revoked) == (3, {5: NOW - 60, 1 << 158: NOW})
    assert read.issuer == ours.fingerprint
    assert read.is_revoked(5)
    assert not read.is_revoked(6)


def test_a_list_may_be_empty_and_is_newer_by_its_number(ours: Authority) -> None:
    """Whatever its date: a clock may be put back."""
    old, new = ours.revocation_list(1, {}, NOW), ours.revocation_list(2, {1: NOW}, NOW - 3600)
    assert old.revoked == {}
    assert new.is_newer_than(old)
    assert not old.is_newer_than(new)
    assert not new.is_newer_than(new)
    assert old.is_newer_than(None)


def test_a_list_of_another_authority_is_refused(ours: Authority, tmp_path: Path) -> None:
    """Anybody could say that anybody is revoked, or is not."""
    for other in (authority(tmp_path / "other", 2), company(tmp_path / "company")[0]):
        with pytest.raises(InvalidRevocations, match="not signed by"):
            RevocationList.read(other.revocation_list(1, {}, NOW).der, ours.certificate)


def test_another_key_under_the_same_name_is_refused(ours: Authority, tmp_path: Path) -> None:
    """The signature counts, not who it says to be."""
    one, _ = company(tmp_path / "one")
    two, _ = company(tmp_path / "two")
    assert one.certificate.subject == two.certificate.subject
    with pytest.raises(InvalidRevocations, match="not signed by"):
        RevocationList.read(one.revocation_list(1, {}, NOW).der, two.certificate)


def test_a_list_that_means_something_else_is_refused(ours: Authority) -> None:
    """One of changes only, without a number, or with reasons by which nothing is revoked."""
    entry = x509.RevokedCertificateBuilder().serial_number(7)
    entry = entry.revocation_date(ours.certificate.not_valid_before_utc)
    entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.remove_from_crl), False)
    plain = revocation_list_builder(ours.certificate, 1, {}, NOW)
    unnumbered = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ours.certificate.subject)
        .last_update(ours.certificate.not_valid_before_utc)
        .next_update(ours.certificate.not_valid_after_utc)
        .add_extension(issuer_identifier(ours.certificate), False)
    )
    for odd in (
        plain.add_extension(x509.DeltaCRLIndicator(1), True),
        plain.add_revoked_certificate(entry.build()),
        unnumbered,
    ):
        der = odd.sign(ours._key, None).public_bytes(Encoding.DER)
        with pytest.raises(InvalidRevocations, match="cannot be read"):
            RevocationList.read(der, ours.certificate)


def test_a_list_that_was_changed_on_its_way_says_nothing_else(ours: Authority) -> None:
    """In any of its bytes; only how many bits the signature has may be said in two ways."""
    der = ours.revocation_list(1, {5: NOW}, NOW).der
    taken = []
    for place in range(len(der)):
        changed = der[:place] + bytes([der[place] ^ 1]) + der[place + 1 :]
        try:
            taken.append(RevocationList.read(changed, ours.certificate))
        except InvalidRevocations:
            continue
    assert len(taken) <= 1
    assert all((each.number, each.revoked) == (1, {5: NOW}) for each in taken)


def test_any_bytes_may_come_for_a_list(ours: Authority) -> None:
    """One error for all of them."""

    @given(st.binary(max_size=200))
    def check(data: bytes) -> None:
        with pytest.raises(InvalidRevocations, match="cannot be read"):
            RevocationList.read(data, ours.certificate)

    check()
