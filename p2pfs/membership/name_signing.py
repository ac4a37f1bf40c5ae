"""Whose word a name is: signing names, and checking what others have signed.

`NameSigning` is what a peer and a tracker ask; here is that of an open swarm, and
`p2pfs.membership.private_names` has that of a private one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from p2pfs.chunks import FileInfo
from p2pfs.errors import BadSignature
from p2pfs.identity import PeerKey
from p2pfs.membership.signature import (
    Signature,
    Signer,
    by_key,
    check_form,
    check_signed,
    sign,
)


class NameSigning(Protocol):
    """Signs names, and judges the signatures of others. It knows the time, and nothing of
    connections; what it says may change with time and revocations."""

    @property
    def required(self) -> bool:
        """Whether each name must be signed."""

    def check_may_sign(self, name: str) -> None:
        """Raise `BadSignature` when this side cannot sign that name, and so not publish it."""

    def sign(self, name: str, info: FileInfo, after: int = 0) -> Signature:
        """Say that this is what the name means from now on, whatever was signed before.

        What was signed at the time ``after`` (in seconds since 1970) is what was before, too.
        Raises `BadSignature` as `check_may_sign`, and for a file without root.
        """

    def check(self, name: str, info: FileInfo, signature: Signature | None) -> None:
        """Raise `BadSignature` unless the name may mean this, by the word of who signed it.

        None is for no signature at all.
        """

    def is_void(self, signature: Signature) -> bool:
        """Whether nothing that is signed so counts here: its signer is revoked, or nobody here."""

    def is_same_owner(self, present: Signature, other: Signature) -> bool:
        """Whether who made the other may say anew what a name means that has the present one.

        Neither of them needs to have been checked.
        """

    def signer(self, signature: Signature | None) -> Signer | None:
        """Who made it, to be shown; None for nobody, or when that cannot be told."""


class OpenNames:
    """That of an open swarm: names belong to keys, and may go unsigned."""

    required = False

    def __init__(self, wall_clock: Callable[[], float], key: PeerKey | None = None) -> None:
        """``wall_clock`` tells the seconds since 1970. Without a key it signs nothing."""
        self._key = key
        self._clock = SigningClock(wall_clock)

    def check_may_sign(self, name: str) -> None:
        """As `NameSigning` says."""
        self._own_key()

    def sign(self, name: str, info: FileInfo, after: int = 0) -> Signature:
        """As `NameSigning` says."""
        return sign(self._own_key(), name, info, self._clock.next(name, after))

    def check(self, name: str, info: FileInfo, signature: Signature | None) -> None:
        """As `NameSigning` says."""
        if signature is None:
            return
        check_form(signature)
        if signature.key is None:
            raise BadSignature(
                f"'{name}' is signed by a member of a private swarm, which means nothing in this "
                "one; publish the file again."
            )
        # Whatever the time is: a key that signs ahead of it is in nobody's way but its own.
        check_signed(name, info, signature, signature.key)

    def is_void(self, signature: Signature) -> bool:
        """As `NameSigning` says."""
        return signature.key is None

    def is_same_owner(self, present: Signature, other: Signature) -> bool:
        """As `NameSigning` says: it takes the same key."""
        return present.key is not None and present.key == other.key

    def signer(self, signature: Signature | None) -> Signer | None:
        """As `NameSigning` says."""
        return None if signature is None else by_key(signature)

    def _own_key(self) -> PeerKey:
        if self._key is None:
            raise BadSignature("Nothing is signed here; publish at a peer.")
        return self._key


class SigningClock:
    """When names are signed: each name later than the time before, if only by a second."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        # Those that were signed in this second, or that seem to be signed later than now.
        self._latest: dict[str, int] = {}
        self._second = 0

    def next(self, name: str, after: int = 0) -> int:
        """The time for a signature of that name, in whole seconds since 1970; later than that."""
        now = int(self._wall_clock())
        if now != self._second:
            self._second = now
            self._latest = {each: at for each, at in self._latest.items() if at >= now}
        at = max(now, after + 1, self._latest.get(name, 0) + 1)
        self._latest[name] = at
        return at
