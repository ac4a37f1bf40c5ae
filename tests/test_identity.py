"""A peer's key: made once, kept for its owner only, and proved without being shown."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from p2pfs.errors import StartupProblem
from p2pfs.identity import PeerKey, fingerprint, is_proof

KEY = PeerKey.from_seed(bytes(range(32)))
NONCE = bytes(32)


def test_a_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    """The next start finds the same; nobody else can read it, whatever the umask."""
    before = os.umask(0)
    try:
        made = PeerKey.kept_in(tmp_path / "key", os.urandom)
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert PeerKey.kept_in(tmp_path / "key", os.urandom).fingerprint == made.fingerprint
    assert PeerKey.kept_in(tmp_path / "other", os.urandom).fingerprint != made.fingerprint
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["key", "other"]


def test_a_key_is_made_of_what_is_handed_in(tmp_path: Path) -> None:
    """A simulated swarm has the same keys in every process."""
    keys = [PeerKey.kept_in(tmp_path / name, Random(1).randbytes) for name in "ab"]
    assert keys[0].fingerprint == keys[1].fingerprint


def test_what_was_left_of_a_crash_is_replaced(tmp_path: Path) -> None:
    """A key that was half written never had the name of one."""
    (tmp_path / "key.new").write_bytes(b"-----BEGIN PRIV")
    PeerKey.kept_in(tmp_path / "key", os.urandom)
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("length", [0, 1, 60, 100])
def test_a_damaged_key_is_refused_in_words(tmp_path: Path, length: int) -> None:
    """It is not replaced: the peer would be another one without a word."""
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(KEY.to_pem()[:length])
    with pytest.raises(StartupProblem, match="is not a peer's key"):
        PeerKey.kept_in(path, os.urandom)
    assert path.read_bytes() == KEY.to_pem()[:length]


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Not every private key is a peer's."""
    other = generate_private_key(SECP256R1())
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(StartupProblem, match="is not a peer's key"):
        PeerKey.kept_in(path, os.urandom)


def test_a_key_that_cannot_be_read_is_refused_in_words(tmp_path: Path) -> None:
    """A directory in its place, for one."""
    (tmp_path / "key").mkdir()
    with pytest.raises(StartupProblem, match="cannot be used"):
        PeerKey.kept_in(tmp_path / "key", os.urandom)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o610])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Who has it can pass for this peer; the sentence has what to type against it."""
    path = tmp_path / "key"
    PeerKey.kept_in(path, os.urandom)
    path.chmod(mode)
    with pytest.raises(StartupProblem, match=f"chmod 600 {path}"):
        PeerKey.kept_in(path, os.urandom)
    path.chmod(0o400)
    PeerKey.kept_in(path, os.urandom)


def test_a_proof_is_for_one_challenge_one_address_and_one_key() -> None:
    """Nothing of it can be used for anything else."""
    proof = KEY.prove(NONCE, ":6881")
    other = PeerKey.from_seed(bytes(32))
    assert is_proof(proof, NONCE, ":6881", KEY.public)
    assert not is_proof(proof, bytes(31) + b"x", ":6881", KEY.public)
    assert not is_proof(proof, NONCE, ":6882", KEY.public)
    assert not is_proof(proof, NONCE, ":6881", other.public)
    assert not is_proof(other.prove(NONCE, ":6881"), NONCE, ":6881", KEY.public)


@pytest.mark.parametrize(("proof", "public"), [(b"", KEY.public), (bytes(64), b""), (b"x", b"y")])
def test_any_bytes_may_come_for_a_proof(proof: bytes, public: bytes) -> None:
    """What is no key and no signature proves nothing, and raises nothing."""
    assert not is_proof(proof, NONCE, ":6881", public)


def test_a_fingerprint_is_a_digest_of_the_public_key() -> None:
    """The key itself is nothing to show to people."""
    assert KEY.fingerprint == fingerprint(KEY.public)
    assert len(KEY.fingerprint) == 64
