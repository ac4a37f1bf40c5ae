"""What is signed of a name, byte by byte, and what has the form of a signature."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest

from p2pfs.chunks import FileInfo
from p2pfs.errors import BadSignature
from p2pfs.identity import PeerKey
from p2pfs.membership import Signature, Signer, of_record, to_record
from p2pfs.membership.signature import check_form, check_signed, claim, sign
from tests.membership.private_swarm import INFO

KEY = PeerKey.from_seed(bytes(range(32)))
DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
# As the document has them.
NAME, AT = "hello.txt", 1_790_000_000
HELLO = FileInfo(
    14, 1, 1 << 20, "90aa740cb09483d3291e9e942255435bd94edf5e8f486df3072281a1224055b1", "blake3"
)


def test_the_example_of_the_document() -> None:
    """Whoever writes a client has these bytes to try it with."""
    signature = sign(KEY, NAME, HELLO, AT)
    signed = claim(NAME, HELLO, signature)
    text = "".join(DOCUMENT.read_text().split())
    assert signed.hex() in text
    for value in (KEY.public, signature.signature):
        assert base64.b64encode(value).decode() in text
    assert msgspec.json.encode(signature).decode() in text
    assert KEY.fingerprint in text


def test_no_two_things_are_signed_by_the_same_bytes() -> None:
    """Each field counts, the signer too; what is next to each other cannot change sides."""
    plain = Signature(AT, bytes(64), bytes(32))
    infos = [
        HELLO,
        FileInfo(15, 1, 1 << 20, HELLO.root, "blake3"),
        FileInfo(14, 1, 1 << 19, HELLO.root, "blake3"),
        FileInfo(14, 1, 1 << 20, "00" * 32, "blake3"),
        FileInfo(14, 1, 1 << 20, HELLO.root),
    ]
    signers = [
        plain,
        msgspec.structs.replace(plain, at=AT + 1),
        msgspec.structs.replace(plain, key=b"\1" + bytes(31)),
        msgspec.structs.replace(plain, key=None, chain=(b"x",)),
        msgspec.structs.replace(plain, key=None, chain=(b"y",)),
    ]
    names = ["a", "aa", "3a", "blake3", "é"]
    claims = {claim(name, info, by) for name in names for info in infos for by in signers}
    assert len(claims) == len(names) * len(infos) * len(signers)
    # It is no proof for a tracker, nor a certificate: what is signed says what it is for.
    assert all(each.startswith(b"p2pfs: a name is signed\n") for each in claims)


def test_a_signature_is_of_who_has_the_key() -> None:
    """Any other key, and any other byte, is refused; so is what is no key at all."""
    signature = sign(KEY, NAME, HELLO, AT)
    check_signed(NAME, HELLO, signature, KEY.public)
    bad = bytearray(signature.signature)
    bad[5] ^= 1
    for changed, key in [
        (signature, PeerKey.from_seed(bytes(32)).public),
        (signature, bytes(32)),
        (signature, b""),
        (msgspec.structs.replace(signature, signature=bytes(bad)), KEY.public),
        (msgspec.structs.replace(signature, at=AT + 1), KEY.public),
    ]:
        with pytest.raises(BadSignature, match="another name or content"):
            check_signed(NAME, HELLO, changed, key)


def test_what_has_no_root_cannot_be_signed() -> None:
    """The signature would be good for any content of that size."""
    with pytest.raises(BadSignature, match="with a root"):
        sign(KEY, NAME, FileInfo(14, 1), AT)


def test_a_certificate_that_is_too_long_is_not_signed_with() -> None:
    """Nobody would take it; who wants to publish hears why."""
    with pytest.raises(BadSignature, match="fewer or shorter patterns"):
        sign(KEY, NAME, INFO, AT, (bytes(4097),))


def test_a_record_comes_back(tmp_path: Path) -> None:
    """And what is damaged on the disk is no signature, and keeps no peer from its start."""
    for signature in (sign(KEY, NAME, HELLO, AT), Signature(AT, bytes(64), chain=(b"a", b"b"))):
        check_form(signature)
        assert of_record(to_record(signature)) == signature
    assert to_record(None) is None
    for record in (None, b"", b"{}", b"\xff", 7, b'{"at":1,"signature":"AA=="}'):
        assert of_record(record) is None


def test_a_signer_in_words() -> None:
    """People know members by their names, and keys by their fingerprints."""
    assert (str(Signer("gpu-17", "ab" * 32)), Signer("a").data) == ("gpu-17", {"member": "a"})
    assert str(Signer(fingerprint="ab" * 32)) == f"the key {'ab' * 8}"
    assert Signer(fingerprint="ab").data == {"key": "ab"}
