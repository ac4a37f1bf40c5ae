"""The hashes that a file may have: what makes digests of its chunks, and the root of these.

No other module knows one from another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

from blake3 import blake3

from p2pfs.errors import UsageProblem

DIGEST_SIZE = 32
"""Bytes of a digest, whatever the hash."""


class Hasher(Protocol):
    """Makes one digest of what comes in pieces."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """The `DIGEST_SIZE` bytes that all of it comes to."""


class Hash(Enum):
    """A hash by the name that people know it by."""

    BLAKE3 = "blake3"
    SHA256 = "sha256"

    def hasher(self) -> Hasher:
        """One that has taken nothing yet."""
        return _MAKERS[self]()

    def digest(self, data: bytes | bytearray | memoryview) -> bytes:
        """The digest of these bytes."""
        hasher = self.hasher()
        hasher.update(data)
        return hasher.digest()

    @property
    def in_fileinfo(self) -> str | None:
        """What a fileinfo says of it; None is nothing."""
        return None if self is Hash.SHA256 else self.value

    @classmethod
    def of_fileinfo(cls, said: str | None) -> Hash:
        """The hash that a fileinfo speaks of so; raises ValueError when there is none."""
        found = _SAID.get(said)
        if found is None:
            raise ValueError("hash is not 'blake3', and has to be left out for SHA-256")
        return found

    @classmethod
    def named(cls, name: str) -> Hash:
        """The hash that somebody chose by that name; raises `UsageProblem`."""
        try:
            return cls(name)
        except ValueError:
            raise UsageProblem(
                f"--hash needs {' or '.join(HASHES)}, and '{name[:20]}' is neither."
            ) from None


HASHES = [each.value for each in Hash]
"""The names of all hashes, the usual one first."""

DEFAULT_HASH = Hash.BLAKE3
"""The hash of what is published, unless somebody says otherwise."""

REPLY_HASH = Hash.SHA256
"""The hash of the digest that comes along with a chunk, whatever that of its file is."""

_MAKERS: Mapping[Hash, Callable[[], Hasher]] = {Hash.BLAKE3: blake3, Hash.SHA256: hashlib.sha256}
_SAID = {each.in_fileinfo: each for each in Hash}
