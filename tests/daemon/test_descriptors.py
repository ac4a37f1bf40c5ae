"""How many connections a daemon may have of the system, and what they are for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from p2pfs.daemon.descriptors import RESERVED, Descriptors

SCRIPT = """
import resource
from p2pfs.daemon.descriptors import allow_many, free_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (16, {hard}))
allow_many()
print(free_descriptors(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("hard", "free"), [(1000, 1000 - RESERVED), (30, 1)])
def test_the_soft_limit_does_not_count(hard: int, free: int) -> None:
    """It is raised as far as allowed, and some descriptors are left for other things."""
    script = SCRIPT.format(hard=hard)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == [str(free), str(hard), str(hard)], done.stderr


@pytest.mark.parametrize("free", [28, 100, 1000, 4000, 65_536])
def test_no_kind_uses_up_what_another_needs(free: int) -> None:
    """With a file for each connection that is served, and two for each download."""
    peer = Descriptors.of_peer(free)
    assert 2 * peer.connections + peer.ssh + 2 * peer.downloads + peer.sources <= free
    assert min(peer.connections, peer.ssh, peer.downloads, peer.sources) >= 1
    tracker = Descriptors.of_tracker(free)
    assert tracker.connections + tracker.ssh <= free


def test_the_usual_limit_is_enough_for_the_usual_numbers() -> None:
    """That is 4,096 files at least."""
    peer = Descriptors.of_peer(4096 - RESERVED)
    assert peer.connections >= 256
    assert peer.ssh >= 16 + 64
    assert peer.downloads >= 64
    assert peer.sources >= 512
