"""Who is at the other end of a control socket."""

from __future__ import annotations

import os

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.commands import SOMEBODY
from p2pfs.console.control.callers import admitted, caller_behind
from p2pfs.console.control.groups import Group
from p2pfs.errors import NotAllowed
from tests.cli.program import run
from tests.console.toy import Daemon


@ensureDeferred
async def test_the_kernel_says_who_asks(daemon: Daemon) -> None:
    """Whatever the client says; the call has it."""
    await run(daemon, "echo", "x")
    (call,) = daemon.toy.calls
    assert (call.caller.uid, call.caller.gid) == (os.getuid(), os.getgid())
    assert f"(uid {os.getuid()})" in call.caller.who


def test_the_daemons_user_and_root_are_no_guests() -> None:
    """Whatever the group."""
    for group in (None, Group("some", 54321)):
        for uid in (0, os.geteuid()):
            assert not admitted(uid, 12345, group).is_guest


def test_others_are_guests_by_their_group() -> None:
    """By that of their process as well as by the machine's list."""
    caller = admitted(54321, 12345, Group("some", 12345))
    assert (caller.is_guest, caller.uid, caller.gid) == (True, 54321, 12345)
    assert caller.groups == {12345}


@pytest.mark.parametrize(("group", "why"), [(None, "--group"), (Group("some", 1), "'some'")])
def test_whoever_else_gets_to_the_socket_is_told_why_it_is_not_for_them(
    group: Group | None, why: str
) -> None:
    """Its mode should have kept them out, but modes get changed."""
    with pytest.raises(NotAllowed, match=why):
        admitted(54321, 12345, group)


def test_in_a_simulated_network_nobody_is_known() -> None:
    """There is no kernel to ask."""
    assert caller_behind(object()) is SOMEBODY
