"""What a history knows of its private swarm and no peer does: who may do what, and who is out."""

from __future__ import annotations

from collections.abc import Mapping

from p2pfs.errors import AlreadyExists, BadSignature, P2pfsError
from p2pfs.name_pattern import NamePattern
from p2pfs.tracker.enrolment import Terms

MAY_NOT = ("is a reader; have a publisher do it", "which may publish only")
"""What is said to who wants to publish and may not."""


class Membership:
    """Who is a member, as what. In an open swarm everybody may do everything."""

    def __init__(self, terms: Mapping[str, Terms] | None = None) -> None:
        """``terms`` are those of honest members, by the names of their hosts.

        None is for an open swarm.
        """
        self.terms = terms
        self.revoked: dict[str, None] = {}
        """Hosts whose members were told to be revoked."""

    @property
    def is_private(self) -> bool:
        """Whether there are members at all."""
        return self.terms is not None

    def may_publish(self, member: str, name: str) -> bool:
        """Whether a member's word counts for a name, as long as it is not revoked."""
        if self.terms is None:
            return True
        terms = self.terms.get(member)
        return terms is not None and any(NamePattern(p).is_name(name) for p in terms.patterns)

    def is_out(self, member: str) -> bool:
        """Whether nobody talks to it any more, once all know that."""
        return member in self.revoked


def is_right_refusal(error: P2pfsError) -> bool:
    """Whether who may not publish is told why; one who holds it already is told that instead."""
    if isinstance(error, AlreadyExists):
        return True
    return isinstance(error, BadSignature) and any(part in str(error) for part in MAY_NOT)
