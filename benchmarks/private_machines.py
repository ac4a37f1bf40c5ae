"""The daemons of a private swarm on this machine, each of which joins before it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.processes.daemons import Daemon, Machines

P2PFS = Path(sys.executable).with_name("p2pfs")


class PrivateMachines(Machines):
    """As those of an open swarm; all peers are publishers of everything."""

    def tracker(self) -> Daemon:
        """A tracker with an authority of its own."""
        self._run("tracker", "tracker", "private")
        return super().tracker()

    def peer(self, name: str, *options: str, **popen: Any) -> Daemon:
        """A peer that is a member."""
        address = f"127.0.0.1:{self.port}"
        rights = ("--role", "publisher", "--names", "*", "--address", address)
        invitation = self._run("tracker", "tracker", "invite", *rights)
        self._run(name, "join", "--name", name, given=invitation)
        return super().peer(name, *options, **popen)

    def _run(self, state: str, *command: str, given: str = "") -> str:
        directory = self.directory / state
        return subprocess.run(
            [P2PFS, "--state", directory, *command],
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
