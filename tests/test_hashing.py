"""The hashes of files."""

from __future__ import annotations

import pytest

from p2pfs.errors import UsageProblem
from p2pfs.hashing import DEFAULT_HASH, DIGEST_SIZE, HASHES, REPLY_HASH, Hash

KNOWN = {
    Hash.SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    Hash.BLAKE3: "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
}
"""What "abc" comes to, as published with each."""


@pytest.mark.parametrize("function", Hash)
def test_digests_are_those_of_the_hash_in_one_piece_or_several(function: Hash) -> None:
    """As others make them, who have no p2pfs."""
    hasher = function.hasher()
    hasher.update(b"a")
    hasher.update(bytearray(b"bc"))
    assert hasher.digest() == function.digest(b"abc") == bytes.fromhex(KNOWN[function])
    assert len(hasher.digest()) == DIGEST_SIZE
    assert function.hasher() is not function.hasher()


def test_a_fileinfo_without_a_word_of_it_has_sha256() -> None:
    """So it was before there was a choice, and clients that know of none are right."""
    assert Hash.of_fileinfo(None) is Hash.SHA256
    assert Hash.of_fileinfo("blake3") is Hash.BLAKE3
    assert [Hash.of_fileinfo(function.in_fileinfo) for function in Hash] == list(Hash)


@pytest.mark.parametrize("said", ["sha256", "BLAKE3", "", "md5", "x" * 1000])
def test_a_fileinfo_can_say_nothing_else(said: str) -> None:
    """One hash has one spelling, so that one content has one fileinfo; the reason is short."""
    with pytest.raises(ValueError, match=r"^hash is not 'blake3', and has to be left out for SHA"):
        Hash.of_fileinfo(said)


def test_people_know_each_by_its_name() -> None:
    """And are told the names when they give another."""
    assert [Hash.named(name) for name in HASHES] == list(Hash)
    with pytest.raises(UsageProblem, match="--hash needs blake3 or sha256, and 'md5' is neither"):
        Hash.named("md5")


def test_what_is_published_and_what_comes_along_with_a_chunk() -> None:
    """The second is of the protocol, and never changes; the first may be what it likes."""
    assert DEFAULT_HASH is Hash.BLAKE3
    assert REPLY_HASH is Hash.SHA256
