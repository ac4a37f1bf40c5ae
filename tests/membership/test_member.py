"""What a member may do."""

from __future__ import annotations

from p2pfs.membership import Role


def test_a_role_is_its_word() -> None:
    """In certificates and on record, roles are these words."""
    assert [Role(word).value for word in ("reader", "publisher", "tracker")] == list(Role)
