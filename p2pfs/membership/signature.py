"""What makes a name mean one content: a signature over both, which goes wherever the name goes."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from p2pfs.chunks import FileInfo
from p2pfs.errors import BadSignature
from p2pfs.identity import KEY_SIZE, PeerKey, fingerprint
from p2pfs.membership.verification import MAX_CHAIN

MAX_CERTIFICATE = 4096
"""Bytes of one certificate in a signature, at most."""

MAX_CERTIFICATES = 8192
"""Bytes of all of them together, at most."""

SIGNATURE_SIZE = 64
"""Bytes of what Ed25519 makes."""

_CONTEXT = b"p2pfs: a name is signed\n"
"""What is signed begins with it, so that the signature says nothing else."""

_FIXED = Struct(">QQQ32sc32s")
"""The parts of fixed length: when, size, size of chunks, root, and who."""

_MOST_TIME = 1 << 38
"""Seconds since 1970, for some thousand years from now."""

_BY_KEY, _BY_CERTIFICATE = b"k", b"c"


class Signature(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who says what a name means, and since when.

    It is by a ``key``, or by the member with the first certificate of ``chain``. As it comes from
    others it may be anything: see `check_form` and `check_signed`.
    """

    at: int
    """When it was signed, in whole seconds since 1970."""
    signature: bytes
    """What Ed25519 made of it."""
    key: bytes | None = None
    """The signer's public key, in an open swarm."""
    chain: tuple[bytes, ...] = ()
    """In a private one, certificates in DER: the signer's, and what leads up to the authority's."""

    @property
    def size(self) -> int:
        """The bytes that it takes, but for a small constant."""
        return len(self.signature) + len(self.key or b"") + sum(map(len, self.chain))


@dataclass(frozen=True)
class Signer:
    """Whose word a name is, for people: a member of a private swarm, or whoever has a key."""

    member: str | None = None
    fingerprint: str | None = None
    """Of its key, in hexadecimal."""

    @property
    def data(self) -> dict[str, str]:
        """For scripts."""
        if self.member is not None:
            return {"member": self.member}
        return {"key": self.fingerprint or ""}

    def __str__(self) -> str:
        """For people, behind "published by"."""
        return self.member or f"the key {(self.fingerprint or '')[:16]}"


def by_key(signature: Signature) -> Signer | None:
    """The signer of a signature by a key; None for any other."""
    return None if signature.key is None else Signer(fingerprint=fingerprint(signature.key))


def sign(
    key: PeerKey, name: str, info: FileInfo, at: int, chain: tuple[bytes, ...] = ()
) -> Signature:
    """Say with that key, and the certificate that it has in a private swarm, what a name means.

    Raises `BadSignature` for a file without root, and for certificates that are too large.
    """
    draft = Signature(at, bytes(SIGNATURE_SIZE), None if chain else key.public, chain)
    check_form(draft)
    return msgspec.structs.replace(draft, signature=key.private.sign(claim(name, info, draft)))


def check_form(signature: Signature) -> None:
    """Raise `BadSignature` unless it has the form of one, whatever it signs."""
    is_by_one = (signature.key is None) != (not signature.chain)
    key = signature.key
    fits = (
        is_by_one
        and 0 <= signature.at < _MOST_TIME
        and len(signature.signature) == SIGNATURE_SIZE
        and (key is None or len(key) == KEY_SIZE)
        and len(signature.chain) <= MAX_CHAIN
    )
    if not fits:
        raise BadSignature("The signature of the name cannot be read; publish the file again.")
    sizes = [len(certificate) for certificate in signature.chain]
    if max(sizes, default=0) > MAX_CERTIFICATE or sum(sizes) > MAX_CERTIFICATES:
        raise BadSignature(
            "The certificate of who signed the name is too long; have one issued with fewer or "
            "shorter patterns of names."
        )


def check_signed(name: str, info: FileInfo, signature: Signature, key: bytes) -> None:
    """Raise `BadSignature` unless the owner of that public key has signed this and nothing else."""
    try:
        public = Ed25519PublicKey.from_public_bytes(key)
        public.verify(signature.signature, claim(name, info, signature))
    except (InvalidSignature, ValueError):
        raise BadSignature(
            f"The signature of '{name}' is for another name or content, or none at all; publish "
            "the file again, or use another tracker."
        ) from None


def claim(name: str, info: FileInfo, signature: Signature) -> bytes:
    """The bytes that are signed; raises `BadSignature` for a file without root."""
    if info.root is None:
        raise BadSignature(
            f"'{name}' cannot be signed, as nothing tells its content from another; publish it "
            "with a root."
        )
    if signature.chain:
        kind, who = _BY_CERTIFICATE, sha256(signature.chain[0]).digest()
    else:
        kind, who = _BY_KEY, signature.key or b""
    fixed = _FIXED.pack(
        signature.at, info.filesize, info.chunksize, bytes.fromhex(info.root), kind, who
    )
    function, text = info.function.value.encode(), name.encode()
    # Only the last part has no length before it.
    return _CONTEXT + fixed + bytes([len(function)]) + function + text


def to_record(signature: Signature | None) -> bytes | None:
    """A signature as it is kept on the disk."""
    return None if signature is None else msgspec.json.encode(signature)


def of_record(record: Any) -> Signature | None:
    """What `to_record` made; None for whatever cannot be read."""
    try:
        signature = msgspec.json.decode(record, type=Signature)
        check_form(signature)
    except (msgspec.MsgspecError, BadSignature, TypeError, UnicodeDecodeError):
        return None
    return signature
