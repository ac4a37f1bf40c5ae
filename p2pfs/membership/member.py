"""A member of a private swarm: what it is called, and what it may do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from p2pfs.errors import InvalidMember, InvalidName
from p2pfs.name_pattern import LONGEST, NamePattern
from p2pfs.names import check_prefix
from p2pfs.printable import printable

MAX_NAME = 253
"""Characters of a member's name: as many as a host name may have."""

MAX_PATTERNS = 32
"""Patterns of one publisher, at most."""

MAX_LABEL = 63
"""Characters between two dots of it."""

_NOT_IN_LABEL = re.compile(r"[^a-z0-9]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Role(Enum):
    """What a member is in its swarm, by the name that certificates have for it."""

    READER = "reader"
    PUBLISHER = "publisher"
    TRACKER = "tracker"


@dataclass(frozen=True)
class Member:
    """Who a certificate makes its owner."""

    name: str
    """As `member_name` has it."""
    role: Role
    patterns: tuple[str, ...]
    """Which names it may publish; empty but for a publisher."""
    key: bytes
    """Its public key (Ed25519): 32 bytes."""
    serial: int
    """The number of its certificate; no other of the same authority has it."""
    not_before: float
    """When the certificate begins to hold, in seconds since 1970 by the wall clock."""
    not_after: float
    """The last second in which it holds."""

    def may_publish(self, name: str) -> bool:
        """Whether it may publish, replace and unpublish what has that name.

        A pattern without a wildcard is for that one name, and for none that begins so.
        """
        return self.role is Role.PUBLISHER and any(
            NamePattern(pattern).is_name(name) for pattern in self.patterns
        )


def member_name(text: str) -> str:
    """The name that somebody means by ``text``, in small letters.

    It has the form of a host's name, so that TLS can check it as one. Raises `InvalidMember`.
    """
    # Only ASCII is folded: no other letter may become one that is allowed.
    name = text.lower() if text.isascii() else text
    labels = name.split(".")
    if len(name) > MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidMember(
            f"The member name '{_shown(text)}' cannot be used; take letters a to z, digits and "
            f"'-' inside, 1 to 63 of them between dots, {MAX_NAME} in all."
        )
    # What a host name's last part may not be, an address could be taken for.
    if labels[-1].isdigit():
        raise InvalidMember(
            f"The member name '{_shown(text)}' could be taken for an address; let it end with a "
            "part that has a letter."
        )
    return name


def name_of_host(host: str) -> str:
    """A member's name made of a host's, as the system has it.

    What no name may have becomes '-'. Raises `InvalidMember`, asking for ``--name``, when nothing
    is left that could be one.
    """
    labels: list[str] = []
    for part in host.split("."):
        label = _NOT_IN_LABEL.sub("-", part.lower()).strip("-")[:MAX_LABEL].rstrip("-")
        if label and len(".".join([*labels, label])) <= MAX_NAME:
            labels.append(label)
    try:
        return member_name(".".join(labels))
    except InvalidMember:
        raise InvalidMember(
            f"No member name can be made of this machine's name '{_shown(host)}'; give one with "
            "--name."
        ) from None


def check_patterns(role: Role, patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns as they are, if a member with that role may have them.

    Raises `InvalidMember`: only a publisher has some, and it has 1 to `MAX_PATTERNS`, each of
    1 to 256 characters.
    """
    given = tuple(patterns)
    if role is not Role.PUBLISHER:
        if given:
            raise InvalidMember(f"A {role.value} publishes nothing; leave out the names.")
        return given
    if not 1 <= len(given) <= MAX_PATTERNS:
        raise InvalidMember(
            f"A publisher needs 1 to {MAX_PATTERNS} patterns of names, and {len(given)} were "
            "given; '*' is for all names."
        )
    for pattern in given:
        _check_pattern(pattern)
    return given


def _check_pattern(pattern: str) -> None:
    if not pattern:
        raise InvalidMember("A pattern of names is empty; give '*' for all names.")
    if pattern.endswith("/"):
        raise InvalidMember(
            f"No name fits the pattern '{_shown(pattern)}'; give '{_shown(pattern)}*' for all "
            "names below."
        )
    if len(pattern) > LONGEST:
        raise InvalidMember(
            f"The pattern '{_shown(pattern)}' has {len(pattern)} characters, and {LONGEST} are "
            "the most; give a shorter one."
        )
    try:
        check_prefix(pattern)
    except InvalidName as error:
        raise InvalidMember(f"A pattern of names cannot be used: {error}") from None


def _shown(text: str) -> str:
    return printable(text if len(text) <= 80 else text[:77] + "...")
