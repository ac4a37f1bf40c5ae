"""Somebody sets the clock while a daemon runs: its time-outs do not care."""

from __future__ import annotations

import os
from pathlib import Path

from tests.processes.daemons import Daemon, Machines, until

SET_BACK = """
import os
import time

clock, times = time.time, {times!r}
time.time = lambda: clock() - 3600.0 * os.path.exists(times)
"""
"""Run by Python at its start: the time of day is an hour earlier once a certain file is there."""


def settable_clock(directory: Path) -> tuple[dict[str, str], Path]:
    """The environment of a process whose clock is set back when the file is made."""
    directory.mkdir()
    is_set = directory / "is_set"
    (directory / "sitecustomize.py").write_text(SET_BACK.format(times=str(is_set)))
    return {**os.environ, "PYTHONPATH": str(directory)}, is_set


def test_a_clock_that_is_set_back_holds_up_no_timer(machines: Machines) -> None:
    """By the time of day the next attempt to join would be made an hour later."""
    environment, is_set = settable_clock(machines.directory / "clock")
    tracker = f"tcp:127.0.0.1:{machines.port}"
    peer = Daemon("peer", machines.directory / "p", "--tracker", tracker, env=environment)
    machines.daemons.append(peer)
    peer.ready()
    until(lambda: peer.ask("status")["problem"])
    is_set.touch()
    machines.tracker()
    until(lambda: peer.ask("status")["joined_as"])
