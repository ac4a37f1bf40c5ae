"""A daemon that is its own program: what becomes of it is known by its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path
from p2pfs.daemon import Daemon, DaemonOptions, run_program, run_under_twistd

class Plain(Daemon):
    def startService(self):
        super().startService()
        self.reactor.callWhenRunning(self.give_up if sys.argv[1] == "fail" else self.reactor.stop)

class Options(DaemonOptions):
    role = "plain"

def make(options):
    return run_under_twistd(options, lambda reactor: Plain(reactor, options["state"]))

run_program(Options(), make, ["--config", "none", "--state", sys.argv[2]])
"""


@pytest.mark.parametrize(("end", "status"), [("stop", 0), ("fail", 1)])
def test_who_gives_up_is_to_be_started_again(tmp_path: Path, end: str, status: int) -> None:
    """And who was told to stop is not: a service manager goes by the exit status."""
    words = [sys.executable, "-c", SCRIPT, end, str(tmp_path / "state")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
