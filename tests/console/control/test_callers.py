"""Who is at the other end of a control socket."""

from __future__ import annotations

import os

from pytest_twisted import ensureDeferred

from p2pfs.commands import SOMEBODY
from p2pfs.console.control.callers import caller_behind
from tests.cli.program import run
from tests.console.toy import Daemon


@ensureDeferred
async def test_the_kernel_says_who_asks(daemon: Daemon) -> None:
    """Whatever the client says; the call has it."""
    await run(daemon, "echo", "x")
    (call,) = daemon.toy.calls
    assert (call.caller.uid, call.caller.gid) == (os.getuid(), os.getgid())
    assert f"(uid {os.getuid()})" in call.caller.who


def test_in_a_simulated_network_nobody_is_known() -> None:
    """There is no kernel to ask."""
    assert caller_behind(object()) is SOMEBODY
