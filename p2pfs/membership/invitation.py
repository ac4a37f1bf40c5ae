"""An invitation to a private swarm, as one line that people copy from one machine to another.

It is ``p2pfs-invite-``, the digit of its version, and base64url without padding of a JSON
array. Who reads it has the secret, so no error and no ``repr`` here shows any part of it.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from p2pfs.addresses import Address, is_wildcard, parse_address
from p2pfs.errors import InvalidAddress, InvalidMember, P2pfsError
from p2pfs.membership.member import member_name

SECRET_SIZE = 16
"""Bytes of a secret."""

FINGERPRINT_SIZE = 32
"""Bytes of a swarm's fingerprint: SHA-256 of its authority's public key."""

MAX_ADDRESSES = 8
"""Endpoints of the tracker that an invitation may name."""

MAX_TEXT = 4096
"""Characters of an invitation, without white space."""

_MAX_PASTED = 4 * MAX_TEXT
"""Characters of what is looked at; what a mail or a terminal adds to a line is far less."""

_PREFIX = "p2pfs-invite-"
_VERSION = "1"
_BASE64 = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_SEEN_AS_NOTHING = dict.fromkeys(map(ord, "\ufeff\u200b\u00ad"))
"""What mail programs put into text: a byte order mark, zero width spaces, soft hyphens."""
_AGAIN = "copy the whole line that 'p2pfs tracker invite' wrote."


class InvalidInvitation(P2pfsError):
    """Text that is no invitation, or one with something wrong in it."""


def _is_member_name(text: str) -> bool:
    try:
        return member_name(text) == text
    except InvalidMember:
        return False


def secret_hash(secret: bytes) -> bytes:
    """What a tracker keeps of a secret: its SHA-256, 32 bytes."""
    return sha256(secret).digest()


@dataclass(frozen=True)
class Invitation:
    """Where a swarm's tracker is, how it is known, and the secret that lets one in."""

    addresses: tuple[Address, ...]
    """Where the tracker listens: 1 to `MAX_ADDRESSES`, none of them a wildcard."""
    fingerprint: bytes
    """`FINGERPRINT_SIZE` bytes."""
    secret: bytes = field(repr=False)
    """`SECRET_SIZE` bytes."""
    tracker: str
    """The name of the tracker's member, in lower case."""

    def __post_init__(self) -> None:
        """Raises `InvalidInvitation` for what no invitation can say."""
        reason = self._objection()
        if reason is not None:
            raise InvalidInvitation(f"An invitation cannot be made so: {reason}.")

    def _objection(self) -> str | None:
        if not 1 <= len(self.addresses) <= MAX_ADDRESSES:
            return f"it names 1 to {MAX_ADDRESSES} addresses"
        if any(is_wildcard(address.host) or address.peer for address in self.addresses):
            return "each address needs a host that others can reach"
        if len(self.fingerprint) != FINGERPRINT_SIZE:
            return f"a fingerprint has {FINGERPRINT_SIZE} bytes"
        if len(self.secret) != SECRET_SIZE:
            return f"a secret has {SECRET_SIZE} bytes"
        if not _is_member_name(self.tracker):
            return "its tracker's name is not one of a member"
        return None

    def text(self) -> str:
        """The invitation as one line, without its end: for those only who shall get in."""
        inner = _Inner(
            [str(address) for address in self.addresses],
            self.fingerprint,
            self.secret,
            self.tracker,
        )
        return _PREFIX + _VERSION + urlsafe_b64encode(_ENCODE(inner)).rstrip(b"=").decode()


def parse_invitation(text: str) -> Invitation:
    """Read what `Invitation.text` wrote, however lines were broken on its way.

    Raises `InvalidInvitation`, the text of which repeats nothing of what was given.
    """
    if len(text) > _MAX_PASTED:
        raise InvalidInvitation(f"That is too long for an invitation; {_AGAIN}")
    line = "".join(text.translate(_SEEN_AS_NOTHING).split())
    if not line:
        raise InvalidInvitation(f"There is no invitation; {_AGAIN}")
    if not line.startswith(_PREFIX):
        raise InvalidInvitation(
            f"An invitation begins with '{_PREFIX}', and this does not; {_AGAIN}"
        )
    if len(line) > MAX_TEXT:
        raise InvalidInvitation(f"That is too long for an invitation; {_AGAIN}")
    version, coded = line[len(_PREFIX) : len(_PREFIX) + 1], line[len(_PREFIX) + 1 :]
    if version != _VERSION and version in tuple("0123456789"):
        raise InvalidInvitation(
            "The invitation was written by another version of p2pfs; have the same one here as "
            "on the tracker."
        )
    damaged = InvalidInvitation(f"The invitation was cut short or changed on its way; {_AGAIN}")
    if version != _VERSION or _BASE64.fullmatch(coded) is None:
        raise damaged
    try:
        inner = _DECODE(urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))
        return Invitation(
            tuple(map(parse_address, inner.addresses)),
            inner.fingerprint,
            inner.secret,
            inner.tracker,
        )
    # From none of them: what they quote may be the secret.
    except (binascii.Error, msgspec.MsgspecError, UnicodeError, RecursionError):
        raise damaged from None
    except (InvalidAddress, InvalidInvitation):
        raise damaged from None


class _Inner(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is within the base64; bytes are base64 once more in JSON."""

    addresses: list[str]
    fingerprint: bytes
    secret: bytes
    tracker: str

    def __repr__(self) -> str:
        return "_Inner(...)"


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(_Inner).decode
