"""What a peer uses of the machine it runs on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from p2pfs.peer.machine import this_machine
from p2pfs.testing.inline import InlineReactor


def test_there_is_a_thread_for_each_core() -> None:
    """Hashing has all of them, and nobody else's thread pool."""
    machine = this_machine(InlineReactor())
    assert machine.background.size == (os.cpu_count() or 1)


def test_its_disk_is_the_real_one(tmp_path: Path) -> None:
    """What is written there is seen by everybody."""
    disk = this_machine(InlineReactor()).disk
    fd = disk.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    disk.write(fd, [b"content"], 0)
    disk.close(fd)
    assert (tmp_path / "f").read_bytes() == b"content"


def test_its_secrets_cannot_be_foreseen() -> None:
    """Each is another, of the length that is asked for."""
    entropy = this_machine(InlineReactor()).entropy
    assert len({entropy(16) for _ in range(100)}) == 100
    assert len(entropy(16)) == 16


@pytest.mark.skipif(sys.platform != "linux", reason="other systems show no such tables")
def test_a_route_or_an_address_shows() -> None:
    """The tables of both are there to be compared."""
    routes = this_machine(InlineReactor()).routes
    assert routes is not None
    shown = routes()
    for table in ("/proc/net/route", "/proc/net/if_inet6"):
        if os.path.exists(table):
            assert Path(table).read_bytes() in shown
    assert b"Destination" in shown
