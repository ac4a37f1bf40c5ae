"""What is on record of a private swarm."""

from __future__ import annotations

import pytest

from p2pfs.membership import Role
from p2pfs.tracker.enrolment import Terms


def test_only_publishers_need_patterns() -> None:
    """Terms are compared by what they say, and cannot be changed behind the record's back."""
    terms = Terms(Role.READER)
    assert terms == Terms(Role.READER, ())
    with pytest.raises(AttributeError):
        terms.role = Role.PUBLISHER  # type: ignore[misc]
