"""What is on record of a private swarm. Times are seconds of the wall clock."""

from __future__ import annotations

from dataclasses import dataclass

from p2pfs.membership import Role


@dataclass(frozen=True)
class Terms:
    """What one is let in as."""

    role: Role
    patterns: tuple[str, ...] = ()
    """Which names a publisher may publish; of other roles there are none."""


@dataclass(frozen=True)
class Issued:
    """An invitation as it is on record: not its secret, but what that hashes to."""

    hash: bytes
    terms: Terms
    uses_left: int
    expires: float
    made: float
    ended: bool = False
    """That it was seen to be over, whatever the clock says since."""


@dataclass(frozen=True)
class Applicant:
    """Who asks to be let in, checked before, with the certificate it will get.

    ``name`` has 253 characters at most, ``key`` 32 bytes, ``serial`` up to 20 bytes as a
    positive number. ``address`` is where it came from.
    """

    name: str
    key: bytes
    serial: int
    since: float
    until: float
    address: str = ""


@dataclass(frozen=True)
class Enrolled:
    """A member on record: its latest certificate, since when it is one, and when it was seen."""

    name: str
    key: bytes
    terms: Terms
    serial: int
    since: float
    until: float
    address: str
    seen: float


@dataclass(frozen=True)
class Revocation:
    """A certificate that counts no more, and the number of the first list that says so."""

    serial: int
    name: str
    at: float
    until: float
    number: int
