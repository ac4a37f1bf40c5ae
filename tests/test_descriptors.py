"""How many connections a daemon may have of the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from p2pfs.descriptors import SPARE

SCRIPT = """
import resource
from p2pfs.descriptors import allow_many, connections_possible
resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))
allow_many()
print(connections_possible(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(("hard", "possible"), [(1000, 1000 - SPARE), (100, 1)])
def test_the_soft_limit_does_not_count(hard: int, possible: int) -> None:
    """It is raised as far as allowed, and some descriptors are left for other things."""
    script = SCRIPT.format(hard=hard)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == [str(possible), str(hard), str(hard)], done.stderr
