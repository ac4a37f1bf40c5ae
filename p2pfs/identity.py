"""Who a peer is, wherever it is: a key of its own, and the proof that it has it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from stat import S_IMODE

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from p2pfs.errors import StartupProblem
from p2pfs.private_files import write_private

KEY_SIZE = 32
"""Bytes of a public key, and of what a private one is made of."""

KEY_FILE = "peer_key"
"""Where a peer's key is, in its state directory."""

NONCE_SIZE = 32
"""Bytes of a challenge."""

_CONTEXT = b"p2pfs: a peer registers\n"
"""What a proof begins with, so that it proves nothing else."""


class PeerKey:
    """A peer's private key (Ed25519)."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        """The public key: `KEY_SIZE` bytes."""

    @property
    def private(self) -> Ed25519PrivateKey:
        """The key itself, for what has to be signed by it in a form of its own."""
        return self._private

    @classmethod
    def from_seed(cls, seed: bytes) -> PeerKey:
        """The key that these `KEY_SIZE` secret bytes make."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def kept_in(cls, path: Path, entropy: Callable[[int], bytes]) -> PeerKey:
        """The key in a file, made from ``entropy`` when there is no such file yet.

        Raises `StartupProblem` when it can be neither read nor written, and when others than its
        owner can.
        """
        try:
            if not path.exists():
                write_private(path, cls.from_seed(entropy(KEY_SIZE)).to_pem())
            mode = S_IMODE(path.stat().st_mode)
            data = path.read_bytes()
        except OSError as error:
            raise StartupProblem(
                f"This peer's key {path} cannot be used ({error.strerror}); "
                "check the state directory's permissions."
            ) from error
        if mode & 0o077:
            raise StartupProblem(
                f"Others can read this peer's key {path}, or change it, and could pass for this "
                f"peer; give it to its owner alone: chmod 600 {path}"
            )
        try:
            private = load_pem_private_key(data, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise StartupProblem(
                f"The file {path} is not a peer's key; put it back as it was, or remove it to "
                "have a new one made: this is another peer then."
            )
        return cls(private)

    def to_pem(self) -> bytes:
        """The private key as it is kept."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def fingerprint(self) -> str:
        """How people know this peer."""
        return fingerprint(self.public)

    def prove(self, nonce: bytes, address: str) -> bytes:
        """The answer to a tracker's challenge, by who registers that address."""
        return self._private.sign(_claim(nonce, address, self.public))


def fingerprint(public: bytes) -> str:
    """SHA-256 of a public key, in hexadecimal."""
    return sha256(public).hexdigest()


def is_proof(proof: bytes, nonce: bytes, address: str, public: bytes) -> bool:
    """Whether it is what the owner of that key answers to the challenge; for any bytes."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(proof, _claim(nonce, address, public))
    except (InvalidSignature, ValueError):
        return False
    return True


def _claim(nonce: bytes, address: str, public: bytes) -> bytes:
    # The parts of fixed length come first, so nothing can be read in two ways.
    return _CONTEXT + nonce + public + address.encode()
