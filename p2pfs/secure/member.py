"""Who is at the other end of a connection, as far as a door has to know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a member is in its swarm."""

    READER = "reader"
    PUBLISHER = "publisher"
    TRACKER = "tracker"


@dataclass(frozen=True)
class Member:
    """A member of a private swarm, as its certificate has it."""

    name: str
    """A host name in lower case."""
    role: Role
    patterns: tuple[str, ...]
    """The names that it may publish."""
    key: bytes
    """Its public key (Ed25519), 32 bytes."""
