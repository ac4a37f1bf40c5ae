"""A member into a certificate, and out of it: one form, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from p2pfs.errors import InvalidMember, NotAMember
from p2pfs.membership import (
    Authority,
    Role,
    read_certificate,
    read_member,
    read_request,
    request_certificate,
)
from p2pfs.membership.certificates import (
    MAX_REQUEST,
    decode_pattern,
    encode_pattern,
    extensions,
    key_usage,
    subject,
)
from tests.membership.swarms import DAY, KEY, NOW, authority, common_name, issued, signed

PUBLIC = KEY.private.public_key()
ISSUER = x509.AuthorityKeyIdentifier(b"i" * 20, None, None)
SIGNER = ("authority", KEY.private)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    """An authority."""
    return authority(tmp_path / "authority")


def test_a_member_comes_out_as_it_went_in(ours: Authority) -> None:
    """Name, role, patterns, key, number and times."""
    patterns = ("models/*", "ä b/100%[!x]?", "p2pfs:names:*")
    certificate = read_certificate(
        issued(ours, "GPU-17.example", Role.PUBLISHER, patterns).public_bytes(Encoding.DER)
    )
    member = read_member(certificate)
    assert (member.name, member.role, member.patterns) == (
        "gpu-17.example",
        Role.PUBLISHER,
        patterns,
    )
    assert member.key == KEY.public
    assert member.serial == certificate.serial_number
    assert (member.not_before, member.not_after) == (NOW - 600, NOW + 30 * DAY)


def test_a_long_name_has_an_empty_subject(ours: Authority) -> None:
    """X.509 has room for 64 characters there; host names may be longer."""
    name = ".".join(["a" * 60] * 4)
    certificate = issued(ours, name, Role.READER, ())
    assert not list(certificate.subject)
    assert read_member(certificate).name == name


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_a_pattern_survives_being_encoded(pattern: str) -> None:
    """Whatever it has, and in ASCII that needs no further escapes."""
    encoded = encode_pattern(pattern)
    assert encoded.isascii()
    assert decode_pattern(encoded) == pattern


@given(st.text("%aA4*2:", max_size=8))
def test_a_pattern_has_one_encoding(text: str) -> None:
    """Or two certificates that say the same would differ."""
    try:
        pattern = decode_pattern(text)
    except ValueError:
        return
    assert encode_pattern(pattern) == text


def made(
    *,
    leave: int | None = None,
    replace: dict[int, tuple[x509.ExtensionType, bool]] | None = None,
    more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    name: str = "gpu-17",
) -> x509.Certificate:
    """A member's certificate with something about it changed."""
    parts = extensions("gpu-17", Role.READER, (), PUBLIC, ISSUER)
    for place, value in (replace or {}).items():
        parts[place] = value
    if leave is not None:
        del parts[leave]
    return signed(name, KEY.private, SIGNER, *parts, *more)


def alternative(*names: x509.GeneralName) -> dict[int, tuple[x509.ExtensionType, bool]]:
    """Other names in place of a member's."""
    return {3: (x509.SubjectAlternativeName(names), False)}


NAME = x509.DNSName("gpu-17")
URI = x509.UniformResourceIdentifier
READER = URI("p2pfs:role:reader")
PUBLISHER = URI("p2pfs:role:publisher")


def test_what_these_tests_change_is_fine_before() -> None:
    """Or all of it would be refused for another reason."""
    assert read_member(made()).role is Role.READER
    assert read_member(made(replace=alternative(NAME, READER))).name == "gpu-17"


@pytest.mark.parametrize(
    "odd",
    [
        *(made(leave=place) for place in range(6)),
        made(name="gpu-18"),
        made(name="GPU-17"),
        made(replace={0: (x509.BasicConstraints(ca=True, path_length=None), True)}),
        made(replace={0: (x509.BasicConstraints(ca=False, path_length=None), False)}),
        made(replace={1: (key_usage(digital_signature=True, key_cert_sign=True), True)}),
        made(replace={2: (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)}),
        made(replace={4: (x509.SubjectKeyIdentifier(b"x" * 20), False)}),
        made(replace={5: (x509.AuthorityKeyIdentifier(None, None, None), False)}),
        made(
            replace={
                5: (
                    x509.AuthorityKeyIdentifier(
                        b"i" * 20, [x509.DirectoryName(common_name("a"))], 1
                    ),
                    False,
                )
            }
        ),
        made(more=((x509.OCSPNoCheck(), False),)),
        made(more=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True),)),
        made(replace=alternative(NAME)),
        made(replace=alternative(READER)),
        made(replace=alternative(READER, NAME)),
        made(replace=alternative(NAME, NAME, READER)),
        made(replace=alternative(x509.DNSName("GPU-17"), READER)),
        made(replace=alternative(x509.DNSName("*"), READER)),
        made(replace=alternative(NAME, READER, PUBLISHER)),
        made(replace=alternative(NAME, URI("p2pfs:role:king"))),
        made(replace=alternative(NAME, URI("p2pfs:role:Reader"))),
        made(replace=alternative(NAME, READER, URI("p2pfs:names:%2A"))),
        made(replace=alternative(NAME, PUBLISHER)),
        made(replace=alternative(NAME, PUBLISHER, URI("p2pfs:names:"))),
        made(replace=alternative(NAME, PUBLISHER, URI("p2pfs:names:*"))),
        made(replace=alternative(NAME, PUBLISHER, URI("p2pfs:names:%2a"))),
        made(replace=alternative(NAME, PUBLISHER, URI("p2pfs:names:%FF"))),
        made(replace=alternative(NAME, PUBLISHER, URI("https://example.com/"))),
        made(replace=alternative(NAME, READER, x509.RFC822Name("a@example.com"))),
        signed("gpu-17", generate_private_key(SECP256R1()), SIGNER),
    ],
)
def test_what_an_authority_would_not_make_is_refused(odd: x509.Certificate) -> None:
    """Nothing in a certificate is overlooked, be it by mistake or by design."""
    with pytest.raises(NotAMember, match="not that of a member of a swarm"):
        read_member(odd)


@given(st.data())
def test_any_bytes_may_come_for_a_certificate(data: st.DataObject) -> None:
    """Bytes that were changed raise one error, or still make somebody the same member."""
    good = made()
    der = bytearray(good.public_bytes(Encoding.DER))
    place = data.draw(st.integers(0, len(der) - 1))
    der[place] = data.draw(st.integers(0, 255))
    try:
        member = read_member(read_certificate(bytes(der)))
    except NotAMember:
        return
    # Number, times, the issuer and its signature are the only things that can differ.
    known = read_member(good)
    assert (member.name, member.role, member.patterns, member.key) == (
        known.name,
        known.role,
        known.patterns,
        known.key,
    )


@given(st.binary(max_size=200))
def test_what_is_no_certificate_and_no_request_is_refused(data: bytes) -> None:
    """In one sentence each."""
    with pytest.raises(NotAMember, match="is none"):
        read_member(read_certificate(data))
    with pytest.raises(InvalidMember, match="cannot be read"):
        read_request(data)


def test_a_request_shows_that_its_sender_has_the_key() -> None:
    """A certificate for a key of somebody else's could be had otherwise."""
    request = request_certificate(KEY, "gpu-17")
    assert read_request(request).public_bytes_raw() == KEY.public
    with pytest.raises(InvalidMember, match="not signed by the key"):
        read_request(request[:-1] + bytes([request[-1] ^ 1]))


def test_a_request_is_for_a_key_of_our_kind_and_not_too_long() -> None:
    """It comes from those who are no members yet."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject("a"))
    request = builder.sign(generate_private_key(SECP256R1()), hashes.SHA256())
    with pytest.raises(InvalidMember, match="not Ed25519"):
        read_request(request.public_bytes(Encoding.DER))
    name = x509.SubjectAlternativeName([x509.DNSName("a" * MAX_REQUEST)])
    long = builder.add_extension(name, False).sign(KEY.private, None)
    with pytest.raises(InvalidMember, match="cannot be read"):
        read_request(long.public_bytes(Encoding.DER))


def test_a_request_has_a_name_that_can_be_one() -> None:
    """It is told before anything is sent."""
    with pytest.raises(InvalidMember, match="member name"):
        request_certificate(KEY, "not a name")
