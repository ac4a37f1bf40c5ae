"""Who gave a command, as the log says it."""

from __future__ import annotations

from p2pfs.commands import SOMEBODY, Caller


def test_a_caller_is_shown_by_name() -> None:
    """A user of this machine is one that has a number; nobody else has any."""
    assert f"{Caller('alice (uid 1000)', 1000, 100)}" == "alice (uid 1000)"
    assert (SOMEBODY.uid, SOMEBODY.gid) == (None, None)
