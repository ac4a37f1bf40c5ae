"""Who is a member, and who only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from p2pfs.errors import NotAMember
from p2pfs.identity import PeerKey
from p2pfs.membership import MAX_CHAIN, Authority, Role, verify
from p2pfs.membership.certificates import extensions, issuer_identifier, key_usage
from p2pfs.membership.verification import is_issued_by, may_issue
from tests.membership.swarms import (
    CA,
    CA_USAGE,
    DAY,
    KEY,
    NOW,
    authority,
    common_name,
    company,
    issued,
    signed,
)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    """An authority."""
    return authority(tmp_path / "authority")


def refusal(*args: object, **more: object) -> str:
    """Why it is refused, in a sentence."""
    with pytest.raises(NotAMember) as raised:
        verify(*args, **more)  # type: ignore[arg-type]
    assert str(raised.value).endswith(".")
    return str(raised.value)


def test_a_member_is_who_its_certificate_says(ours: Authority) -> None:
    """In any role, by default, and with any name."""
    chain = [issued(ours), *ours.chain]
    member = verify(chain, ours.certificate, ours.revocation_list(1, {}, NOW), NOW)
    assert (member.name, member.role) == ("gpu-17", Role.PUBLISHER)
    assert verify(chain, ours.certificate, None, NOW, roles={Role.PUBLISHER}, name="gpu-17")
    # The authority is known to who checks, so it need not come along.
    assert verify(chain[:1], ours.certificate, None, NOW) == member


def test_what_another_authority_issued_is_refused(ours: Authority, tmp_path: Path) -> None:
    """Whatever comes along with it."""
    other = authority(tmp_path / "other", 2)
    for above in ((), other.chain, ours.chain, (*other.chain, *ours.chain)):
        assert "not issued by" in refusal([issued(other), *above], ours.certificate, None, NOW)


def test_who_signs_its_own_certificate_is_refused(ours: Authority) -> None:
    """With all the right names in it, those of the authority too."""
    subject = ours.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    parts = extensions(
        "gpu-17", Role.READER, (), KEY.private.public_key(), issuer_identifier(ours.certificate)
    )
    forged = signed("gpu-17", KEY.private, (str(subject), KEY.private), *parts)
    assert forged.issuer == ours.certificate.subject
    assert "not issued by" in refusal([forged, *ours.chain], ours.certificate, None, NOW)


def test_a_member_issues_nobody(ours: Authority) -> None:
    """Nor is the authority a member."""
    member = issued(ours)
    parts = extensions("b", Role.TRACKER, (), KEY.private.public_key(), issuer_identifier(member))
    below = signed("b", KEY.private, ("gpu-17", KEY.private), *parts)
    assert "not an authority's" in refusal([below, member], ours.certificate, None, NOW)
    assert "not that of a member" in refusal(ours.chain, ours.certificate, None, NOW)


def test_a_certificate_holds_from_ten_minutes_before_until_its_end(ours: Authority) -> None:
    """Clocks may differ by five minutes."""
    chain = [issued(ours)]
    for now in (NOW - 600, NOW - 300, NOW + 30 * DAY):
        verify(chain, ours.certificate, None, now)
    assert "not hold yet" in refusal(chain, ours.certificate, None, NOW - 601)
    assert "gpu-17 has expired" in refusal(chain, ours.certificate, None, NOW + 30 * DAY + 1)


def test_an_authority_holds_for_its_time(ours: Authority) -> None:
    """After it nobody is a member."""
    late = ours.certificate.not_valid_after_utc.timestamp()
    chain = [issued(ours, now=late - 1)]
    verify(chain, ours.certificate, None, late)
    assert "authority has expired" in refusal(chain, ours.certificate, None, late + 1)
    assert "authority does not hold yet" in refusal(chain, ours.certificate, None, NOW - DAY)


def test_who_is_revoked_is_refused(ours: Authority) -> None:
    """That certificate only: who joins again has another."""
    member, again = issued(ours), issued(ours)
    revoked = ours.revocation_list(1, {member.serial_number: NOW}, NOW)
    assert "revoked" in refusal([member], ours.certificate, revoked, NOW)
    verify([again], ours.certificate, revoked, NOW)


def test_a_list_of_another_authority_tells_nothing(ours: Authority, tmp_path: Path) -> None:
    """Rather than taking nobody for revoked."""
    other = authority(tmp_path / "other", 2).revocation_list(1, {}, NOW)
    assert "is not known" in refusal([issued(ours)], ours.certificate, other, NOW)


def test_a_role_that_is_not_expected_is_refused(ours: Authority) -> None:
    """A peer does not pose as a tracker, nor a tracker as a peer."""
    peer = [issued(ours)]
    tracker = [ours.issue(PeerKey.from_seed(bytes(32)).public, "tracker", Role.TRACKER, (), NOW)]
    peers = {Role.READER, Role.PUBLISHER}
    said = refusal(peer, ours.certificate, None, NOW, roles={Role.TRACKER})
    assert "is a publisher, and a tracker is needed" in said
    assert "publisher or reader" in refusal(tracker, ours.certificate, None, NOW, roles=peers)


def test_another_member_than_the_expected_is_refused(ours: Authority) -> None:
    """A member gone bad does not pose as another."""
    said = refusal([issued(ours)], ours.certificate, None, NOW, name="gpu-18")
    assert "gpu-17 answered where gpu-18 was expected" in said


def test_a_chain_up_to_a_company_s_root(tmp_path: Path) -> None:
    """Whichever of the two is trusted; the list is that of the issuer."""
    ours, root = company(tmp_path / "authority")
    member = issued(ours)
    chain = [member, *ours.chain]
    none = ours.revocation_list(1, {}, NOW)
    revoked = ours.revocation_list(2, {member.serial_number: NOW}, NOW)
    for trusted in (ours.certificate, root):
        verify(chain, trusted, none, NOW)
        assert "revoked" in refusal(chain, trusted, revoked, NOW)
    assert "not issued by" in refusal([member], root, None, NOW)
    assert "not issued by" in refusal([member, root], root, None, NOW)


def test_a_root_that_has_expired_ends_what_is_trusted_by_it(tmp_path: Path) -> None:
    """And nothing of who trusts the authority below."""
    ours, root = company(tmp_path / "authority", root_days=10)
    chain = [issued(ours), *ours.chain]
    later = NOW + 20 * DAY
    verify(chain, ours.certificate, None, later)
    assert "authority has expired" in refusal(chain, root, None, later)


def test_a_chain_has_bounds(ours: Authority) -> None:
    """It comes from anybody."""
    assert "0 certificates" in refusal([], ours.certificate, None, NOW)
    chain = [issued(ours)] * (MAX_CHAIN + 1)
    assert "make a chain" in refusal(chain, ours.certificate, None, NOW)


def test_what_may_issue() -> None:
    """An authority as deep as it may be, without limits that are not known here."""
    key = KEY.private

    def made(*parts: tuple[x509.ExtensionType, bool]) -> x509.Certificate:
        return signed("a", key, ("a", key), *parts)

    shallow = made((x509.BasicConstraints(ca=True, path_length=0), True), CA_USAGE)
    assert may_issue(shallow, 0)
    assert not may_issue(shallow, 1)
    assert may_issue(made(CA, CA_USAGE), 5)
    assert not may_issue(made(CA))
    assert not may_issue(made(CA, (key_usage(crl_sign=True), True)))
    assert not may_issue(made((x509.BasicConstraints(ca=False, path_length=None), True), CA_USAGE))
    limits = x509.NameConstraints([x509.DNSName("example.com")], None)
    assert not may_issue(made(CA, CA_USAGE, (limits, True)))


def test_a_signature_over_a_weak_hash_is_none(tmp_path: Path) -> None:
    """SHA-1 has been forged."""
    ours, root = company(tmp_path / "authority")
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name("a"))
        .issuer_name(ours.certificate.subject)
        .public_key(KEY.private.public_key())
        .serial_number(1)
        .not_valid_before(root.not_valid_before_utc)
        .not_valid_after(root.not_valid_after_utc)
    )
    assert is_issued_by(builder.sign(ours._key, hashes.SHA384()), ours.certificate)
    assert not is_issued_by(builder.sign(ours._key, hashes.SHA224()), ours.certificate)
